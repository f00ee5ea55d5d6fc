import test from 'ava';
import { buildTopology } from '../topology/build-topology.ts';
import { Memo } from './memo.ts';
import { readEnvoyNode } from './node.ts';
import { RESOURCE_TYPE } from '../../proto/xds/loader.ts';
import { gatewayRoutes } from './routes.ts';
import { configOf, inputsOf } from './testing/golden-cases.ts';

const snapshot = buildTopology(
  inputsOf(
    configOf(
      'servers: [{name: linear, path: /rpc, backends: [{name: s, replicas: ["10.1.0.1:3000"]}]}, {name: other, backends: [{name: s, replicas: ["10.1.0.2:3000"]}]}]',
    ),
  ),
);
const node = (server: string | undefined) => {
  const read = readEnvoyNode('pod-1', { role: 'gateway', listen: '127.0.0.1:37373', extProc: [], relay: [], server });
  if (!read) throw new Error('it is one of ours');
  return read;
};
const resourcesOf = (server: string | undefined) => gatewayRoutes(snapshot, node(server), new Memo());

/** What a server has, by the prefix of the path. */
const routesOf = (of: string, server: string | undefined): Record<string, unknown> => {
  const routes = resourcesOf(server).get(RESOURCE_TYPE.routes)?.get(`mcp.${of}`) as {
    virtual_hosts: [
      {
        matcher: { on_no_match: { matcher: { matcher_tree: { prefix_match_map: { map: Record<string, unknown> } } } } };
      },
    ];
  };
  return routes.virtual_hosts[0].matcher.on_no_match.matcher.matcher_tree.prefix_match_map.map;
};
const scopesOf = (server: string | undefined): string[] => [
  ...(resourcesOf(server).get(RESOURCE_TYPE.scopes)?.keys() ?? []),
];

test('an Envoy in a server’s own pod serves that server at its own path as well, and every server by its name', (t) => {
  const own = routesOf('linear', 'linear'),
    scopes = scopesOf('linear');
  const here = JSON.stringify(own['/rpc']);
  t.true(here.includes('"path":"/rpc"'));
  t.true(
    here.replaceAll('"path":"/rpc"', '"path":"/mcp/linear"').replaceAll('"/rpc/?"', '"/mcp/linear/?"') ===
      JSON.stringify(own['/mcp/linear']),
    'the same routes as by its name',
  );
  t.true(['/rpc', '/rpc/', '/mcp/linear', '/mcp/other'].every((path) => scopes.includes(path)));
  t.false(scopes.includes('/mcp'), 'which is the other’s own path');
  t.true('/mcp' in routesOf('other', 'other'));
});

test('an Envoy in no pod of a server, or of one that the configuration does not have, serves names alone', (t) => {
  for (const server of [undefined, 'gone']) {
    const scopes = scopesOf(server);
    t.false(scopes.includes('/rpc'));
    t.false(scopes.includes('/mcp'));
  }
});
