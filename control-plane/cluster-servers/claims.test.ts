import test from 'ava';
import type { ServerConfig } from '../config/server-schema.ts';
import { claims, keyOf } from './claims.ts';
import { wantedByResource, wantedByService, type McpServerObject } from './mcp-server.ts';

const resource = (namespace: string, name: string, created: string, spec: object = {}): McpServerObject => ({
  metadata: { namespace, name, creationTimestamp: created },
  spec: { backends: [{ name: 'stable', service: name, weight: 100 }], ...spec },
});
const EARLY = '2026-01-01T00:00:00Z',
  LATE = '2026-01-02T00:00:00Z';
const names = (servers: readonly ServerConfig[]): string[] =>
  servers.map(({ name, backends: [first] }) => {
    const found = first?.discovery;
    return `${name} ${found?.type === 'kubernetes' ? `${found.namespace}/${found.service}` : '?'}`;
  });
const decide = (
  all: ReturnType<typeof wantedByResource>[],
  { inFile = [] as string[], most = 10, ofNamespace = 10 } = {},
) => claims(new Set(inFile), all, { inAll: most, ofNamespace }, () => null);

test('a name is the file’s, then a resource’s, then a Service’s; among resources the oldest has it, in whatever order they come', (t) => {
  const annotated = (namespace: string, server: string) => {
    const annotations = { 'mesh.holdfast/server': server };
    const metadata = { namespace, name: 'svc', creationTimestamp: EARLY, annotations };
    return wantedByService({ metadata }) ?? wantedByResource({});
  };
  const all = [
    wantedByResource(resource('b', 'linear', LATE)),
    wantedByResource(resource('a', 'mine', EARLY, { server: 'linear' })),
    wantedByResource(resource('a', 'files', EARLY)),
    annotated('c', 'linear'),
    annotated('c', 'docs'),
  ];
  for (const order of [all, all.toReversed()]) {
    const { servers, problems } = decide(order, { inFile: ['files'] });
    t.deepEqual(names(servers), ['docs c/svc', 'linear a/mine']);
    t.is(problems.get('McpServer a/mine'), null);
    t.regex(problems.get('McpServer b/linear') ?? '', /linear is McpServer a\/mine’s already/);
    t.regex(problems.get('McpServer a/files') ?? '', /the configuration file’s already/);
  }
  t.is(keyOf({ kind: 'Service', object: 'a/b' }), 'Service a/b');
});

test('a resource reaches the Services of its own namespace alone, and sets what its owner may set', (t) => {
  const [first] = decide([
    wantedByResource(resource('team', 'x', EARLY, { backends: [{ service: 'svc', namespace: 'other' }] })),
  ]).problems.values();
  t.regex(first ?? '', /namespace/);
  const own = wantedByResource(
    resource('team', 'x', EARLY, { settings: { guard: 'calls', timeouts: { callMs: 5000 } } }),
  );
  t.deepEqual(own.config?.guard, ['calls']);
  t.is(own.config?.timeouts.callMs, 5000);
  for (const key of ['jwt', 'hosts', 'routes', 'probe', 'bind', 'maxBodyBytes', 'backends']) {
    const settings = JSON.parse(`{"${key}": {}}`) as object;
    const { config, problem } = wantedByResource(resource('team', 'x', EARLY, { settings }));
    t.is(config, undefined, key);
    t.regex(problem ?? '', /only the configuration file may set it/, key);
  }
});

test('a wrong value is said in the configuration’s words, and whatever else stands there is no exception', (t) => {
  const { problem } = wantedByResource(resource('team', 'x', EARLY, { settings: { guard: 'offf' } }));
  t.regex(problem ?? '', /spec\.settings\.guard: expected .*off/);
  t.regex(wantedByResource(resource('team', 'X.y', EARLY)).problem ?? '', /name/);
  for (const spec of [undefined, null, 1, [], {}, { backends: [] }, { backends: {} }, { backends: [null] }])
    t.truthy(wantedByResource({ metadata: { namespace: 'a', name: 'x' }, spec }).problem, JSON.stringify(spec));
  t.is(wantedByService({ metadata: { name: 'plain' } }), undefined);
  t.is(wantedByService({}), undefined);
});

test('more than so many are refused by the key that raises it', (t) => {
  const all = ['a', 'b', 'c'].map((name) => wantedByResource(resource('n', name, EARLY)));
  const { servers, problems } = decide(all, { most: 2 });
  t.is(servers.length, 2);
  t.regex(problems.get('McpServer n/c') ?? '', /controlPlane\.kubernetes\.servers\.max/);
});

test('a namespace that asks for more than its share leaves the rest to others', (t) => {
  const greedy = ['a', 'b', 'c', 'd'].map((name) => wantedByResource(resource('greedy', name, EARLY)));
  const { servers, problems } = decide([...greedy, wantedByResource(resource('other', 'z', LATE))], {
    most: 4,
    ofNamespace: 2,
  });
  t.deepEqual(
    servers.map(({ name }) => name),
    ['a', 'b', 'z'],
  );
  t.regex(problems.get('McpServer greedy/c') ?? '', /its share \(half of controlPlane\.kubernetes\.servers\.max\)/);
});

test('a spec that is too long or too deep is refused at once, and one that did not change is not read again', (t) => {
  const settings = { retrySafeTools: Array.from({ length: 20_000 }, (_, at) => `tool-${at}`) };
  const long = wantedByResource(resource('team', 'x', EARLY, { settings }));
  t.is(long.config, undefined);
  t.regex(long.problem ?? '', /at most 65536 characters/);
  let deep: unknown = 1;
  for (let left = 100_000; left > 0; left--) deep = [deep];
  t.regex(wantedByResource(resource('team', 'x', EARLY, { settings: { path: deep } })).problem ?? '', /at most 65536/);
  const object = resource('team', 'y', EARLY);
  t.is(wantedByResource(object), wantedByResource(object));
});
