import test from 'ava';
import { configOf, inputsOf } from '../resources/testing/golden-cases.ts';
import { buildTopology } from '../topology/build-topology.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import type { RequestHead } from './condition.ts';
import { routeTable } from './route-table.ts';
import { findRow } from './row.ts';

const serverWith = (settings = '', replicas = 2, changes: Partial<TopologyInputs> = {}) => {
  const addresses = Array.from({ length: replicas }, (_, index) => `"10.1.${index >> 8}.${index & 255}:3000"`);
  const config = configOf(
    `servers: [{name: linear, ${settings} backends: [{name: stable, replicas: [${addresses.join(', ')}]}]}]`,
  );
  const server = buildTopology(inputsOf(config, changes)).servers[0];
  if (!server) throw new Error('it is the only one');
  return server;
};
const head = (more: RequestHead = {}): RequestHead => ({
  ':method': 'POST',
  ':path': '/mcp/linear',
  ':authority': 'localhost',
  'content-length': '10',
  ...more,
});
const id = (text: string): RequestHead => ({ 'mcp-session-id': text });

test('a table is as long for a thousand replicas as for two: their slots are looked up, not walked', (t) => {
  for (const settings of ['', 'guard: off,', 'guard: calls,', 'guard: streams,'])
    t.is(
      routeTable(serverWith(settings, 1000), '/mcp/linear').length,
      routeTable(serverWith(settings), '/mcp/linear').length,
      settings,
    );
});

test('a row says who may answer: a slot’s replica by its prefix, nobody by a part of one', (t) => {
  const table = routeTable(serverWith('guard: off,'), '/mcp/linear');
  t.like(findRow(table, head(id('2~x'))), { row: { to: 'steady-slot' }, endpoint: { slot: '2' } });
  for (const other of ['2', '22~x', '~', ''])
    t.like(findRow(table, head(id(other))), { row: { to: 'ask' }, endpoint: undefined }, other);
  t.like(findRow(table, head({ ...id('2~x'), authorization: 'Bearer x' })), { row: { to: 'ask' } });
  t.like(findRow(table, head({ ...id('2~x'), ':method': 'DELETE' })), { row: { to: 'relay-session' } });
  t.like(findRow(table, head()), { row: { to: 'decide' } });
});

test('what the relay holds goes to it whatever a replica’s health is, and a table of it does not change with that', (t) => {
  const isSick = { health: new Map([['linear 10.1.0.0:3000', 'unhealthy' as const]]) };
  const rows = (server: ReturnType<typeof serverWith>) =>
    routeTable(server, '/mcp/linear').map(({ slots, ...row }) => ({ ...row, slots: slots?.map(({ slot }) => slot) }));
  t.deepEqual(rows(serverWith('', 2, isSick)), rows(serverWith()));
  t.notDeepEqual(rows(serverWith('guard: off,', 2, isSick)), rows(serverWith('guard: off,')));
});

test('each row says why, and the last one takes what no other did', (t) => {
  for (const settings of [
    '',
    'guard: off,',
    'jwt: {issuer: "https://id.test", jwksFile: k},',
    'authorization: {rules: [{name: a, effect: allow, tools: [x]}]},',
    'fleetLimits: [{name: a, requests: 1}],',
  ]) {
    const table = routeTable(serverWith(settings), '/mcp/linear');
    for (const { why } of table) t.regex(why, /^[A-Z].*\.$/);
    t.deepEqual(table.at(-1)?.when, [], settings);
  }
});
