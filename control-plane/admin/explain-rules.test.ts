import test from 'ava';
import { buildTopology } from '../topology/build-topology.ts';
import { configOf, inputsOf } from '../resources/testing/golden-cases.ts';
import { explain, type ExplainedRequest } from './explain.ts';

const topology = (mode: string) =>
  buildTopology(
    inputsOf(
      configOf(`
publicUrl: "https://gw.test"
servers:
  - name: linear
    hosts: [linear.test]
    jwt: {issuer: "https://id.test", jwksFile: keys.json}
    authorization: {mode: ${mode}, rules: [{name: read, effect: allow, tools: ["list_*"]}, {name: ops, effect: allow, claims: {scope: [write]}}]}
    backends: [{name: s, replicas: ["127.0.0.1:1"]}]
  - {name: fm, hosts: [fm.test], routes: [oauth], backends: [{name: s, replicas: ["127.0.0.1:2"]}]}
`),
    ),
  );
const say = (request: Partial<ExplainedRequest>, mode = 'enforce') => {
  const { route, why } = explain(
    { method: 'POST', path: '/mcp/linear', headers: {}, ...request },
    topology(mode),
    'none',
  );
  return `${route}: ${why.join(' ')}`;
};

test('explain says which rule decides on a call', (t) => {
  const pay = { method: 'tools/call', object: 'pay' };
  t.regex(say({}), /^linear\/relay: .*say --call and --claims/);
  t.regex(say({ act: { method: 'tools/call', object: 'list_x' } }), /Rule read allows tools\/call list_x\.$/);
  t.regex(say({ act: pay }), /No rule allows tools\/call pay: .*With scope write it would be allowed\.$/);
  t.regex(say({ act: pay, claims: { scope: 'a write' } }), /Rule ops allows tools\/call pay\.$/);
  t.regex(
    say({ act: { method: 'tools/list', object: null } }),
    /No rule is about tools\/list, which is allowed then\.$/,
  );
  t.regex(say({ act: pay }, 'dry-run'), /Since mode is dry-run, that is only counted\./);
});

test('explain knows the hosts and routes of a server', (t) => {
  const at = (host: string, path: string) => say({ path, headers: { host } });
  t.regex(at('fm.test:443', '/mcp'), /^fm\/decide/);
  t.regex(at('fm.test', '/token'), /^fm\/document: .*log-in/);
  t.regex(at('gw.test', '/mcp/fm/token'), /^fm\/document/);
  t.regex(at('gw.test', '/mcp/fm/mcp'), /^fm\/decide/);
  const document = { path: '/.well-known/oauth-protected-resource', headers: { host: 'linear.test' } };
  t.regex(say({ ...document, method: 'GET' }), /^linear\/document: .*gateway answers it itself/);
  t.regex(say(document), /^linear\/refused: .*405/);
  for (const [host, path] of [
    ['fm.test', '/mcp/linear'],
    ['gw.test', '/token'],
    ['gw.test', '/mcp'],
  ] as const)
    t.regex(at(host, path), /^no-route/, `${host}${path}`);
});
