import test from 'ava';
import fc from 'fast-check';
import { RESOURCE_TYPE as TYPE } from '../../proto/xds/loader.ts';
import type { DeltaRequest } from './delta-subscription.ts';
import {
  EMPTY_STREAM,
  isSettled,
  nextPush,
  ORDER_WAIT_MS,
  receive,
  RESPONSE_BYTES,
  type DeltaStream,
  type Push,
} from './delta-stream.ts';
import type { Resources, XdsResource } from './resource.ts';

/** Without real messages: only names, versions and sizes matter to the protocol. */
const resource = (name: string, version: string, size = 1): XdsResource => ({
  name,
  version,
  any: { type_url: '', value: new Uint8Array(size) },
  references: [],
});
const request = (parts: Partial<DeltaRequest> = {}): DeltaRequest => ({
  subscribe: [],
  unsubscribe: [],
  initialVersions: {},
  nonce: '',
  error: null,
  ...parts,
});

function drain(
  stream: DeltaStream,
  resources: Resources,
  nowMs = 0,
): { stream: DeltaStream; pushes: Push[]; wakeAtMs: number | null } {
  const pushes: Push[] = [];
  for (;;) {
    const next = nextPush(stream, resources, nowMs);
    stream = next.stream;
    if (!next.push) return { stream, pushes, wakeAtMs: next.wakeAtMs };
    pushes.push(next.push);
  }
}
const world = (parts: Record<string, XdsResource[]>): Resources =>
  new Map(Object.entries(parts).map(([type, list]) => [type, new Map(list.map((each) => [each.name, each]))]));

test('routes wait for a cluster that is not settled, but not for ever', (t) => {
  const resources = world({ [TYPE.cluster]: [resource('a', '1')], [TYPE.routes]: [resource('r', '1')] });
  let { stream } = receive(EMPTY_STREAM, TYPE.cluster, request());
  ({ stream } = receive(stream, TYPE.routes, request({ subscribe: ['r'] })));
  const first = drain(stream, resources, 1000);
  t.deepEqual(
    first.pushes.map(({ typeUrl }) => typeUrl),
    [TYPE.cluster],
  );
  t.is(first.wakeAtMs, 1000 + ORDER_WAIT_MS);
  const later = drain(first.stream, resources, 1000 + ORDER_WAIT_MS);
  t.deepEqual(
    later.pushes.map(({ typeUrl }) => typeUrl),
    [TYPE.routes],
  );
  t.false(isSettled(later.stream, resources));
});

test('a cluster stays while the client refuses the routes that no longer use it', (t) => {
  const before = world({ [TYPE.cluster]: [resource('a', '1')], [TYPE.routes]: [resource('r', '1')] });
  let { stream } = receive(EMPTY_STREAM, TYPE.cluster, request({ initialVersions: { a: '1' } }));
  ({ stream } = receive(stream, TYPE.routes, request({ subscribe: ['r'], initialVersions: { r: '1' } })));
  t.deepEqual(drain(stream, before).pushes, []);
  const after = world({ [TYPE.routes]: [resource('r', '2')] });
  const {
    stream: sent,
    pushes: [routes],
  } = drain(stream, after);
  ({ stream } = receive(sent, TYPE.routes, request({ nonce: routes!.nonce, error: 'no' })));
  const held = drain(stream, after, 1e9);
  t.deepEqual([held.pushes, held.wakeAtMs], [[], null]);
  const better = drain(held.stream, world({ [TYPE.routes]: [resource('r', '3')] }), 1e9);
  ({ stream } = receive(better.stream, TYPE.routes, request({ nonce: better.pushes[0]!.nonce })));
  t.deepEqual(
    drain(stream, world({ [TYPE.routes]: [resource('r', '3')] }), 1e9).pushes.map(({ remove }) => remove),
    [['a']],
  );
});

test('much is sent in portions, one at a time', (t) => {
  const resources = world({
    [TYPE.cluster]: Array.from({ length: 5 }, (_, index) => resource(`c${index}`, '1', RESPONSE_BYTES / 2)),
  });
  let { stream } = receive(EMPTY_STREAM, TYPE.cluster, request());
  const sizes: number[] = [];
  for (;;) {
    const next = drain(stream, resources);
    if (next.pushes.length === 0) break;
    t.is(next.pushes.length, 1);
    sizes.push(next.pushes[0]!.send.length);
    ({ stream } = receive(next.stream, TYPE.cluster, request({ nonce: next.pushes[0]!.nonce })));
  }
  t.deepEqual(sizes, [2, 2, 1]);
});

const NAMES = ['a', 'b', 'c', 'd'];

test('whatever is subscribed, changed, refused or interrupted, a client that plays by the rules ends up with exactly what it wants', (t) => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constant('set' as const),
      name: fc.constantFrom(...NAMES),
      version: fc.integer({ min: 1, max: 5 }),
    }),
    fc.record({ kind: fc.constant('delete' as const), name: fc.constantFrom(...NAMES) }),
    fc.record({ kind: fc.constant('subscribe' as const), name: fc.constantFrom(...NAMES, '*') }),
    fc.record({ kind: fc.constant('unsubscribe' as const), name: fc.constantFrom(...NAMES, '*') }),
    fc.record({ kind: fc.constant('read' as const) }),
    fc.record({ kind: fc.constant('reconnect' as const) }),
    fc.record({ kind: fc.constant('push' as const) }),
  );
  /** Version 5 of anything is one that the client refuses. */
  const isBad = (version: string) => version === '5';
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      let stream = EMPTY_STREAM,
        wire: Push[] = [],
        wants = new Set<string>(['*']);
      const server = new Map<string, XdsResource>(),
        has = new Map<string, string>();
      const resources: Resources = new Map([[TYPE.cluster, server]]);
      const connect = () => {
        wire = [];
        ({ stream } = receive(
          EMPTY_STREAM,
          TYPE.cluster,
          request({ subscribe: [...wants], initialVersions: Object.fromEntries(has) }),
        ));
      };
      const isWanted = (name: string) => wants.has('*') || wants.has(name);
      const push = () => {
        const drained = drain(stream, resources);
        stream = drained.stream;
        wire.push(...drained.pushes);
      };
      const read = () => {
        const delta = wire.shift();
        if (!delta) return;
        const isRefused = delta.send.some(({ version }) => isBad(version));
        if (!isRefused) {
          for (const { name, version } of delta.send) if (isWanted(name)) has.set(name, version);
          for (const name of delta.remove) has.delete(name);
        }
        ({ stream } = receive(stream, TYPE.cluster, request({ nonce: delta.nonce, error: isRefused ? 'bad' : null })));
      };
      connect();
      for (const each of steps) {
        if (each.kind === 'set') server.set(each.name, resource(each.name, String(each.version)));
        else if (each.kind === 'delete') server.delete(each.name);
        else if (each.kind === 'read') read();
        else if (each.kind === 'push') push();
        else if (each.kind === 'reconnect') {
          if (wants.size > 0) connect();
        } else if (each.kind === 'subscribe') {
          wants.add(each.name);
          ({ stream } = receive(stream, TYPE.cluster, request({ subscribe: [each.name] })));
        } else {
          wants.delete(each.name);
          for (const name of has.keys()) if (!isWanted(name)) has.delete(name);
          ({ stream } = receive(stream, TYPE.cluster, request({ unsubscribe: [each.name] })));
        }
      }
      for (let round = 0; round < 50; round++) {
        push();
        if (wire.length === 0) break;
        read();
      }
      t.is(wire.length, 0, 'it comes to rest');
      for (const name of NAMES) {
        const wanted = isWanted(name) ? server.get(name)?.version : undefined;
        // A refused version leaves the client with what it had before.
        if (wanted === undefined || !isBad(wanted)) t.is(has.get(name), wanted, name);
      }
      t.true(isSettled(stream, resources));
    }),
    { numRuns: 5000 },
  );
});
