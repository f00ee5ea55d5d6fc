import { isDeepStrictEqual } from 'node:util';
import test from 'ava';
import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { buildTopology } from '../topology/build-topology.ts';
import type { TopologySnapshot } from '../topology/topology.ts';
import { Memo } from './memo.ts';
import { edgeResources, gatewayResources, sidecarResources } from './resources-for.ts';
import { configOf, goldenCases, inputsOf } from './testing/golden-cases.ts';

const { gateway } = configOf('servers: [{name: a, backends: [{name: s, replicas: ["10.0.0.1:1"]}]}]');
/** Settings of one server of two. The section `gateway` stays the very same, as when an object of the cluster changes. */
function snapshotOf(settings: string, mesh = ''): TopologySnapshot {
  const config = configOf(
    `${mesh}servers: [{name: other, backends: [{name: s, replicas: ["10.0.0.2:1"]}]}, {name: linear, ${settings} backends: [{name: s, replicas: ["10.0.0.1:1"]}]}]`,
  );
  return buildTopology(inputsOf({ ...config, gateway }));
}
const SETTINGS = [
  'allowedOrigins: ["https://app.example"], cors: {},',
  'headerFiles: {x-api-key: /etc/key},',
  'hosts: [linear.example.com],',
  'routes: [/authorize],',
  'guard: off,',
  'allowedHosts: [mcp.example],',
  'audit: {},',
  'sharedCache: true,',
  'path: /elsewhere,',
  'rateLimit: {client: {requests: 5, perMs: 1000}},',
  'jwt: {issuer: "https://id.example", audiences: [a], jwksFile: /jwks.json},',
  'jwt: {issuer: "https://id.example", audiences: [a], jwksUrl: "https://id.example/keys"},',
];

test('what is set for one server leaves the listener as it is, which would end connections of others', (t) => {
  const [{ node }] = goldenCases() as [ReturnType<typeof goldenCases>[number]];
  const listenerOf = (settings: string): unknown =>
    gatewayResources(snapshotOf(settings), node).get(RESOURCE_TYPE.listener);
  const before = listenerOf('');
  for (const settings of SETTINGS) t.true(isDeepStrictEqual(listenerOf(settings), before), settings);
});

test('after any other situation the resources are those of a control plane that has just begun', (t) => {
  const cases = goldenCases().filter(({ node: { role } }) => role === 'gateway'),
    memo = new Memo();
  const snapshots = [
    ...['', ...SETTINGS].map((settings) => snapshotOf(settings)),
    snapshotOf('', 'edge: {}\n'),
    ...cases.map(({ snapshot }) => snapshot),
  ];
  const [{ node }] = cases as [ReturnType<typeof goldenCases>[number]];
  for (const [index, snapshot] of [...snapshots, ...snapshots.toReversed()].entries()) {
    t.true(isDeepStrictEqual(gatewayResources(snapshot, node, memo), gatewayResources(snapshot, node)), `${index}`);
    t.true(isDeepStrictEqual(sidecarResources(snapshot, memo), sidecarResources(snapshot)), `${index}`);
  }
});

test('a gateway takes more headers than an edge, which adds some: by HTTP/2 it would reset the request, as if it were lost', (t) => {
  const cases = goldenCases();
  const limitsOf = (resources: ReturnType<typeof edgeResources>): number[] => {
    const text = JSON.stringify([...(resources?.get(RESOURCE_TYPE.listener)?.values() ?? [])]);
    return [/"max_headers_count":(\d+)/, /"max_request_headers_kb":(\d+)/].map((each) => Number(each.exec(text)?.[1]));
  };
  const [edge, gateway] = (['edge', 'gateway'] as const).map((role) => {
    const found = cases.find(({ node }) => node.role === role);
    if (!found) throw new Error(`no case of ${role}`);
    return limitsOf((role === 'edge' ? edgeResources : gatewayResources)(found.snapshot, found.node));
  }) as [number[], number[]];
  t.true((gateway[0] ?? 0) >= (edge[0] ?? NaN) + 20, `${gateway[0]} ${edge[0]}`);
  t.true((gateway[1] ?? 0) >= (edge[1] ?? NaN) + 4, `${gateway[1]} ${edge[1]}`);
});
