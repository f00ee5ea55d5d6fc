import { get } from 'node:http';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { envoyOverXds } from './testing/envoy-over-xds.ts';
import { configOf, inputsOf } from './testing/golden-cases.ts';
import { StubReplica } from './testing/stub-replica.ts';

/** Replicas `one` and `two`, a relay, and an Envoy that is told of servers over xDS. */
async function meshOf(t: ExecutionContext, servers: (first: string, second: string) => string) {
  const stubs = ['one', 'two', 'relay'].map((name) => new StubReplica(name));
  t.teardown(() => Promise.all(stubs.map((stub) => stub.stop())));
  const [first = '', second = '', relay = ''] = await Promise.all(stubs.map((stub) => stub.start()));
  const inputsWith = (text: string) => inputsOf(configOf(`servers: [${text}]`));
  let inputs = inputsWith(servers(first, second));
  const { loop, port } = await envoyOverXds(t, () => inputs, relay);
  /** Who answers a request, or its status. Each has a connection of its own. */
  const ask = (path: string, host = 'localhost') =>
    new Promise<string>((resolve, reject) => {
      const headers = { host, accept: 'application/json', 'mcp-session-id': 'unknown~x' };
      get({ port, path, headers, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('error', reject);
        response.on('end', () =>
          resolve(response.statusCode === 200 ? (JSON.parse(text) as { at: string }).at : String(response.statusCode)),
        );
      }).on('error', reject);
    });
  const configure = (text: string): void => {
    inputs = inputsWith(text);
    loop.run();
  };
  await waitFor(async () => (await ask('/health').catch(() => '')) === 'relay', { what: 'the gateway serves' });
  return { ask, configure, first, second };
}

test('servers at hosts of their own answer there alone, and by their names everywhere else', async (t) => {
  const { ask } = await meshOf(
    t,
    (first, second) =>
      `{name: a, hosts: [a.test], routes: [/token], backends: [{name: s, replicas: ["${first}"]}]}, {name: b, hosts: [b.test], backends: [{name: s, replicas: ["${second}"]}]}, {name: c, backends: [{name: s, replicas: ["${second}"]}]}`,
  );
  for (const [host, path, answer] of [
    ['localhost', '/mcp/a', 'relay'],
    ['localhost', '/mcp/a/?x=1', 'relay'],
    ['localhost', '/mcp/a/mcp', 'relay'],
    ['localhost', '/mcp/a/token?x=/y', 'relay'],
    ['localhost', '/mcp/c', 'relay'],
    ['localhost', '/mcp', '404'],
    ['localhost', '/token', '404'],
    ['localhost', '/mcp/a/more', '404'],
    ['localhost', '/mcp/nobody', '404'],
    ['a.test', '/mcp', 'relay'],
    ['a.test:8080', '/mcp/', 'relay'],
    ['a.test', '/token', 'relay'],
    ['b.test', '/token', '404'],
    ['b.test', '/mcp', 'relay'],
    ['a.test', '/mcp/a', '404'],
    ['a.test', '/mcp/c', '404'],
    ['b.test', '/health', 'relay'],
    ['a.test,b.test', '/mcp', '400'],
  ] as const)
    t.is(await ask(path, host), answer, `${host}${path}`);
});

test('while a path with anything below it comes and goes, no request of a server fails', async (t) => {
  const server = (replica: string, more = ''): string =>
    `{name: linear, ${more} backends: [{name: s, replicas: ["${replica}"]}]}`;
  const { ask, configure, first } = await meshOf(t, (replica) => server(replica));
  let isOver = false;
  const answers = new Map<string, number>();
  const calls = (async () => {
    while (!isOver) {
      const answer = await ask('/mcp/linear').catch((error: Error) => error.message);
      answers.set(answer, (answers.get(answer) ?? 0) + 1);
    }
  })();
  t.is(await ask('/mcp/linear/ui/x'), '404');
  configure(server(first, 'routes: ["/ui/*"],'));
  await waitFor(async () => (await ask('/mcp/linear/ui/x')) === 'relay', { what: 'the path is there' });
  configure(server(first));
  await waitFor(async () => (await ask('/mcp/linear/ui/x')) === '404', { what: 'the path is gone' });
  isOver = true;
  await calls;
  t.deepEqual([...answers.keys()], ['relay']);
});
