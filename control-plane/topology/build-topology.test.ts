import test from 'ava';
import fc from 'fast-check';
import { configOf, inputsOf } from '../resources/testing/golden-cases.ts';
import { buildTopology } from './build-topology.ts';
import { replicaKey, type TopologyInputs } from './inputs.ts';

const TWO = configOf(`
servers:
  - name: linear
    backends:
      - {name: stable, weight: 75, replicas: ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]}
      - {name: canary, weight: 25, replicas: ["127.0.0.1:4"]}
`);
const linear = (changes: Partial<TopologyInputs> = {}, config = TWO) =>
  buildTopology(inputsOf(config, changes)).servers[0]!;
const unhealthy = (...ports: number[]) =>
  new Map(ports.map((port) => [replicaKey('linear', `127.0.0.1:${port}`), 'unhealthy' as const]));
const states = (changes: Partial<TopologyInputs> = {}) =>
  Object.fromEntries(
    linear(changes).endpoints.map(({ slot, state, isSteady, weight }) => [
      slot,
      `${state}${isSteady ? ' steady' : ''} ${weight}`,
    ]),
  );

test('a server of which nothing changed is the very same object, and whatever changed is seen', (t) => {
  const [server, address] = ['linear', '127.0.0.1:1'],
    base = inputsOf(TWO);
  const built = (changes: Partial<TopologyInputs>) => buildTopology({ ...base, ...changes }).servers[0]!;
  t.is(built({}), built({ health: new Map(), slots: new Map(base.slots), drains: [] }));
  const changes: Partial<TopologyInputs>[] = [
    { health: unhealthy(1) },
    { slots: new Map(base.slots).set(replicaKey(server, address), 'z') },
    { drains: [{ server, replica: address }] },
    { weights: new Map([[server, new Map([['canary', 50]])]]) },
    { openBreakers: [{ server, slot: '1', tool: null }] },
    { lostSlots: new Map([[server, ['y']]]) },
    { tools: new Map([[server, []]]) },
    { replicas: base.replicas.slice(1) },
  ];
  for (const change of changes) {
    const before = built({});
    t.notDeepEqual(built(change), before, JSON.stringify(Object.keys(change)));
    t.deepEqual(built({}), before);
  }
});

test('new sessions are shared among backends by weight, and evenly inside each', (t) => {
  t.deepEqual(states(), {
    1: 'active steady 2500',
    2: 'active steady 2500',
    3: 'active steady 2500',
    4: 'active steady 2500',
  });
});

test('an unhealthy replica takes nothing, is not steady, and its share goes to the others of its backend', (t) => {
  t.deepEqual(states({ health: unhealthy(1) }), {
    1: 'unhealthy 0',
    2: 'active steady 3750',
    3: 'active steady 3750',
    4: 'active steady 2500',
  });
});

test('a backend without a healthy replica leaves its share to the others, and keeps its endpoints', (t) => {
  const { endpoints, backends } = linear({ health: unhealthy(4) });
  t.is(endpoints.length, 4);
  t.deepEqual(
    endpoints.map(({ weight }) => weight),
    [3333, 3333, 3333, 0],
  );
  t.deepEqual(
    backends.map(({ weight }) => weight),
    [75, 0],
  );
});

test('with every replica unhealthy the endpoints stay: sessions wait for them', (t) => {
  t.deepEqual(
    linear({ health: unhealthy(1, 2, 3, 4) }).endpoints.map(({ state }) => state),
    ['unhealthy', 'unhealthy', 'unhealthy', 'unhealthy'],
  );
});

test('a drained replica, by name or address, a drained backend and a terminating pod take no new sessions', (t) => {
  t.is(states({ drains: [{ server: 'linear', replica: '127.0.0.1:2' }] })['2'], 'draining 0');
  t.is(states({ drains: [{ server: 'linear', backend: 'canary' }] })['4'], 'draining 0');
  t.is(states({ drains: [{ server: 'other', backend: 'canary' }] })['4'], 'active steady 2500');
  const { replicas } = inputsOf(TWO);
  t.is(
    states({ replicas: replicas.map((each) => ({ ...each, isTerminating: each.address === '127.0.0.1:3' })) })['3'],
    'draining 0',
  );
  t.is(
    states({ replicas: replicas.map((each) => ({ ...each, isReady: each.address !== '127.0.0.1:3' })) })['3'],
    'standby steady 0',
    'one that is not ready keeps its sessions where they are',
  );
});

test('a replica that nobody has looked at takes nothing new beside a healthy one of its backend, which may take new sessions', (t) => {
  const { replicas } = inputsOf(TWO);
  const tried = (address: string): Map<string, 'healthy'> => new Map([[replicaKey('linear', address), 'healthy']]);
  t.deepEqual(states({ health: tried('127.0.0.1:1') }), {
    1: 'active steady 7500',
    2: 'standby steady 0',
    3: 'standby steady 0',
    4: 'active steady 2500',
  });
  // One that leaves, or is not ready, serves nobody new: the others are needed.
  for (const change of [{ isTerminating: true }, { isReady: false }])
    t.is(
      states({
        health: tried('127.0.0.1:1'),
        replicas: replicas.map((each) => (each.address === '127.0.0.1:1' ? { ...each, ...change } : each)),
      })['2'],
      'active steady 3750',
    );
});

test('a rollout’s weights win over the configured ones; at 0 a backend keeps its sessions and stays steady', (t) => {
  t.deepEqual(
    states({
      weights: new Map([
        [
          'linear',
          new Map([
            ['stable', 0],
            ['canary', 100],
          ]),
        ],
      ]),
    }),
    { 1: 'standby steady 0', 2: 'standby steady 0', 3: 'standby steady 0', 4: 'active steady 10000' },
  );
});

test('an open breaker of a replica makes its slot not steady; one of a tool makes the server’s unguarded calls be decided on', (t) => {
  t.is(states({ openBreakers: [{ server: 'linear', slot: '2', tool: null }] })['2'], 'active 0');
  t.deepEqual(states({ openBreakers: [{ server: 'linear', slot: null, tool: 'pay' }] })['2'], 'active steady 2500');
  t.true(linear({ openBreakers: [{ server: 'linear', slot: null, tool: 'pay' }] }).hasOpenToolBreaker);
});

test('a replica without a slot is not in the mesh yet', (t) => {
  t.deepEqual(Object.keys(states({ slots: new Map([[replicaKey('linear', '127.0.0.1:3'), 'k']]) })), ['k']);
});

test('with failover switched off for the whole mesh, lost sessions are told to begin anew', (t) => {
  const off = configOf(
    'sessionStore: {isFailoverEnabled: false}\nservers: [{name: linear, backends: [{name: stable, replicas: ["127.0.0.1:1"]}]}, {name: other, onReplicaLoss: fail, backends: [{name: stable, replicas: ["127.0.0.1:2"]}]}]',
  );
  t.deepEqual(
    buildTopology(inputsOf(off)).servers.map(({ policy }) => policy.onReplicaLoss),
    ['notify404', 'fail'],
  );
});

test('whatever is known: only healthy, undrained replicas of weighted backends take new sessions, and somebody takes them whenever anybody can', (t) => {
  const ports = [1, 2, 3, 4];
  fc.assert(
    fc.property(
      fc.subarray(ports),
      fc.subarray(ports),
      fc.subarray(ports),
      fc.record({ stable: fc.nat(100), canary: fc.nat(100) }),
      (sick, drained, broken, weights) => {
        const { endpoints } = linear({
          health: unhealthy(...sick),
          drains: drained.map((port) => ({ server: 'linear', replica: `127.0.0.1:${port}` })),
          openBreakers: broken.map((port) => ({ server: 'linear', slot: String(port), tool: null })),
          weights: new Map([['linear', new Map(Object.entries(weights))]]),
        });
        const may = (port: number) =>
          !sick.includes(port) &&
          !drained.includes(port) &&
          !broken.includes(port) &&
          weights[port === 4 ? 'canary' : 'stable'] > 0;
        return (
          endpoints.length === 4 &&
          endpoints.every(
            ({ slot, weight, isSteady }) => weight > 0 === may(Number(slot)) && (weight === 0 || isSteady),
          )
        );
      },
    ),
  );
  t.pass();
});
