import test from 'ava';
import { RESOURCE, SERVER_POLICY_TYPE } from '../../proto/wire.ts';
import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { accept, EMPTY_FLEET, isComplete, versionsOf, type FleetState } from './fleet-state.ts';
import { assignment, policy, replica } from './testing/test-fleet.ts';

const policies = (...resources: object[]) => ({
  typeUrl: SERVER_POLICY_TYPE,
  removed: [],
  resources: resources.map((json, index) => ({ name: (json as { name: string }).name, version: `v${index}`, json })),
});
const endpoints = (server: string, ...replicas: object[]) => ({
  typeUrl: RESOURCE_TYPE.endpoints,
  removed: [],
  resources: [{ name: RESOURCE.serverCluster(server), version: 'e', json: assignment(server, ...replicas) }],
});

function fleet(...deliveries: Parameters<typeof accept>[1][]): FleetState {
  return deliveries.reduce((state, delivery) => accept(state, delivery).state, EMPTY_FLEET);
}

test('a server is there once its policy and its endpoints are', (t) => {
  const half = fleet(policies(policy('linear')));
  t.is(half.topology.server('linear'), undefined);
  t.false(isComplete(half));
  const whole = fleet(policies(policy('linear')), endpoints('linear', replica('0', 3001)));
  t.is(whole.topology.server('linear')!.policy.path, '/mcp');
  t.true(isComplete(whole));
  t.deepEqual(versionsOf(whole, RESOURCE_TYPE.endpoints), { 'mcp.linear': 'e' });
});

test('replicas are found by slot and by address; relays are none; lost slots are apart', (t) => {
  const state = fleet(
    policies(policy('linear', { lost_slots: ['9'] })),
    endpoints('linear', replica('0', 3001), replica('1', 3002, { state: 'draining', steady: false, weight: 0 }), {
      endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: 7900 } } },
      metadata: { filter_metadata: { holdfast: { state: 'relay' } } },
    }),
  );
  const server = state.topology.server('linear')!;
  t.deepEqual(
    server.endpoints.map(({ slot }) => slot),
    ['0', '1'],
  );
  t.deepEqual(server.bySlot('1'), {
    server: 'linear',
    replica: 'r1',
    backend: 'stable',
    slot: '1',
    address: '127.0.0.1:3002',
    state: 'draining',
    isSteady: false,
    weight: 0,
  });
  t.is(server.byAddress('127.0.0.1:3001')!.slot, '0');
  t.is(server.bySlot('9'), undefined);
  t.true(server.lostSlots.has('9'));
  t.deepEqual(server.backends, [{ name: 'stable', weight: 100 }]);
});

test('a server’s tools come with its policy, and are unknown where the control plane says nothing of them', (t) => {
  const tools = [{ name: 'read', is_read_only: true }, { name: 'write' }];
  const told = (extra: object) =>
    fleet(policies(policy('linear', extra)), endpoints('linear', replica('0', 3001))).topology.server('linear')!.tools;
  t.deepEqual(told({ tools, are_tools_known: true })?.get('read'), {
    name: 'read',
    isReadOnly: true,
    isIdempotent: false,
  });
  t.is(told({ are_tools_known: true })?.size, 0);
  t.is(told({}), null);
});

test('of the gateways’ relays those are known that want mTLS', (t) => {
  const relay = (port: number, more: object = {}) => ({
    endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } },
    metadata: { filter_metadata: { holdfast: { state: 'relay', ...more } } },
  });
  const { relays, tlsRelays } = fleet(
    policies(policy('linear')),
    endpoints('linear', relay(7900), relay(7903, { peer: true })),
  ).topology.server('linear')!;
  t.deepEqual([relays, tlsRelays], [['127.0.0.1:7900', '127.0.0.1:7903'], ['127.0.0.1:7903']]);
});

test('a change of one server leaves the others’ views as they are, and the former topology untouched', (t) => {
  const before = fleet(
    policies(policy('a'), policy('b')),
    endpoints('a', replica('0', 1)),
    endpoints('b', replica('1', 2)),
  );
  const { state, changed } = accept(before, endpoints('a', replica('0', 1), replica('2', 3)));
  t.deepEqual([...changed], ['a']);
  t.is(state.topology.server('b'), before.topology.server('b'));
  t.is(before.topology.server('a')!.endpoints.length, 1);
  t.is(state.topology.server('a')!.endpoints.length, 2);
});

test('a bad policy is refused with its reason, the last good one stays, and what came beside it is taken', (t) => {
  const before = fleet(policies(policy('a')), endpoints('a', replica('0', 1)), endpoints('b', replica('1', 2)));
  const { state, problems } = accept(
    before,
    policies(policy('a', { policy: { name: 'a', sessionTtlSeconds: -1 } }), policy('b')),
  );
  t.is(problems.length, 1);
  t.regex(problems[0]!, /policy of a: sessionTtlSeconds/);
  t.is(state.topology.server('a')!.policy.sessionTtlSeconds, 3600);
  t.true(state.policies.has('b'));
});

test('keys of a newer control plane are left out, at any depth', (t) => {
  const state = fleet(
    policies(policy('a', { policy: { name: 'a', brandNew: true, timeouts: { callMs: 5, novel: { x: 1 } } } })),
    endpoints('a'),
  );
  t.is(state.topology.server('a')!.policy.timeouts.callMs, 5);
});

for (const [what, bad, description] of [
  ['two replicas with one slot', [replica('0', 1), replica('0', 2)], /two replicas have slot 0/],
  ['an unknown state', [replica('0', 1, { state: 'sleepy' })], /unknown state "sleepy"/],
  ['a replica without an address', [{ ...replica('0', 1), endpoint: {} }], /no socket address/],
] as const) {
  test(`endpoints are refused: ${what}`, (t) => {
    const before = fleet(policies(policy('a')), endpoints('a', replica('0', 1)));
    const { state, problems } = accept(before, endpoints('a', ...bad));
    t.regex(problems[0]!, description);
    t.is(state, before);
  });
}

test('a server that is removed is gone with its endpoints', (t) => {
  const before = fleet(policies(policy('a')), endpoints('a', replica('0', 1)));
  const { state } = accept(before, { typeUrl: SERVER_POLICY_TYPE, resources: [], removed: ['a'] });
  t.is(state.topology.servers.size, 0);
  t.deepEqual(versionsOf(state, RESOURCE_TYPE.endpoints), {});
});
