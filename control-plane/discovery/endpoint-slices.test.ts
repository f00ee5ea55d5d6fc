import test from 'ava';
import { chooseFamily, type FamilyChoice } from './family-choice.ts';
import { familyOf, replicasOf, type EndpointSlice } from './endpoint-slices.ts';

const slice = (ports: object[], conditions: object = {}): EndpointSlice => ({
  ports,
  endpoints: [{ addresses: ['10.0.0.1', '10.0.0.9'], conditions }],
});
const one = [{ name: 'http', port: 3000 }];
const found = (conditions: object) => {
  const read = replicasOf([slice(one, conditions)], undefined, 'IPv4');
  return 'replicas' in read
    ? read.replicas.map(({ isTerminating, isReady }) =>
        isTerminating ? 'draining' : isReady === false ? 'unready' : 'ready',
      )
    : read;
};

test('absent conditions mean ready; who terminates drains, whatever its readiness probe says; who is not ready is told apart', (t) => {
  t.deepEqual(found({}), ['ready']);
  t.deepEqual(found({ ready: true }), ['ready']);
  t.deepEqual(found({ ready: false }), ['unready']);
  t.deepEqual(found({ ready: false, serving: false, terminating: true }), ['draining']);
  t.deepEqual(found({ ready: false, serving: true, terminating: true }), ['draining']);
  t.deepEqual(found({ ready: true, serving: true, terminating: true }), ['draining'], 'publishNotReadyAddresses');
});

test('the port is found by number, by name, or as the only one; otherwise the problem names the ports', (t) => {
  const several = [...one, { name: 'metrics', port: 9000 }];
  const address = (ports: object[], port?: number | string) => {
    const read = replicasOf([slice(ports)], port, 'IPv4');
    return 'replicas' in read ? read.replicas[0]?.address : read.problem;
  };
  t.is(address(one), '10.0.0.1:3000');
  t.is(address(several, 'metrics'), '10.0.0.1:9000');
  t.is(address(several, 7), '10.0.0.1:7');
  t.is(address(several), 'the service has several ports (http, metrics): say which one with `port`');
  t.is(address(several, 'mcp'), 'the service has no port named mcp; it has http, metrics');
});

test('a slice without the port, beside one that has it, costs only its own endpoints', (t) => {
  const old: EndpointSlice = { ports: [{ name: 'old', port: 1 }], endpoints: [{ addresses: ['10.0.0.2'] }] };
  t.deepEqual(replicasOf([old, slice(one)], 'http', 'IPv4'), {
    replicas: [{ name: '10.0.0.1:3000', address: '10.0.0.1:3000', isTerminating: false }],
  });
});

const dual = (name: string, addressType: string, ...pods: Array<[string, string]>): EndpointSlice => ({
  metadata: { name },
  addressType,
  ports: one,
  endpoints: pods.map(([pod, ip]) => ({ addresses: [ip], targetRef: { name: pod, uid: `uid-${pod}` } })),
});

test('the family does not depend on the order of the slices: IPv4 where both are there, the configured one, or the only one', (t) => {
  const four = dual('z', 'IPv4', ['a', '10.0.0.1']),
    six = dual('a', 'IPv6', ['a', 'fd00::1']);
  for (const slices of [
    [four, six],
    [six, four],
  ]) {
    t.is(familyOf(slices, undefined), 'IPv4');
    t.is(familyOf(slices, 'IPv6'), 'IPv6');
  }
  t.is(familyOf([six, dual('b', 'IPv4')], undefined), 'IPv6', 'an empty slice says nothing');
  t.is(familyOf([dual('x', 'FQDN', ['a', 'a.example'])], undefined), null);
  t.deepEqual(replicasOf([six, four], undefined, 'IPv6'), {
    replicas: [{ name: 'a', address: '[fd00::1]:3000', isTerminating: false, identity: 'uid-a' }],
  });
});

test('the family in use stays while its slices are written anew, and goes when they stay away', (t) => {
  const none: FamilyChoice = { family: null, awaySinceMs: null };
  const first = chooseFamily(none, 'IPv4', false, 0);
  t.like(first, { family: 'IPv4', againInMs: null });
  const away = chooseFamily(first, 'IPv6', false, 1000);
  t.like(away, { family: 'IPv4', againInMs: 10_000 });
  t.like(chooseFamily(away, 'IPv4', false, 2000), { family: 'IPv4', awaySinceMs: null });
  t.like(chooseFamily(away, 'IPv6', false, 5000), { family: 'IPv4', againInMs: 6000 });
  t.like(chooseFamily(away, 'IPv6', false, 11_000), { family: 'IPv6', againInMs: null });
  t.like(chooseFamily(away, null, false, 20_000), { family: 'IPv4', awaySinceMs: null }, 'scaled to nothing');
  t.like(chooseFamily(first, 'IPv6', true, 0), { family: 'IPv6' }, 'the configuration decides at once');
});

test('an endpoint that is in two slices for a moment is one replica, in its better state', (t) => {
  const ready = dual('b', 'IPv4', ['a', '10.0.0.1']);
  const unready: EndpointSlice = {
    ...dual('a', 'IPv4'),
    endpoints: [{ addresses: ['10.0.0.1'], targetRef: { name: 'a', uid: 'uid-a' }, conditions: { ready: false } }],
  };
  for (const slices of [
    [ready, unready],
    [unready, ready],
  ])
    t.deepEqual(replicasOf(slices, undefined, 'IPv4'), {
      replicas: [{ name: 'a', address: '10.0.0.1:3000', isTerminating: false, identity: 'uid-a' }],
    });
});
