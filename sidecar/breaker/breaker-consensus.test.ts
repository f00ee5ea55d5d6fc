import test from 'ava';
import fc from 'fast-check';
import type { FleetBreaker } from '../../proto/breaker-state.ts';
import { TRIAL_GRACE_MS, TRIAL_LEASE_MS } from './consensus-view.ts';
import { Play, type Gateway, takeStep, policy } from './testing/breaker-play.ts';

test('what one gateway opens is open on all', (t) => {
  const play = new Play(3);
  for (let i = 0; i < 2; i++) play.gateways[0]!.request(false);
  play.deliver();
  t.deepEqual(play.state(), ['open', 'open', 'open']);
});

test('the gateway that opened it tries first; another one may when it does not', (t) => {
  const play = new Play(2),
    [opener, other] = play.gateways as [Gateway, Gateway];
  for (let i = 0; i < 2; i++) opener.request(false);
  play.deliver();
  play.nowMs += 1000;
  t.is(other.request(true), 'rejected');
  play.nowMs += TRIAL_GRACE_MS;
  t.is(other.request(true), 'sent');
  play.deliver();
  t.deepEqual(play.state(), ['closed', 'closed']);
});

test('while one gateway tries the others wait, until its lease is over', (t) => {
  const play = new Play(2),
    [opener, other] = play.gateways as [Gateway, Gateway];
  for (let i = 0; i < 2; i++) opener.request(false);
  play.nowMs += 1000;
  const trial = opener.breaker.gate.acquire(play.nowMs);
  t.is(trial.kind, 'admit');
  play.deliver();
  play.nowMs += TRIAL_LEASE_MS - 1;
  t.is(other.request(true), 'rejected');
  play.nowMs += 1;
  t.is(other.request(true), 'sent');
  play.deliver();
  t.deepEqual(play.state(), ['closed', 'closed']);
});

test('two that open at once make one decision', (t) => {
  const play = new Play(2);
  for (const gateway of play.gateways) for (let i = 0; i < 2; i++) gateway.request(false);
  play.deliver();
  t.is((JSON.parse(play.hash.get('replica/1')!) as FleetBreaker).generation, 1);
  t.deepEqual(play.state(), ['open', 'open']);
});

test('gateways that disagree about a replica do not flap: each round lasts longer', (t) => {
  const play = new Play(2),
    [sees, blind] = play.gateways as [Gateway, Gateway];
  const openings: number[] = [];
  // For an hour one gateway reaches the replica and the other does not. Both have traffic all the time; the blind one
  // is slower to try.
  for (let i = 0; i < 36_000; i++) {
    play.nowMs += 100;
    const before = blind.transitions + sees.transitions;
    sees.request(true);
    if (i % 40 === 0) {
      blind.request(false);
      blind.request(false);
    }
    play.deliver();
    if (blind.transitions + sees.transitions > before && blind.breaker.gate.state.kind === 'open')
      openings.push(play.nowMs);
  }
  const gaps = openings.slice(1).map((atMs, index) => atMs - openings[index]!);
  t.true(openings.length < 150, `${openings.length} openings in an hour`);
  t.true(
    gaps.slice(-5).every((gap) => gap >= 30_000),
    `last gaps ${gaps.slice(-5).join(', ')} ms`,
  );
});

test('without Redis each gateway goes by its own evidence, and afterwards they agree again', (t) => {
  const play = new Play(2),
    [one, other] = play.gateways as [Gateway, Gateway];
  play.isRedisUp = false;
  for (let i = 0; i < 2; i++) one.request(false);
  play.deliver();
  t.deepEqual(play.state(), ['open', 'closed']);
  play.nowMs += 1000;
  one.request(true);
  t.is(one.breaker.gate.state.kind, 'closed');
  for (let i = 0; i < 2; i++) one.request(false);
  play.isRedisUp = true;
  one.resync();
  other.resync();
  t.deepEqual(play.state(), ['open', 'open']);
});

test('an operator’s order goes before all, and its end brings back what stands', (t) => {
  const play = new Play(2);
  const order = (state: string | null) => {
    play.publish('order/replica/1', state && JSON.stringify({ state, by: 'ann', atMs: 1 }));
    play.deliver();
  };
  order('forced-open');
  t.deepEqual(play.state(), ['forced-open', 'forced-open']);
  order('disabled');
  for (let i = 0; i < 9; i++) play.gateways[0]!.request(false);
  t.deepEqual(play.state(), ['disabled', 'disabled']);
  order(null);
  t.deepEqual(play.state(), ['closed', 'closed']);
  for (let i = 0; i < 2; i++) play.gateways[0]!.request(false);
  play.deliver();
  order('observe');
  order(null);
  t.deepEqual(play.state(), ['open', 'open']);
});

test('an order that ended while nobody listened ends with the next reading', (t) => {
  const play = new Play(1),
    [gateway] = play.gateways as [Gateway];
  play.publish('order/replica/1', JSON.stringify({ state: 'forced-open', by: 'ann', atMs: 1 }));
  play.deliver();
  play.hash.clear();
  gateway.resync();
  t.deepEqual(play.state(), ['closed']);
});

test('an operator closes a breaker for all', (t) => {
  const play = new Play(2);
  for (let i = 0; i < 2; i++) play.gateways[0]!.request(false);
  play.deliver();
  play.publish('replica/1', null);
  play.deliver();
  t.deepEqual(play.state(), ['closed', 'closed']);
  for (let i = 0; i < 2; i++) play.gateways[1]!.request(false);
  play.deliver();
  t.deepEqual(play.state(), ['open', 'open']);
});

test('when Redis lost its data the gateway that had decided says so again, and later decisions count', (t) => {
  const play = new Play(2),
    [one, other] = play.gateways as [Gateway, Gateway];
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 2; i++) one.request(false);
    play.nowMs += 100_000;
    one.request(true);
  }
  for (let i = 0; i < 2; i++) one.request(false);
  play.deliver();
  play.hash.clear();
  other.resync();
  one.resync();
  t.is((JSON.parse(play.hash.get('replica/1')!) as FleetBreaker).state, 'open');
  other.resync();
  t.deepEqual(play.state(), ['open', 'open']);
  play.hash.clear();
  play.nowMs += 1_000_000;
  other.resync();
  one.request(true);
  other.resync();
  t.deepEqual(play.state(), ['closed', 'closed']);
});

test('a breaker whose policy changed takes up what the fleet decided', (t) => {
  const play = new Play(2),
    [one, other] = play.gateways as [Gateway, Gateway];
  for (let i = 0; i < 2; i++) one.request(false);
  play.deliver();
  other.table.configure({ ...policy, replicaBreaker: { ...policy.replicaBreaker, threshold: 9 } });
  other.resync();
  t.is(other.breaker.gate.state.kind, 'open');
});

/** What a gateway holds at rest of what stands in Redis: only the one that opened a breaker tries half open. */
function expectedState(standing: FleetBreaker | undefined, gateway: string): FleetBreaker['state'] {
  if (!standing || standing.state === 'closed') return 'closed';
  return standing.by === gateway ? standing.state : 'open';
}

test('whatever happens in whatever order, at rest all gateways hold what stands in Redis', (t) => {
  const steps = fc.array(
    fc.oneof(
      fc.record({ do: fc.constant('request' as const), who: fc.nat(2), works: fc.boolean() }),
      fc.record({ do: fc.constant('deliver' as const), who: fc.nat(2) }),
      fc.record({ do: fc.constant('lose' as const), who: fc.nat(2) }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.constantFrom(10, 1000, 3000, 12_000) }),
      fc.record({ do: fc.constant('redis' as const), isUp: fc.boolean() }),
      fc.record({ do: fc.constant('resync' as const), who: fc.nat(2) }),
      fc.record({ do: fc.constant('delete' as const), isTold: fc.boolean() }),
    ),
    { maxLength: 150, size: 'max' },
  );
  let notClosed = 0;
  fc.assert(
    fc.property(steps, (sequence) => {
      const play = new Play(3);
      for (const step of sequence) takeStep(play, step);
      play.isRedisUp = true;
      for (let round = 0; round < 2; round++) {
        for (const gateway of play.gateways) gateway.resync();
        play.deliver();
      }
      const text = play.hash.get('replica/1');
      const standing = text ? (JSON.parse(text) as FleetBreaker) : undefined;
      for (const [index, gateway] of play.gateways.entries()) {
        const kind = gateway.breaker.gate.state.kind;
        t.is(kind, expectedState(standing, `g${index}`));
        if (kind !== 'closed') notClosed++;
      }
    }),
    { numRuns: 1500 },
  );
  t.true(notClosed > 500);
});
