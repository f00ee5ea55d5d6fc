import test from 'ava';
import { parseConfig } from './parse-config.ts';

const at = (keys: string, more = ''): string[] => {
  const parsed = parseConfig(
    `servers: [{name: a, ${keys}, backends: [{name: s, replicas: ["127.0.0.1:1"]}]}${more}]`,
    {},
  );
  return parsed.kind === 'bad' ? parsed.problems.map(({ path }) => path) : [];
};

test('routes are paths without tricks, and none beside a token that is asked for', (t) => {
  for (const path of ['oauth', '/a', '/a/b.c', '/a/*', '/.well-known/x', '/~me'])
    t.deepEqual(at(`routes: ["${path}"]`), [], path);
  for (const path of ['authorize', '/a/../b', '/a?x=1', '/a/', '/', '/*', '/a/*/b', '//a', '/a%2fb', '/./a'])
    t.deepEqual(at(`routes: ["${path}"]`), ['servers[0].routes[0]'], path);
  t.deepEqual(at('jwt: {issuer: x, jwksFile: y}, routes: [oauth]'), ['servers[0].routes']);
});

test('hosts are names in lower case without a port, each of one server', (t) => {
  t.deepEqual(at('hosts: [fm.example.com, fm2, 127.0.0.1]'), []);
  for (const host of ['FM.example.com', 'fm.example.com:443', '*.example.com', 'https://fm', '.x', ''])
    t.deepEqual(at(`hosts: ["${host}"]`), ['servers[0].hosts[0]'], host);
  const other = ', {name: b, hosts: [x.test], backends: [{name: s, replicas: ["127.0.0.1:2"]}]}';
  t.deepEqual(at('hosts: [x.test]', other), ['servers[1].hosts[0]']);
});

test('rules and limits of the fleet need a relay that reads calls, verified claims, and names of their own', (t) => {
  const jwt = 'jwt: {issuer: x, jwksFile: y}';
  t.deepEqual(at(`${jwt}, authorization: {rules: [{name: a, effect: allow, claims: {x: [y]}}]}`), []);
  for (const [keys, path] of [
    ['guard: streams, authorization: {}', 'authorization'],
    ['authorization: {rules: [{name: a, effect: allow, claims: {x: [y]}}]}', 'authorization.rules[0].claims'],
    ['authorization: {rules: [{name: a, effect: allow}, {name: a, effect: deny}]}', 'authorization.rules[1].name'],
    ['authorization: {rules: [{name: default, effect: deny}]}', 'authorization.rules[0].name'],
    ['authorization: {rules: [{name: a, effect: deny, tools: []}]}', 'authorization.rules[0].tools'],
    ['guard: off, fleetLimits: [{name: a, requests: 1}]', 'fleetLimits'],
    ['fleetLimits: [{name: a, requests: 1}, {name: a, requests: 2}]', 'fleetLimits[1].name'],
    ['fleetLimits: [{name: a, requests: 0}]', 'fleetLimits[0].requests'],
  ] as const)
    t.deepEqual(at(keys), [`servers[0].${path}`], keys);
});

test('claims go into headers that nobody else uses', (t) => {
  const of = (headers: string) => at(`jwt: {issuer: x, jwksFile: y, claimHeaders: {${headers}}}`);
  t.deepEqual(of('x-user: sub, x-groups: realm.groups'), []);
  for (const name of [
    'X-User',
    'authorization',
    'x-holdfast-claims',
    'mcp-session-id',
    'host',
    'content-length',
    'x y',
  ])
    t.is(of(`"${name}": sub`).length, 1, name);
});

test('headers from files have names that nobody else uses; a value in place of the file is not shown', (t) => {
  const of = (headers: string, more = '') => at(`${more} headerFiles: {${headers}}`);
  t.deepEqual(of('x-api-key: /run/key'), []);
  for (const header of ['authorization: /a', 'mcp-name: /a', 'X-Key: /a', '"x y": /a', 'x-key: a', 'x-key: {}'])
    t.is(of(header).length, 1, header);
  t.is(of(Array.from({ length: 9 }, (_, index) => `x-${index}: /a`).join(', ')).length, 1);
  const jwt = 'jwt: {issuer: x, jwksFile: y, claimHeaders: {x-user: sub}},';
  t.deepEqual(of('x-user: /a', jwt), ['servers[0].headerFiles.x-user']);
  const parsed = parseConfig(
    'servers: [{name: a, headerFiles: {x-api-key: hunter2}, backends: [{name: s, replicas: ["127.0.0.1:1"]}]}]',
    {},
  );
  t.is(parsed.kind, 'bad');
  t.notRegex(JSON.stringify(parsed), /hunter2/);
});
