import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { rawExchange } from '../../deploy/test/clients/raw-http.ts';
import { listenOn } from '../../deploy/test/mesh/listen-on.ts';
import { TestIssuer } from '../../deploy/test/mesh/test-issuer.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { RPC_ERROR } from '../../proto/rpc-error.ts';
import { gateway, type Answer } from './testing/test-gateway.ts';

type Told = Pick<Answer, 'status'> & { body: { id?: unknown; error?: { code: number } } };

/** Takes a request and breaks off: a sidecar that is killed with it. */
async function dyingRelay(t: ExecutionContext): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.destroy());
  });
  t.teardown(() => void server.close());
  return `127.0.0.1:${await listenOn(server, 0)}`;
}

const session = { 'mcp-session-id': '1~abc' };
const BATCH = '[{"jsonrpc":"2.0","id":7,"method":"ping"},{"jsonrpc":"2.0","id":8,"method":"ping"}]';

/** By the words of docs/protocol.md: how a gateway's Envoy comes to answer a POST whose id it does not know, and what it says. */
const WITHOUT_ID: Record<string, { code: number; told: (t: ExecutionContext) => Promise<Told> }> = {
  'the only sidecar dies with a guarded call': {
    code: RPC_ERROR.replicaLost,
    told: async (t) => {
      const { send, one } = await gateway(t, '', {}, '', { otherRelay: await dyingRelay(t) });
      const told = await send(session);
      t.deepEqual(one.seen, [], 'nobody knows whether it ran');
      return told;
    },
  },
  'neither sidecar nor replica takes a guarded call': {
    code: RPC_ERROR.noReplica,
    told: async (t) => {
      const { send, relay, one, two } = await gateway(t);
      await Promise.all([relay.stop(), one.stop(), two.stop()]);
      return send(session);
    },
  },
  'a token that is missing or refused, on a guarded call': {
    code: RPC_ERROR.forbidden,
    told: async (t) => {
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-id-'));
      t.teardown(() => rm(folder, { recursive: true }));
      const jwksFile = join(folder, 'jwks.json');
      await writeFile(jwksFile, new TestIssuer('k', { iss: 'i', aud: 'a', sub: 'ann' }).jwks);
      return (await gateway(t, `jwt: {issuer: "https://i.example", jwksFile: "${jwksFile}"},`)).send(session);
    },
  },
  'a malformed request, such as one with two Hosts': {
    code: RPC_ERROR.badRequest,
    told: async (t) => {
      const { port } = await gateway(t);
      const head = 'POST /mcp/linear HTTP/1.1\r\nhost: x\r\nhost: y\r\ncontent-length: 0\r\n\r\n';
      const { status, body } = await rawExchange(port, head);
      return { status, body: parseJsonObject(Buffer.from(body)) ?? {} };
    },
  },
  'a batch, with `guard: off`': {
    code: RPC_ERROR.replicaLost,
    told: async (t) => (await gateway(t, 'guard: off,')).send({ 'mcp-session-id': '1~cut' }, { body: BATCH }),
  },
};

for (const [name, { code, told }] of Object.entries(WITHOUT_ID))
  test(`Envoy does not know the id: ${name}`, async (t) => {
    const { status, body } = await told(t);
    t.like(body, { id: null, error: { code } });
    const doc = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
    t.true(
      doc.includes(`| ${name} | ${status}, ${code} |`),
      `docs/protocol.md has no row: ${name} | ${status}, ${code}`,
    );
  });

test('docs/protocol.md has no further row of answers without an id', (t) => {
  const doc = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8');
  const rows = [...doc.matchAll(/^\| ([^|]*) \| \d{3}, -\d{5} \|/gm)].map(([, name]) => name);
  t.deepEqual(rows, Object.keys(WITHOUT_ID));
});

test('where Envoy reads bodies, its errors have the id, also of what no server gets', async (t) => {
  const { send } = await gateway(t);
  t.is((await send({}, { path: '/mcp/other' })).body.id, 77);
  t.is((await send({ ...session, origin: 'https://evil.example' })).body.id, 77);
});
