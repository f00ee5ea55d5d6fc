import test from 'ava';
import { replicasOf } from './endpoint-slices.ts';

const slice = (ports: object[], conditions: object = {}) => ({
  ports,
  endpoints: [{ addresses: ['10.0.0.1', '10.0.0.9'], conditions }],
});
const one = [{ name: 'http', port: 3000 }];
const found = (conditions: object) => {
  const read = replicasOf([slice(one, conditions)], undefined);
  return 'replicas' in read ? read.replicas.map((each) => each.isTerminating) : read;
};

test('absent conditions mean ready; only ready or still serving endpoints are replicas', (t) => {
  t.deepEqual(found({}), [false]);
  t.deepEqual(found({ ready: true }), [false]);
  t.deepEqual(found({ ready: false }), []);
  t.deepEqual(found({ ready: false, serving: false, terminating: true }), []);
  t.deepEqual(found({ ready: false, serving: true, terminating: true }), [true]);
});

test('the port is found by number, by name, or as the only one; otherwise the problem names the ports', (t) => {
  const several = [...one, { name: 'metrics', port: 9000 }];
  const address = (ports: object[], port?: number | string) => {
    const read = replicasOf([slice(ports)], port);
    return 'replicas' in read ? read.replicas[0]!.address : read.problem;
  };
  t.is(address(one), '10.0.0.1:3000');
  t.is(address(several, 'metrics'), '10.0.0.1:9000');
  t.is(address(several, 7), '10.0.0.1:7');
  t.is(address(several), 'the service has several ports (http, metrics): say which one with `port`');
  t.is(address(several, 'mcp'), 'the service has no port named mcp; it has http, metrics');
});

test('slices of names are not addresses, and IPv6 addresses get brackets', (t) => {
  t.deepEqual(replicasOf([{ ...slice(one), addressType: 'FQDN' }], undefined), { replicas: [] });
  t.deepEqual(
    replicasOf([{ ports: one, endpoints: [{ addresses: ['fd00::1'], targetRef: { name: 'pod' } }] }], undefined),
    { replicas: [{ name: 'pod', address: '[fd00::1]:3000', isTerminating: false }] },
  );
});
