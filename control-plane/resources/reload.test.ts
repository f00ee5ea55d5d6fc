import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { TestIssuer } from '../../deploy/test/mesh/test-issuer.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import type { TopologyInputs } from '../topology/inputs.ts';
import { envoyOverXds } from './testing/envoy-over-xds.ts';
import { configOf, inputsOf } from './testing/golden-cases.ts';
import { StubReplica } from './testing/stub-replica.ts';

/** Where a request is answered, or its status. */
const ask = (port: number, path: string, session: string, more: Record<string, string> = {}) =>
  new Promise<string>((resolve, reject) => {
    get({ port, path, headers: { 'mcp-session-id': session, ...more }, agent: false }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () =>
        resolve(response.statusCode === 200 ? (JSON.parse(text) as { at: string }).at : String(response.statusCode)),
      );
    }).on('error', reject);
  });

test('a new configuration is in force while open streams go on, whatever it changes of servers, backends and policies', async (t) => {
  const one = new StubReplica('one'),
    two = new StubReplica('two'),
    three = new StubReplica('three'),
    relay = new StubReplica('relay');
  t.teardown(() => Promise.all([one.stop(), two.stop(), three.stop(), relay.stop()]));
  const [first, second, third, relayAt] = await Promise.all([one.start(), two.start(), three.start(), relay.start()]);
  const configuration = (text: string, slots: Record<string, string>): TopologyInputs =>
    inputsOf(configOf(text), { slots: new Map(Object.entries(slots)) });
  let inputs = configuration(
    `servers: [{name: linear, guard: off, backends: [{name: stable, replicas: ["${first}", "${second}"]}]}]`,
    { [`linear ${first}`]: 'a', [`linear ${second}`]: 'b' },
  );
  const { loop, envoy, port } = await envoyOverXds(t, () => inputs, relayAt!);

  await waitFor(async () => (await ask(port, '/mcp/linear', 'a~x')) === 'one', { what: 'the gateway serves' });
  let ticks = 0,
    isOver = false;
  const stream = get(
    { port, path: '/mcp/linear', headers: { 'mcp-session-id': 'a~ticks', accept: 'text/event-stream' }, agent: false },
    (response) => {
      response.on('data', () => {
        ticks++;
      });
      response.on('close', () => {
        isOver = true;
      });
    },
  ).on('error', () => {
    isOver = true;
  });
  t.teardown(() => stream.destroy());
  const goesOn = async (what: string) => {
    const before = ticks;
    await waitFor(() => ticks > before + 3 || isOver, { what: `ticks after ${what}` });
    t.false(isOver, what);
  };
  await goesOn('the beginning');

  const slots = {
    [`linear ${first}`]: 'a',
    [`linear ${second}`]: 'b',
    [`linear ${third}`]: 'c',
    [`other ${third}`]: 'd',
  };
  const steps: Array<[string, string, () => Promise<boolean>]> = [
    [
      'a server more',
      `servers: [{name: linear, guard: off, backends: [{name: stable, replicas: ["${first}", "${second}"]}]}, {name: other, guard: off, backends: [{name: stable, replicas: ["${third}"]}]}]`,
      async () => (await ask(port, '/mcp/other', 'd~x')) === 'three',
    ],
    [
      'other timeouts and limits of the cluster',
      `servers: [{name: linear, guard: off, maxBodyBytes: 5000, timeouts: {connectMs: 777}, backends: [{name: stable, replicas: ["${first}", "${second}"]}]}, {name: other, guard: off, backends: [{name: stable, replicas: ["${third}"]}]}]`,
      async () => (await envoyClusters()).includes('0.777s'),
    ],
    [
      'a replica and a backend more, a weight of 0',
      `servers: [{name: linear, guard: off, backends: [{name: stable, weight: 0, replicas: ["${first}", "${second}"]}, {name: canary, replicas: ["${third}"]}]}]`,
      async () => (await ask(port, '/mcp/linear', 'c~x')) === 'three',
    ],
    [
      'another guard',
      `servers: [{name: linear, guard: calls, backends: [{name: stable, replicas: ["${first}", "${second}"]}]}]`,
      async () => (await ask(port, '/mcp/linear', 'c~x')) !== 'three',
    ],
  ];
  for (const [what, settings, isInForce] of await settingsOfOne(t, port))
    steps.push([
      what,
      `servers: [{name: linear, guard: off, ${settings} backends: [{name: stable, replicas: ["${first}"]}]}]`,
      isInForce,
    ]);
  const envoyClusters = async () =>
    (await fetch(`${envoy.adminUrl}/config_dump?resource=dynamic_active_clusters`)).text();
  for (const [what, text, isInForce] of steps) {
    inputs = configuration(text, slots);
    loop.run();
    await waitFor(isInForce, { what });
    await goesOn(what);
  }
  t.is((await envoy.stats('downstream_cx_drain_close'))['http.mcp.downstream_cx_drain_close'] ?? 0, 0);
  const { 'listener_manager.listener_modified': modified, 'listener_manager.listener_added': added } =
    await envoy.stats('listener_manager.listener_');
  t.deepEqual([added, modified ?? 0], [1, 0], 'a changed listener drains its connections, in ten minutes');
});

/** Settings of a server that Envoy's filters act on, and whether each is in force. */
async function settingsOfOne(
  t: ExecutionContext,
  port: number,
): Promise<Array<[what: string, settings: string, isInForce: () => Promise<boolean>]>> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-reload-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const jwksFile = join(folder, 'jwks.json');
  const issuer = new TestIssuer('k', { iss: 'https://id.example', aud: 'linear', sub: 'ann' });
  await writeFile(jwksFile, issuer.jwks);
  const limit = (requests: number): string => `rateLimit: {session: {requests: ${requests}, perMs: 600000}},`;
  const jwt = (audience: string): string =>
    `jwt: {issuer: "https://id.example", audiences: [${audience}], jwksFile: "${jwksFile}"},`;
  const from = (session: string, more = {}): Promise<string> => ask(port, '/mcp/linear', session, more);
  const authorization = `Bearer ${issuer.token()}`;
  return [
    ['a rate', limit(2), async () => (await from('a~limited')) === 'relay'],
    ['another rate', limit(1000), async () => (await from('a~limited')) === 'one'],
    ['no rate', '', async () => true],
    [
      'a JWT',
      jwt('linear'),
      async () => (await from('a~x')) === '401' && (await from('a~x', { authorization })) === 'relay',
    ],
    ['another audience', jwt('other'), async () => (await from('a~x', { authorization })) === '401'],
    ['no JWT', '', async () => (await from('a~x')) === 'one'],
  ];
}
