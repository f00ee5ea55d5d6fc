import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { homeNameOf, orderFault } from './home-of.ts';

/** Longer than a ping of a probe (2 s) and than a recovery by default (5 s). */
const INITIALIZE_MS = 6000;

interface Answer {
  status: number;
  head?: Record<string, string>;
  result?: object;
}

async function answerTo(
  { id, method }: { id?: number; method: string },
  session: string | string[] | undefined,
  sessions: Set<string>,
): Promise<Answer> {
  if (method === 'server/discover') return { status: 400 };
  const isKnown = typeof session === 'string' && sessions.has(session);
  if (method !== 'initialize' && !isKnown) return { status: 404 };
  if (id === undefined) return { status: 202 };
  if (method !== 'initialize') return { status: 200, result: method === 'tools/list' ? { tools: [] } : {} };
  await sleep(INITIALIZE_MS);
  const begun = randomUUID();
  sessions.add(begun);
  const info = { protocolVersion: '2025-06-18', capabilities: {}, serverInfo: { name: 'slow', version: '1' } };
  return { status: 200, head: { 'mcp-session-id': begun }, result: info };
}

/** The header that the server asks for; the mesh has it from a file. */
const KEY = 'x-api-key';

/**
 * A bare MCP server whose `initialize` takes long, as one that starts a process for each session; `forget` loses all sessions. It refuses requests
 * without one of `keys`, probes as well.
 */
async function slowServer(t: ExecutionContext, keys: Set<string>) {
  const sessions = new Set<string>();
  let lastKey = '';
  const server: Server = createServer((request, response) => {
    const pieces: Buffer[] = [];
    request.on('data', (piece: Buffer) => pieces.push(piece));
    request.on('end', async () => {
      lastKey = String(request.headers[KEY]);
      if (!keys.has(lastKey)) return response.writeHead(403).end();
      if (request.method !== 'POST') return response.writeHead(405).end();
      const message = JSON.parse(Buffer.concat(pieces).toString()) as { id?: number; method: string };
      const { status, head = {}, result } = await answerTo(message, request.headers['mcp-session-id'], sessions);
      const body = result && JSON.stringify({ jsonrpc: '2.0', id: message.id, result });
      return response.writeHead(status, { ...(body && { 'content-type': 'application/json' }), ...head }).end(body);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    forget: () => sessions.clear(),
    lastKey: () => lastKey,
  };
}

test('a server whose initialize takes 6 s gets healthy, begins sessions, and gets them back after it forgot them and got another key', async (t) => {
  const keys = new Set(['one']),
    keyFile = join(tmpdir(), `holdfast-key-${process.pid}`);
  await writeFile(keyFile, 'one\n');
  t.teardown(() => rm(keyFile, { force: true }));
  const { address, forget, lastKey } = await slowServer(t, keys);
  await using mesh = await startMesh({ gateways: 1, servers: { linear: { replicas: 1 } } });
  await mesh.writeConfig((config) => {
    const slow = {
      ...structuredClone(config.servers[0]),
      name: 'slow',
      timeouts: { initializeMs: 20_000 },
      headerFiles: { [KEY]: keyFile },
      backends: [{ name: 'stable', replicas: [address] }],
    };
    // The same replica, without probes, which would take it out when it gets less time than it needs.
    const hasty = { ...structuredClone(slow), name: 'hasty', probe: { type: 'off' } };
    config.servers.push(slow as never, hasty as never);
  });
  const call = (body: object, headers: Record<string, string> = {}, server = 'slow') =>
    fetch(mesh.url(server), {
      method: 'POST',
      body: JSON.stringify({ jsonrpc: '2.0', ...body }),
      headers: {
        'content-type': 'application/json',
        accept: 'application/json, text/event-stream',
        ...headers,
      },
    });
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo: { name: 'test', version: '1' } };
  const session = await waitFor(
    async () => {
      const answer = await call({ id: 1, method: 'initialize', params });
      await answer.text();
      return answer.status === 200 && answer.headers.get('mcp-session-id');
    },
    { what: 'the slow server takes a session' },
  );
  const headers = { 'mcp-session-id': String(session), 'mcp-protocol-version': '2025-06-18' };
  t.is((await call({ id: 2, method: 'ping' }, headers)).status, 200);
  const begun = await call({ id: 5, method: 'initialize', params }, {}, 'hasty');
  t.is(begun.status, 200);
  keys.add('two');
  await writeFile(keyFile, 'two\n');
  await waitFor(
    async () => {
      t.is((await call({ id: 4, method: 'ping' }, { ...headers, [KEY]: 'forged' })).status, 200);
      return lastKey() === 'two';
    },
    { what: 'requests carry the new key' },
  );
  keys.delete('one');
  forget();
  await mesh.writeConfig((config) => {
    for (const server of config.servers) if (server.name === 'hasty') server.timeouts = { initializeMs: 300 };
  });
  await waitFor(
    async () => {
      const answer = await call({ id: 7, method: 'initialize', params }, {}, 'hasty');
      return answer.status === 503 && /-31004.*initializeMs/.test(await answer.text());
    },
    { what: 'a new session is refused in the time that initialize has' },
  );
  const ofHasty = { ...headers, 'mcp-session-id': String(begun.headers.get('mcp-session-id')) };
  const tooLate = await call({ id: 6, method: 'tools/list' }, ofHasty, 'hasty');
  t.regex(await tooLate.text(), /could not be rebuilt.*servers\[\]\.timeouts: initializeMs, recoveryMs/);
  const recovered = await call({ id: 3, method: 'tools/list' }, headers);
  t.deepEqual(await recovered.json(), { jsonrpc: '2.0', id: 3, result: { tools: [] } });
});

test('clients begin their sessions though one of two replicas hangs and no probe has seen it yet', async (t) => {
  const settings = { probe: { type: 'off' }, timeouts: { initializeMs: 1000 } };
  const mesh = await startMesh({ gateways: 1, servers: { linear: { replicas: 2, settings } } });
  t.teardown(() => mesh.close());
  const [hung, well] = mesh.replicas;
  if (!hung || !well) throw new Error('two replicas were asked for');
  await orderFault(hung, 'hang=1&count=100&method=POST');
  const begun = await Promise.all(
    Array.from({ length: 8 }, () => connectClient({ kind: 'v1', url: mesh.url('linear'), timeoutMs: 50_000 })),
  );
  t.teardown(() => Promise.all(begun.map((client) => client.close().catch(() => undefined))));
  t.deepEqual(
    await Promise.all(begun.map(homeNameOf)),
    Array.from(begun, () => well.name),
  );
});
