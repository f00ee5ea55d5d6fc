import { connect, type Socket } from 'node:net';
import test from 'ava';
import { RPC_ERROR } from '../../../proto/rpc-error.ts';
import { residentMiB } from '../bench/load/cpu.ts';
import { connectClient } from '../clients/connect-client.ts';
import { postHeaders, rawExchange, rawRequest } from '../clients/raw-http.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { waitFor } from '../mesh/wait-for.ts';

/** Bodies that never come, come slowly or are too large: each ends by its limit, and nobody else notices. */
let mesh: Mesh;
let port: number;
const MIB = 1 << 20;

test.before(async (t) => {
  t.timeout(120_000);
  const program = 'deploy/test/servers/linear/main.ts';
  mesh = await startMesh({
    gateways: 1,
    servers: { guarded: { replicas: 1, program }, plain: { replicas: 1, program, settings: { guard: [] } } },
    config: (config) => {
      config['gateway'] = { ...(config['gateway'] as object), limits: { requestMs: 8000 } };
    },
  });
  port = Number(new URL(mesh.gateways[0]!.url).port);
});
test.after.always(() => mesh?.close());

const metrics = async (): Promise<string> => (await fetch(`${mesh.gateways[0]?.sidecars[0]?.adminUrl}/metrics`)).text();
/** MiB in use: all of the sidecar, and what Envoy has allocated, since its own pages go back to the system late. */
const memory = async (): Promise<{ sidecar: number; envoy: number }> => {
  const [gateway] = mesh.gateways;
  const { allocated } = (await (await fetch(`${gateway!.envoy.adminUrl}/memory`)).json()) as { allocated: string };
  return { sidecar: residentMiB(gateway!.sidecars[0]!.process.pid!), envoy: Number(allocated) / MIB };
};

/** A connection that has sent `body` of a request of 4 MiB, and nothing after it. */
async function unfinished(
  path: string,
  headers: string,
  body: Buffer,
): Promise<{ socket: Socket; answer: () => string }> {
  const socket = connect(port, '127.0.0.1');
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.write(
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAccept: application/json, text/event-stream\r\n${headers}\r\n`,
  );
  await new Promise((resolve) => {
    socket.write(body, resolve);
    socket.once('close', resolve);
    setTimeout(resolve, 200).unref();
  });
  return { socket, answer: () => answer };
}

async function flood(
  t: {
    log(...values: unknown[]): void;
    true(value: boolean, message?: string): void;
    is(a: unknown, b: unknown): void;
  },
  count: number,
  server: 'guarded' | 'plain',
  sessionHeader: string,
  form: 'length' | 'chunked',
): Promise<void> {
  const client = await connectClient({ kind: 'v1', url: mesh.url(server) });
  const before = await memory();
  const body = Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"ping","params":{"x":"${'a'.repeat(4 * MIB - 200)}`);
  const [head, sent] =
    form === 'length'
      ? [`Content-Length: ${4 * MIB}\r\n`, body]
      : ['Transfer-Encoding: chunked\r\n', Buffer.concat([Buffer.from(`${(4 * MIB).toString(16)}\r\n`), body])];
  const open: Awaited<ReturnType<typeof unfinished>>[] = [];
  try {
    for (let begun = 0; begun < count; begun += 20) {
      open.push(
        ...(await Promise.all(
          Array.from({ length: 20 }, () => unfinished(`/mcp/${server}`, `${sessionHeader}${head}`, sent)),
        )),
      );
      t.is((await client.callTool('echo', { text: 'on' })).data.text, 'on');
    }
    const during = await memory();
    t.log(form, before, during);
    t.true(during.sidecar - before.sidecar < 160, `sidecar: ${before.sidecar} → ${during.sidecar} MiB`);
    const refused = (): string[] =>
      // On a session the error has the call's id, and with it the status 200, once the id has come.
      open
        .map(({ answer }) => answer())
        .filter((answer) => answer.startsWith('HTTP/1.1 503') || (sessionHeader && answer.startsWith('HTTP/1.1 200')));
    await waitFor(() => Promise.resolve(refused().length > count / 4), { what: 'refusals', timeoutMs: 30_000 });
    t.true(refused()[0]!.includes('gateway.limits.bufferedBytesPerAddress'), refused()[0]);
    // A body waits in Envoy for its turn. Once it is refused Envoy keeps none of it, and of the others 32 MiB at most.
    await waitFor(async () => (await memory()).envoy - before.envoy < 64, {
      what: 'Envoy to let go of the refused bodies',
      timeoutMs: 30_000,
    });
    const other = await connectClient({ kind: 'v1', url: mesh.url(server) });
    await other.terminate();
  } finally {
    for (const { socket } of open) socket.destroy();
    await client.terminate();
  }
}

for (const form of ['length', 'chunked'] as const) {
  test.serial(`100 unfinished bodies without a session (${form})`, (t) => {
    t.timeout(120_000);
    return flood(t, 100, 'plain', '', form);
  });
  test.serial(`60 unfinished bodies of one guarded session (${form})`, async (t) => {
    t.timeout(120_000);
    const own = await connectClient({ kind: 'v1', url: mesh.url('guarded') });
    await flood(t, 60, 'guarded', `Mcp-Session-Id: ${own.sessionId}\r\n`, form);
    await own.terminate();
  });
}

test.serial(
  'a body that does not come ends with 408, which names the limit; its connection is free again',
  async (t) => {
    t.timeout(60_000);
    const client = await connectClient({ kind: 'v1', url: mesh.url('guarded') });
    // What the tests before this one sent counts until the relay has heard that they are gone.
    await waitFor(async () => /^holdfast_buffered_body_bytes 0$/m.test(await metrics()), {
      what: 'no bytes of bodies',
      timeoutMs: 30_000,
    });
    const slow = await Promise.all([
      unfinished('/mcp/plain', 'Content-Length: 100\r\n', Buffer.from('{')),
      unfinished('/mcp/plain', 'Content-Length: 200000\r\n', Buffer.alloc(100_000, 32)),
      unfinished('/mcp/guarded', `Mcp-Session-Id: ${client.sessionId}\r\nContent-Length: 100\r\n`, Buffer.from('{')),
    ]);
    await waitFor(() => Promise.resolve(slow.every(({ answer }) => answer().includes('limit:'))), {
      what: 'answers to the slow bodies',
      timeoutMs: 40_000,
    });
    for (const { answer, socket } of slow) {
      t.regex(answer(), /^HTTP\/1\.1 408 /);
      t.regex(answer(), /gateway\.limits\.(requestMs|minBodyBytesPerSecond)/);
      socket.destroy();
    }
    await client.terminate();
  },
);

const big = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: { x: 'x'.repeat(5 * MIB) } });
const chunked = (body: string): string => `${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n`;

for (const server of ['guarded', 'plain'] as const) {
  for (const form of ['length', 'chunked'] as const) {
    for (const hasSession of [true, false]) {
      // A 4xx to a request on a session ends Python's and Go's sessions with all their calls. An error with the
      // request's id ends only the call.
      const said = hasSession ? 'is an error with its id on a session' : 'is 413 without a session';
      test.serial(`a body that is too large ${said}: ${server}, ${form}`, async (t) => {
        const client = await connectClient({ kind: 'v1', url: mesh.url(server) });
        const headers = postHeaders(big).filter(([name]) => form === 'length' || name !== 'Content-Length');
        if (form === 'chunked') headers.push(['Transfer-Encoding', 'chunked']);
        if (hasSession) headers.push(['Mcp-Session-Id', client.sessionId!]);
        for (let round = 0; round < 3; round += 1) {
          const answer = await rawExchange(
            port,
            rawRequest('POST', `/mcp/${server}`, headers, form === 'length' ? big : chunked(big)),
          );
          t.is(answer.status, hasSession ? 200 : 413, answer.text.slice(0, 500));
          const { id, error } = JSON.parse(answer.body) as { id: unknown; error: { code: number; message: string } };
          // A length that is too large is refused before anything of the body is read.
          t.is(id, hasSession || form === 'chunked' ? 1 : null);
          t.is(error.code, RPC_ERROR.tooLarge);
          t.true(error.message.includes('maxBodyBytes'), error.message);
        }
        t.is((await client.callTool('echo', { text: 'well' })).data.text, 'well');
        await client.terminate();
      });
    }
  }
}
