import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { PROBE_DEFAULTS, type ProbeSettings } from './probe-settings.ts';
import { Probes, type ProbeResult } from './probes.ts';

type Handler = (request: IncomingMessage, response: ServerResponse, body: string) => unknown;

/** Probes one replica that answers as `handle` says, until `condition` holds. */
async function probed(
  t: ExecutionContext,
  handle: Handler,
  condition: (result: ProbeResult) => boolean,
  { settings = {}, host = null }: { settings?: Partial<ProbeSettings>; host?: string | null } = {},
): Promise<ProbeResult> {
  const server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', () => handle(request, response, Buffer.concat(pieces).toString()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const errors: unknown[] = [];
  const probes = new Probes({
    onChange: () => {},
    errors: { report: (_where, error) => errors.push(error) },
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const quick = { ...PROBE_DEFAULTS, intervalMs: 20, retryMs: 10, timeoutMs: 30_000, fullTimeoutMs: 30_000 };
  probes.watch([
    { server: 's', replica: 'r', address, path: '/mcp', host, tls: null, settings: { ...quick, ...settings } },
  ]);
  const limit = AbortSignal.timeout(60_000);
  const current = (): ProbeResult | undefined => probes.current().get('s/r');
  let seen = current();
  while (!seen || !condition(seen)) {
    await sleep(5, undefined, { signal: limit });
    seen = current();
  }
  server.closeAllConnections();
  await probes.stop();
  server.close();
  t.deepEqual(errors, []);
  return seen;
}

const json = (response: ServerResponse, body: unknown): void => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  response.writeHead(200, { 'content-type': 'application/json' }).end(text);
};
const idOf = (body: string): unknown => (JSON.parse(body || '{}') as { id?: unknown }).id;
const legacy = (body: string, result: object): object => ({ jsonrpc: '2.0', id: idOf(body), result });

test('a server that speaks HTTP+SSE alone becomes healthy, and stays so by its event stream', async (t) => {
  let streams = 0;
  const isUp = ({ health }: ProbeResult): boolean => health === 'healthy' && streams > 3;
  const seen = await probed(
    t,
    (request, response) => {
      if (request.method !== 'GET') return response.writeHead(405).end();
      streams++;
      return response
        .writeHead(200, { 'content-type': 'text/event-stream' })
        .write(': hello\n\nevent: endpoint\ndata: /messages?s=1\n\n');
    },
    isUp,
  );
  t.deepEqual(seen.eras, ['legacy']);
  t.regex(seen.detail, /HTTP\+SSE/);
});

test('a GET stream without an endpoint makes nobody healthy', async (t) => {
  const seen = await probed(
    t,
    (request, response) => {
      if (request.method !== 'GET') return response.writeHead(405).end();
      return response.writeHead(200, { 'content-type': 'text/event-stream' }).end('data: {}\n\n');
    },
    ({ health }) => health === 'unhealthy',
  );
  t.regex(seen.detail, /405/);
});

test('an initialize slower than a ping’s time is waited for; one beyond its own time names the keys', async (t) => {
  const slow: Handler = async (_request, response, body) => {
    if (body.includes('server/discover')) return response.writeHead(404).end();
    if (body.includes('initialize"')) await sleep(300);
    return json(
      response,
      legacy(body, body.includes('tools/list') ? { tools: [] } : { protocolVersion: '2025-11-25' }),
    );
  };
  const patient = { timeoutMs: 50, fullTimeoutMs: 30_000 };
  await probed(t, slow, ({ health }) => health === 'healthy', { settings: patient });
  const hasty = await probed(t, slow, ({ health }) => health === 'unhealthy', {
    settings: { timeoutMs: 50, fullTimeoutMs: 100 },
  });
  t.regex(hasty.detail, /no answer in time \(100 ms; timeouts\.initializeMs or probe\.timeoutMs/);
});

test('probes send the Host that clients use, and a refusal of it says what to set', async (t) => {
  const handle: Handler = (request, response, body) => {
    if (request.headers.host !== 'mcp.example.com') return response.writeHead(421).end();
    if (body.includes('server/discover')) return response.writeHead(404).end();
    return json(
      response,
      legacy(body, body.includes('tools/list') ? { tools: [] } : { protocolVersion: '2025-11-25' }),
    );
  };
  await probed(t, handle, ({ health }) => health === 'healthy', { host: 'mcp.example.com' });
  const refused = await probed(t, handle, ({ health }) => health === 'unhealthy');
  t.regex(refused.detail, /421.*hostOverride.*allowedHosts/);
});

test('whatever a replica answers, the probe goes on and no list of tools is taken from it', async (t) => {
  const deep = '{"a":'.repeat(5000) + '1' + '}'.repeat(5000);
  const answers: unknown[] = [
    'null',
    '[]',
    '"text"',
    '[[[[',
    '['.repeat(100_000),
    deep,
    { jsonrpc: '2.0', id: 1, result: null },
    { jsonrpc: '2.0', id: null, error: 'text' },
    { jsonrpc: '2.0', id: null, error: { code: {}, message: ['x'] } },
    { jsonrpc: '2.0', id: null, error: { code: 1, message: 'x'.repeat(1 << 20) } },
  ];
  let asked = 0;
  const handle: Handler = (_request, response, body) => {
    const answer = answers[asked++ % answers.length];
    const isOurs = typeof answer === 'object' && asked % 2 === 0;
    return json(response, isOurs ? { ...answer, id: idOf(body) } : answer);
  };
  const seen = await probed(t, handle, ({ health }) => health === 'unhealthy' && asked > 3 * answers.length);
  t.is(seen.tools, null);
  t.true(seen.detail.length < 500);

  const listed = await probed(
    t,
    (_request, response, body) => {
      if (body.includes('server/discover')) return response.writeHead(404).end();
      const tools = [null, 7, 'x', [], {}, { name: 3 }, { name: 'good' }];
      return json(response, legacy(body, body.includes('tools/list') ? { tools } : { protocolVersion: '2025-11-25' }));
    },
    ({ health, tools }) => health === 'healthy' && tools !== null,
  );
  t.deepEqual(
    listed.tools?.map(({ name }) => name),
    ['good'],
  );
});

test('probes carry the headers of `headerFiles`, read each time; without a good value the remark says what to do', async (t) => {
  const file = join(tmpdir(), `holdfast-probe-key-${process.pid}`);
  t.teardown(() => rm(file, { force: true }));
  const settings = { headerFiles: { 'x-api-key': file } };
  let asked = 0;
  const seen: unknown[] = [];
  const handle: Handler = async (request, response, body) => {
    seen.push(request.headers['x-api-key']);
    if (++asked === 3) await writeFile(file, 'a\r\nsecret');
    if (asked === 6) await rm(file);
    if (asked === 9) await writeFile(file, 'two');
    return json(response, legacy(body, { tools: [] }));
  };
  const missing = await probed(t, handle, ({ health }) => health === 'unhealthy', { settings });
  t.regex(
    missing.detail,
    /holdfast-probe-key-\d+ can’t be the header x-api-key: there is no such file; write one line/,
  );
  t.is(asked, 0);
  await writeFile(file, 'one\n');
  await probed(t, handle, () => seen.at(-1) === 'two', { settings });
  t.deepEqual([...new Set(seen)], ['one', 'two']);
});
