import { readFile } from 'node:fs/promises';
import test from 'ava';
import { ENVIRONMENT } from '../../proto/settings.ts';
import type { Environment } from '../../proto/config-file/environment.ts';
import { formatProblem, type Problem } from '../../proto/config-file/problem.ts';
import type { Config } from './config-schema.ts';
import { configJsonSchema } from './json-schema.ts';
import { parseConfig } from './parse-config.ts';

const SERVER = 'servers: [{name: linear, backends: [{name: stable, replicas: ["127.0.0.1:3000"]}]}]';

function good(text: string, env: Environment = {}): Config {
  const parsed = parseConfig(text, env);
  if (parsed.kind === 'bad') throw new Error(parsed.problems.map((each) => formatProblem(each, 'x')).join('\n'));
  return parsed.config;
}

function bad(text: string, env: Environment = {}): Problem[] {
  const parsed = parseConfig(text, env);
  return parsed.kind === 'bad' ? parsed.problems : [];
}

test('the smallest configuration names one replica; the rest has defaults', (t) => {
  const config = good(SERVER);
  t.deepEqual(config.servers[0]!.backends[0]!.replicas, [{ address: '127.0.0.1:3000', name: '127.0.0.1:3000' }]);
  t.deepEqual(config.servers[0]!.guard, ['calls', 'streams']);
  t.is(config.port, 37373);
});

test('the example configuration is good', async (t) => {
  t.deepEqual(
    good(await readFile(`${import.meta.dirname}/../../deploy/holdfast.yaml`, 'utf8')).servers.map((each) => each.name),
    ['linear', 'queryquill'],
  );
});

test('the example configuration shows every section, and what it has commented out is good as well', async (t) => {
  const text = await readFile(`${import.meta.dirname}/../../deploy/holdfast.yaml`, 'utf8');
  for (const section of Object.keys(configJsonSchema().properties!))
    t.regex(text, new RegExp(`^(# )?${section}:`, 'm'));
  const code = /^( *)# ((?:- )?[a-zA-Z]+: (?:.*[\]}"0-9a-z])|edge:|tracing:| {2}.*: .*)$/gm;
  const all = good(text.replace(code, '$1$2'));
  t.truthy(all.edge?.tls);
  t.truthy(all.tracing);
  t.truthy(all.servers[0]!.jwt);
  t.is(all.servers[0]!.backends[1]!.discovery?.type, 'dns');
});

test('every problem is reported at once, each at its place in the file', (t) => {
  const text = [
    'sessionStor: {}', //                                       1
    'port: x', //                                               2
    'servers:', //                                              3
    '  - name: Linear', //                                      4
    '    guard: offf', //                                       5
    '    maxBodyByte: 3', //                                    6
    '    backends:', //                                         7
    '      - name: stable', //                                  8
    '        replicas: ["localhost:1", "127.0.0.1:3000"]', //   9
    '      - {name: canary, discovery: {type: dsn}}', //        10
  ].join('\n');
  t.deepEqual(
    bad(text).map(({ line, column, path, suggestion }) => [line, column, path, suggestion]),
    [
      [1, 1, 'sessionStor', 'Did you mean sessionStore?'],
      [2, 1, 'port', null],
      [4, 5, 'servers[0].name', null],
      [5, 5, 'servers[0].guard', 'Did you mean off?'],
      [6, 5, 'servers[0].maxBodyByte', 'Did you mean maxBodyBytes?'],
      [9, 20, 'servers[0].backends[0].replicas[0]', null],
      [10, 36, 'servers[0].backends[1].discovery.type', 'Did you mean dns?'],
    ],
  );
});

test('a list or a mapping that is wrong inside is told what is wrong there', (t) => {
  const inside = (keys: string): unknown[] =>
    bad(`servers: [{name: a, ${keys}}]`).map(({ path, expected, suggestion }) => [path, expected, suggestion]);
  const stable = 'backends: [{name: s, replicas: ["127.0.0.1:1"]}]';
  t.deepEqual(inside(`${stable}, guard: [calls, stream]`), [
    ['servers[0].guard[1]', 'one of calls, streams', 'Did you mean streams?'],
  ]);
  t.deepEqual(inside('backends: [{name: s, replicas: [{adress: "127.0.0.1:1"}]}]').at(-1), [
    'servers[0].backends[0].replicas[0].adress',
    'a known key',
    'Did you mean address?',
  ]);
});

test('an unknown key without a near neighbour is told what is valid there', (t) => {
  t.regex(bad(`${SERVER}\nedge: {zzz: 1}`)[0]!.suggestion!, /^Valid here: listen, tlsListen/);
});

test('text that is not YAML, and YAML that is not a mapping, are problems and not exceptions', (t) => {
  t.is(bad('servers: [')[0]!.expected, 'valid YAML');
  t.is(bad('- 1')[0]!.expected, 'a mapping');
  t.is(bad('a: 1\na: 2')[0]!.line, 2);
  t.deepEqual(
    bad('').map((each) => each.path),
    ['servers'],
  );
  t.true(bad(`a: &a [1]\nb: [${'*a,'.repeat(200)}]`).length > 0);
});

test('every name of the environment has its twin in the file, and wins over it', (t) => {
  const values: Record<string, [string, unknown]> = {
    HA_MODE: ['standalone', 'standalone'],
    HA_NODE_ID: ['n7', 'n7'],
    HA_CLUSTER_NODES: ['n7', ['n7']],
    HA_HEALTH_CHECK_INTERVAL: ['1234', 1234],
    HA_FAILOVER_TIMEOUT: ['4321', 4321],
    LB_HEALTH_CHECK_PATH: ['/alive', '/alive'],
    LB_HEALTH_CHECK_INTERVAL: ['11', 11],
    LB_HEALTH_CHECK_TIMEOUT: ['12', 12],
    SESSION_STORE: ['memory', 'memory'],
    SESSION_STORE_URL: ['redis://x:1', 'redis://x:1'],
    SESSION_FAILOVER_ENABLED: ['false', false],
    CIRCUIT_BREAKER_ENABLED: ['no', false],
    CIRCUIT_BREAKER_THRESHOLD: ['9', 9],
    CIRCUIT_BREAKER_TIMEOUT: ['31000', 31_000],
    PORT: ['8080', 8080],
  };
  t.deepEqual(
    Object.keys(values),
    ENVIRONMENT.map((each) => each.name),
  );
  const config = good(
    `port: 1\nsessionStore: {type: redis}\n${SERVER}`,
    Object.fromEntries(Object.entries(values).map(([name, [text]]) => [name, text])),
  ) as unknown as Record<string, unknown>;
  for (const { name, path } of ENVIRONMENT) {
    t.deepEqual(
      path.split('.').reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], config),
      values[name]![1],
      name,
    );
  }
});

test('a bad value of the environment is reported by its name; an empty one counts as absent', (t) => {
  t.deepEqual(
    bad(SERVER, {
      PORT: '99999',
      HA_MODE: 'clustr',
      SESSION_FAILOVER_ENABLED: 'maybe',
      HA_HEALTH_CHECK_INTERVAL: '5s',
      SESSION_STORE: '',
    })
      .map(({ path, line }) => [path, line])
      .sort(),
    [
      ['HA_HEALTH_CHECK_INTERVAL', null],
      ['HA_MODE', null],
      ['PORT', null],
      ['SESSION_FAILOVER_ENABLED', null],
    ],
  );
});

test('a near miss of a name of the environment is reported; foreign names are not', (t) => {
  t.is(bad(SERVER, { HA_NODEID: 'x' })[0]!.suggestion, 'Did you mean HA_NODE_ID?');
  t.deepEqual(bad(SERVER, { LB_ADDRESS: 'x', SESSION_MANAGER: 'local/host', HOME: '/' }), []);
});

test('circuitBreaker sets what servers do not say themselves, and switches all of them off', (t) => {
  const text =
    'servers: [{name: linear, toolBreaker: {threshold: 2}, backends: [{name: stable, replicas: ["127.0.0.1:3000"]}]}]';
  const { replicaBreaker, toolBreaker } = good(`circuitBreaker: {threshold: 7}\n${text}`, {
    CIRCUIT_BREAKER_TIMEOUT: '1000',
  }).servers[0]!;
  t.deepEqual(
    [replicaBreaker.threshold, replicaBreaker.timeoutMs, toolBreaker.threshold, toolBreaker.timeoutMs],
    [7, 1000, 2, 1000],
  );
  t.false(good(text, { CIRCUIT_BREAKER_ENABLED: 'false' }).servers[0]!.toolBreaker.enabled);
});

for (const [description, text, path, env] of [
  [
    'two servers of one name',
    'servers: [{name: a, backends: [{name: s, replicas: ["127.0.0.1:1"]}]}, {name: a, backends: [{name: s, replicas: ["127.0.0.1:2"]}]}]',
    'servers[1].name',
  ],
  [
    'two backends of one name',
    'servers: [{name: a, backends: [{name: s, replicas: ["127.0.0.1:1"]}, {name: s, replicas: ["127.0.0.1:2"]}]}]',
    'servers[0].backends[1].name',
  ],
  [
    'one address twice in a server',
    'servers: [{name: a, backends: [{name: s, replicas: ["127.0.0.1:1"]}, {name: t, replicas: ["127.0.0.1:1"]}]}]',
    'servers[0].backends[1].replicas[0]',
  ],
  [
    'weights that sum to 0',
    'servers: [{name: a, backends: [{name: s, weight: 0, replicas: ["127.0.0.1:1"]}]}]',
    'servers[0].backends',
  ],
  ['a backend without replicas', 'servers: [{name: a, backends: [{name: s}]}]', 'servers[0].backends[0]'],
  [
    'replicas and discovery together',
    'servers: [{name: a, backends: [{name: s, replicas: ["127.0.0.1:1"], discovery: {type: file, path: x}}]}]',
    'servers[0].backends[0].discovery',
  ],
  [
    'TLS that anybody’s certificate would satisfy',
    'servers: [{name: a, backends: [{name: s, tls: {}, replicas: ["127.0.0.1:1"]}]}]',
    'servers[0].backends[0].tls',
  ],
  [
    'DNS addresses without a port',
    'servers: [{name: a, backends: [{name: s, discovery: {type: dns, name: x}}]}]',
    'servers[0].backends[0].discovery',
  ],
  [
    'deadlines by tool without a relay that knows the tool',
    'servers: [{name: a, guard: off, timeouts: {toolMs: {x: 1}}, backends: [{name: s, replicas: ["127.0.0.1:1"]}]}]',
    'servers[0].timeouts.toolMs',
  ],
  [
    'tool errors that count for a breaker that is off',
    'servers: [{name: a, countToolErrors: true, toolBreaker: {enabled: false}, backends: [{name: s, replicas: ["127.0.0.1:1"]}]}]',
    'servers[0].countToolErrors',
  ],
  [
    'JWT keys from nowhere',
    'servers: [{name: a, jwt: {issuer: x}, backends: [{name: s, replicas: ["127.0.0.1:1"]}]}]',
    'servers[0].jwt',
  ],
  [
    'a memory store for several nodes',
    `${SERVER}\nsessionStore: {type: memory}`,
    'sessionStore.type',
    { HA_CLUSTER_NODES: 'a,b' },
  ],
  [
    'an admin API open to others without a token',
    `${SERVER}\ncontrolPlane: {admin: "0.0.0.0:1"}`,
    'controlPlane.admin',
  ],
  [
    'an xDS port open to others without certificates',
    `${SERVER}\ncontrolPlane: {xds: "[::]:1", tls: {certificateFile: a, keyFile: b}}`,
    'controlPlane.xds',
  ],
  ['a Redis URL of another kind', `${SERVER}\nsessionStore: {url: "http://user:secret@x"}`, 'sessionStore.url'],
] as ReadonlyArray<[string, string, string, Environment?]>) {
  test(`refused: ${description}`, (t) => {
    const problems = bad(text, env);
    t.is(problems.length, 1);
    t.is(problems[0]!.path, path);
    t.false(JSON.stringify(problems).includes('secret'));
  });
}
