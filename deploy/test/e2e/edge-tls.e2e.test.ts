import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { renewCertificates } from '../../../control-plane/certs/certificate-folder.ts';
import { freePort } from '../mesh/free-port.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { waitFor } from '../mesh/wait-for.ts';

const LOCAL = ['localhost', '127.0.0.1'];

test('clients reach the edge by TLS, the edge the gateways by mTLS; nobody else reaches a gateway, and renewed certificates are shown without a restart', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(folder.remove);
  const certs = folder.path,
    members = ['edge', 'gateway-1', 'gateway-2'].map((name) => ({ name, altNames: LOCAL }));
  await renewCertificates(members, { folder: certs, now: new Date(), days: 1, renewDays: 0 });
  const file = (name: string): string => join(certs, name),
    ca = await readFile(file('ca.crt'));
  const mesh = await startMesh({ edges: 1 });
  t.teardown(mesh.close);
  const tlsPort = await freePort(),
    gatewayPort = Number(new URL(mesh.gateways[0]!.url).port);
  await mesh.writeConfig((config) => {
    config['gateway'] = {
      ...(config['gateway'] as object),
      tls: { certificateFile: file('{node}.crt'), keyFile: file('{node}.key'), clientCaFile: file('ca.crt') },
    };
    config['edge'] = {
      tlsListen: `127.0.0.1:${tlsPort}`,
      tls: { certificateFile: file('edge.crt'), keyFile: file('edge.key') },
      gatewayTls: {
        caFile: file('ca.crt'),
        serverName: 'localhost',
        certificateFile: file('edge.crt'),
        keyFile: file('edge.key'),
      },
    };
  });
  const ask = (port: number, options: object = {}) =>
    new Promise<{ status: number; serial: string }>((resolve, reject) => {
      request(
        { port, host: '127.0.0.1', servername: 'localhost', ca, path: '/health', agent: false, ...options },
        (response) => {
          const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
          response.resume().on('end', () => resolve({ status: response.statusCode!, serial }));
        },
      )
        .on('error', reject)
        .end();
    });
  await waitFor(async () => (await ask(tlsPort)).status === 200, {
    what: 'the edge serves by TLS',
    timeoutMs: 30_000,
    everyMs: 100,
  });
  // The edge may have been answered by the other gateway.
  const withCertificate = { cert: await readFile(file('edge.crt')), key: await readFile(file('edge.key')) };
  await waitFor(async () => (await ask(gatewayPort, withCertificate)).status === 200, {
    what: 'the gateway serves by TLS',
    everyMs: 100,
  });
  const spoken = await fetch(`${mesh.edges[0]?.envoy.adminUrl}/stats?filter=gateways-calls.upstream_cx_http2_total`);
  t.regex(await spoken.text(), /upstream_cx_http2_total: [1-9]/, 'gateways that hang are noticed by HTTP/2');
  await t.throwsAsync(ask(gatewayPort), undefined, 'a gateway takes nobody without a certificate of the mesh');
  await t.throwsAsync(ask(tlsPort, { ca: undefined }), { code: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE' });
  t.is((await ask(gatewayPort, withCertificate)).status, 200);
  const before = (await ask(tlsPort)).serial;
  await renewCertificates(members, { folder: certs, now: new Date(), days: 2, renewDays: 2 });
  await waitFor(async () => (await ask(tlsPort)).serial !== before, {
    what: 'the renewed certificate is shown',
    everyMs: 100,
  });
  await waitFor(async () => (await ask(tlsPort)).status === 200, {
    what: 'served with renewed certificates on both sides',
  });
});
