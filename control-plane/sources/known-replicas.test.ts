import test from 'ava';
import { configOf } from '../resources/testing/golden-cases.ts';
import type { SourceReport } from '../discovery/source.ts';
import { Identities } from './identities.ts';
import { knownReplicas } from './known-replicas.ts';
import { withoutGateways } from './without-gateways.ts';

const config = configOf(
  'servers: [{name: linear, backends: [{name: stable, discovery: {type: file, path: a}}, {name: canary, discovery: {type: file, path: b}}]}]',
);
const report = (...replicas: Array<[string, string]>): SourceReport => ({
  replicas: replicas.map(([name, address]) => ({ name, address, isTerminating: false })),
  problem: null,
  confirmedAtMs: 1,
});

test('nothing is complete until every source has answered once', (t) => {
  const first = knownReplicas(
    config,
    new Map([
      ['linear/stable', report(['a', '10.0.0.1:1'])],
      ['linear/canary', { replicas: null, problem: 'no such file', confirmedAtMs: null }],
    ]),
    () => false,
  );
  t.false(first.isComplete);
  t.deepEqual(
    first.replicas.map(({ name }) => name),
    ['a'],
  );
  t.true(
    knownReplicas(
      config,
      new Map([
        ['linear/stable', report()],
        ['linear/canary', report()],
      ]),
      () => false,
    ).isComplete,
  );
});

test('an address belongs to the first backend that names it; equal names are told apart by their backend', (t) => {
  const { replicas } = knownReplicas(
    config,
    new Map([
      ['linear/stable', report(['pod-1', '10.0.0.1:1'])],
      ['linear/canary', report(['again', '10.0.0.1:1'], ['pod-1', '10.0.0.2:1'])],
    ]),
    () => false,
  );
  t.deepEqual(
    replicas.map(({ backend, name, address }) => `${backend} ${name} ${address}`),
    ['stable pod-1 10.0.0.1:1', 'canary canary/pod-1 10.0.0.2:1'],
  );
});

test('while its sources say the same, a server’s replicas are the very same objects', (t) => {
  const [stable, canary] = [report(['a', '10.0.0.1:1']), report(['b', '10.0.0.2:1'])];
  const known = (first: SourceReport) =>
    knownReplicas(
      config,
      new Map([
        ['linear/stable', first],
        ['linear/canary', canary],
      ]),
      () => false,
    ).replicas;
  const before = known(stable);
  t.is(known({ ...stable, confirmedAtMs: 2 })[0], before[0]);
  t.deepEqual(
    known(report(['a', '10.0.0.9:1'])).map(({ address }) => address),
    ['10.0.0.9:1', '10.0.0.2:1'],
  );
});

test('one that is not ready is a replica only when it was one before', (t) => {
  const unready: SourceReport = {
    replicas: [
      { name: 'starts', address: '10.0.0.1:1', isTerminating: false, isReady: false },
      { name: 'falters', address: '10.0.0.2:1', isTerminating: false, isReady: false, identity: 'u2' },
    ],
    problem: null,
    confirmedAtMs: 1,
  };
  const { replicas } = knownReplicas(
    config,
    new Map([['linear/stable', unready]]),
    (server, address) => `${server} ${address}` === 'linear 10.0.0.2:1',
  );
  t.deepEqual(replicas, [
    {
      server: 'linear',
      backend: 'stable',
      name: 'falters',
      address: '10.0.0.2:1',
      isTerminating: false,
      isReady: false,
      identity: 'u2',
    },
  ]);
});

test('an address that another pod took over is noticed once, with the time of the one before', (t) => {
  let nowMs = 1000;
  const identities = new Identities(() => nowMs);
  const at = (identity: string | undefined) => ({
    server: 'linear',
    backend: 'stable',
    name: 'pod',
    address: '10.0.0.1:1',
    ...(identity !== undefined && { identity }),
  });
  t.deepEqual(identities.changed([at('a')]), []);
  nowMs = 2000;
  t.deepEqual(identities.changed([at('b')]), [{ replica: at('b'), formerSeenAtMs: 1000 }]);
  t.deepEqual(identities.changed([at('b')]), []);
  t.deepEqual(identities.changed([at(undefined)]), []);
});

test('nodes of the mesh are no replicas: the problem names the node, and the twin of an injected Service', (t) => {
  const node = {
    id: 'linear-7',
    relay: ['10.0.0.1:7903'],
    peer: '10.0.0.1:7902',
    listen: '10.0.0.1:37373',
    isDraining: false,
  };
  const kube = configOf(
    'servers: [{name: linear, backends: [{name: stable, discovery: {type: kubernetes, service: linear-server}}, {name: canary, replicas: ["10.0.0.1:7903"]}]}]',
  );
  const reports = new Map([
    ['linear/stable', report(['pod-1', '10.0.0.1:37373'], ['pod-2', '10.0.0.2:3000'])],
    ['linear/canary', report(['x', '10.0.0.1:7903'])],
  ]);
  const usable = withoutGateways(reports, kube, [node]);
  t.deepEqual(
    usable.get('linear/stable')?.replicas?.map(({ name }) => name),
    ['pod-2'],
  );
  t.is(
    usable.get('linear/stable')?.problem,
    '10.0.0.1:37373 is the gateway node linear-7 of this mesh, not a replica: the Service linear-server leads to Envoy since its pods were injected; name its twin linear-server-replicas',
  );
  t.deepEqual(usable.get('linear/canary')?.replicas, []);
  t.regex(usable.get('linear/canary')?.problem ?? '', /name the addresses of the MCP servers themselves/);
  t.is(withoutGateways(reports, kube, []), reports);
});
