import { execFile } from 'node:child_process';
import { createServer, type Server } from 'node:https';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import type { ReplicaTls } from '../../proto/endpoint.ts';
import { withHost } from './headers.ts';
import { ReplicaClient } from './client.ts';

/** A replica that speaks TLS with a certificate for `linear.internal` only. */
async function secureReplica(t: ExecutionContext): Promise<{ address: string; caFile: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-link-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const [certificate, key] = [join(folder, 'tls.crt'), join(folder, 'tls.key')];
  await promisify(execFile)('openssl', [
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:prime256v1',
    '-nodes',
    '-keyout',
    key,
    '-out',
    certificate,
    '-days',
    '1',
    '-subj',
    '/CN=linear.internal',
    '-addext',
    'subjectAltName=DNS:linear.internal',
  ]);
  const server: Server = createServer(
    { cert: await readFile(certificate), key: await readFile(key) },
    (request, response) => {
      response.end(JSON.stringify({ host: request.headers.host }));
    },
  );
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { address: `127.0.0.1:${(server.address() as AddressInfo).port}`, caFile: certificate };
}

const ask = (upstream: ReplicaClient, address: string, method: 'GET' | 'POST') =>
  new Promise<string>((resolve) => {
    let text = '';
    upstream.send(
      { address, method, path: '/mcp', headers: ['host', 'client.example'], body: null, connectTimeoutMs: 30_000 },
      {
        onHead: () => {},
        onData: (chunk) => {
          text += chunk.toString();
        },
        onEnd: () => resolve(text),
        onFailure: ({ delivery, code }) => resolve(`${delivery} ${code}`),
      },
    );
  });

test('a replica behind TLS is reached, with its own Host header, by calls and by streams', async (t) => {
  const { address, caFile } = await secureReplica(t);
  const upstream = new ReplicaClient((at) =>
    at === address ? { host: 'localhost:3000', tls: { caFile, serverName: 'linear.internal' } } : undefined,
  );
  t.teardown(() => upstream.close());
  t.is(await ask(upstream, address, 'POST'), '{"host":"localhost:3000"}');
  t.is(await ask(upstream, address, 'GET'), '{"host":"localhost:3000"}');
});

for (const [says, of] of [
  ['of an unknown authority', () => ({ serverName: 'linear.internal' })],
  ['of another name', (caFile: string) => ({ caFile, serverName: 'other.internal' })],
] as ReadonlyArray<[string, (caFile: string) => ReplicaTls]>) {
  test(`a certificate ${says} is refused before anything is sent`, async (t) => {
    const { address, caFile } = await secureReplica(t);
    const upstream = new ReplicaClient(() => ({ host: null, tls: of(caFile) }));
    t.teardown(() => upstream.close());
    t.regex(await ask(upstream, address, 'POST'), /^not_sent /);
  });
}

test('the Host header is replaced wherever it stands', (t) => {
  t.deepEqual(withHost(['a', '1', 'Host', 'x', 'b', '2'], 'y'), ['a', '1', 'b', '2', 'host', 'y']);
});
