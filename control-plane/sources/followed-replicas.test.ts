import test, { type ExecutionContext } from 'ava';
import type { SourceReport } from '../discovery/source.ts';
import { configOf } from '../resources/testing/golden-cases.ts';
import { openFileSlotStore } from '../slots/file-slot-store.ts';
import { Slots } from '../slots/slots.ts';
import type { GatewayNode } from '../topology/topology.ts';
import { FollowedReplicas } from './followed-replicas.ts';

type Found = NonNullable<SourceReport['replicas']>[number];
const pod = (name: string, address: string, more: Partial<Found> = {}): Found => ({
  name,
  address,
  isTerminating: false,
  identity: `uid-${name}`,
  ...more,
});

/** Replicas of one server, as its source names them; `settled` waits until slots were given. */
async function world(t: ExecutionContext) {
  const state = { nowMs: Date.UTC(2026, 6, 1), found: [] as Found[], gateways: [] as GatewayNode[] };
  const now = (): number => state.nowMs;
  const slots = new Slots({ store: await openFileSlotStore(null, now), keepLostMs: () => 3_600_000, now });
  const probed: string[][] = [],
    warned: unknown[] = [];
  let changed = (): void => {};
  const followed = new FollowedReplicas({
    config: () =>
      configOf(
        'servers: [{name: linear, backends: [{name: stable, discovery: {type: kubernetes, service: linear-server}}]}]',
      ),
    found: () => new Map([['linear/stable', { replicas: state.found, problem: null, confirmedAtMs: 1 }]]),
    gateways: () => state.gateways,
    isLeader: () => true,
    slots,
    probes: { watch: (targets) => probed.push(targets.map(({ replica }) => replica)) },
    now,
    log: { warn: (line: unknown) => warned.push(line) } as never,
    onChange: () => changed(),
    onError: (error) => t.fail(String(error)),
  });
  /** The source says this, `ms` later. */
  const say = async (ms: number, ...found: Found[]): Promise<string[]> => {
    state.nowMs += ms;
    state.found = found;
    const settled = new Promise<void>((resolve) => {
      changed = resolve;
    });
    followed.follow();
    await settled;
    // A new incarnation is told after the slots are kept.
    await slots.refresh();
    return followed.known().replicas.map(({ name }) => name);
  };
  return { state, slots, followed, probed, warned, say };
}

test('a pod that starts is no replica; one that falters keeps its slot; one that was given up and falters is none again', async (t) => {
  const { say, slots } = await world(t);
  const a = pod('a', '10.0.0.1:3000');
  t.deepEqual(await say(0, { ...a, isReady: false }), []);
  t.deepEqual(await say(1000, a), ['a']);
  const slot = slots.slotOf('linear', a.address);
  t.deepEqual(await say(1000, { ...a, isReady: false }), ['a']);
  t.is(slots.slotOf('linear', a.address), slot, 'its sessions are still found');
  t.deepEqual(await say(1000), []);
  t.deepEqual(await say(1000, { ...a, isReady: false }), []);
});

test('another pod at the same address gets a slot of its own, and is not taken for the one before', async (t) => {
  const { say, slots } = await world(t);
  await say(0, pod('a', '10.0.0.1:3000'));
  const slot = slots.slotOf('linear', '10.0.0.1:3000');
  await say(5000, pod('b', '10.0.0.1:3000'));
  const next = slots.slotOf('linear', '10.0.0.1:3000');
  t.not(next, slot);
  t.deepEqual(slots.lostSlots.get('linear'), [slot]);
  await say(5000, pod('b', '10.0.0.1:3000'));
  t.is(slots.slotOf('linear', '10.0.0.1:3000'), next);
});

test('an address that becomes a gateway’s is given up without waiting for the source, and taken again when the gateway is gone', async (t) => {
  const { say, state, slots, followed, probed, warned } = await world(t);
  t.deepEqual(await say(0, pod('a', '10.0.0.1:37373')), ['a']);
  const listen = '10.0.0.1:37373';
  state.gateways = [{ id: 'linear-7', relay: [], peer: null, listen, isDraining: false }];
  t.deepEqual(followed.known().replicas, []);
  await slots.refresh();
  t.is(slots.slotOf('linear', listen), undefined);
  t.deepEqual(probed.at(-1), [], 'nobody probes an Envoy as if it were a server');
  t.is(warned.length, 1);
  t.regex(followed.reports().get('linear/stable')?.problem ?? '', /gateway node linear-7.*linear-server-replicas/);
  followed.known();
  t.is(warned.length, 1, 'said once');
  state.gateways = [];
  followed.known();
  await slots.refresh();
  t.truthy(slots.slotOf('linear', listen));
  t.deepEqual(probed.at(-1), ['a']);
});
