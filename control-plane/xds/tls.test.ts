import { readFileSync } from 'node:fs';
import { once } from 'node:events';
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import pino from 'pino';
import { Registry } from 'prom-client';
import { freePort } from '../../deploy/test/mesh/free-port.ts';
import { prepareEnvoy } from '../../deploy/test/mesh/start-envoy.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { identitySecrets, type ControlPlaneTls } from '../../envoy/identity-secrets.ts';
import { renderBootstrap } from '../../envoy/bootstrap.ts';
import { readBootstrapTemplate } from '../../envoy/bootstrap-template.ts';
import { channelCredentials, serverCredentials, type GrpcTls } from '../../proto/tls/grpc-credentials.ts';
import { readServerContext } from '../../proto/tls/server-context.ts';
import { createAuthority, issueLeaf, type KeyPair } from '../certs/authority.ts';
import { openMembership } from '../membership/open-membership.ts';
import { TestClient } from './testing/test-client.ts';
import { XdsServer } from './xds-server.ts';

async function secureServer(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-mtls-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const now = new Date();
  const [authority, stranger] = await Promise.all([
    createAuthority({ name: 'ours', days: 1, now }),
    createAuthority({ name: 'another', days: 1, now }),
  ]);
  const files = async (name: string, from: KeyPair, host = '127.0.0.1'): Promise<GrpcTls> => {
    const uri = `spiffe://m/${name === 'control-plane' ? name : 'gateway'}/${name}`;
    const leaf = await issueLeaf(from, { name, altNames: ['127.0.0.1', host], uri, days: 1, now });
    const paths = {
      certificateFile: join(folder, `${name}.crt`),
      keyFile: join(folder, `${name}.key`),
      caFile: join(folder, 'ca.crt'),
    };
    // Each moved into its place, as whoever renews certificates does it: key before certificate.
    for (const [path, text] of [
      [paths.caFile, authority.certificate],
      [paths.keyFile, leaf.key],
      [paths.certificateFile, leaf.certificate],
    ] as const) {
      await writeFile(`${path}.new`, text);
      await rename(`${path}.new`, path);
    }
    return paths;
  };
  const ours = await files('control-plane', authority);
  const registry = new Registry();
  const gateways = openMembership({
    tls: { ...ours, clientCaFile: ours.caFile },
    goneAfterMs: () => 10_000,
    registry,
    log: pino({ level: 'silent' }),
    now: Date.now,
  });
  const server = new XdsServer({ registry, admit: (node, peer) => gateways.admit(node, peer) === null });
  const port = await server.listen('127.0.0.1:0', serverCredentials(ours));
  t.teardown(() => server.close());
  const connected = () =>
    new Promise<string>((resolve) => {
      server.once('connect', ({ id }) => resolve(id));
    });
  return {
    port,
    connected,
    folder,
    controlPlane: ours,
    ours: await files('gateway-1', authority),
    foreign: await files('foreign', stranger),
    renew: (name: string, host: string) => files(name, authority, host),
  };
}

/** An Envoy that asks the control plane at `port`; it is not started yet. */
async function envoyOf(t: ExecutionContext, port: number, controlPlaneTls: ControlPlaneTls) {
  const config = renderBootstrap(readBootstrapTemplate(), {
    nodeId: 'gateway-1',
    role: 'gateway',
    listen: `127.0.0.1:${await freePort()}`,
    extProc: [],
    relay: [],
    controlPlanes: [`127.0.0.1:${port}`],
    admin: '127.0.0.1:0',
    controlPlaneTls,
  });
  const envoy = await prepareEnvoy({ config, logLevel: 'error' });
  t.teardown(() => envoy.close());
  return envoy;
}

test('an Envoy whose certificate is the authority’s is served', async (t) => {
  const { port, connected, ours } = await secureServer(t);
  // Without resources it is never ready; that it connects is enough.
  const arrived = connected();
  const envoy = await envoyOf(t, port, ours);
  envoy.process.start().catch(() => {});
  t.is(await arrived, 'gateway-1');
});

test('an Envoy shows a renewed certificate when it connects again, without a restart', async (t) => {
  t.timeout(120_000);
  const { ours, controlPlane, renew, folder } = await secureServer(t);
  const shown: string[] = [];
  const { cert, key, ca } = readServerContext(controlPlane);
  // Every connection ends at once, so that Envoy comes again and again.
  const server = createServer({ cert, key, ca, requestCert: true, ALPNProtocols: ['h2'] }, (socket) => {
    shown.push(socket.getPeerX509Certificate()?.subjectAltName ?? '');
    socket.destroy();
  });
  server.on('tlsClientError', () => {});
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => server.close());
  const controlPlaneTls = { ...ours, secretsFile: join(folder, 'secrets.yaml') };
  await writeFile(controlPlaneTls.secretsFile, identitySecrets(controlPlaneTls));
  const envoy = await envoyOf(t, (server.address() as AddressInfo).port, controlPlaneTls);
  envoy.process.start().catch(() => {});
  await waitFor(() => shown.length > 0, { what: 'Envoy connects' });
  t.notRegex(shown[0] ?? '', /renewed/);
  await renew('gateway-1', 'renewed.example');
  await waitFor(() => shown.at(-1)?.includes('renewed.example') ?? false, { what: 'the renewed certificate' });
});

test('a client of the authority is served; one without a certificate or with a foreign one hears that it is not admitted, and nothing else', async (t) => {
  const { port, connected, ours, foreign } = await secureServer(t);
  const ask = async (channel: ChannelCredentials): Promise<string> => {
    const client = new TestClient(port, { id: 'gateway-1', role: 'sidecar' }, channel);
    t.teardown(() => client.close());
    client.say({ type: 'type.googleapis.com/test.Echo', subscribe: ['x'] });
    return Promise.race([connected().then(() => 'served'), client.ended.then(({ code }) => `refused ${code}`)]);
  };
  t.is(await ask(channelCredentials(ours)), 'served');
  t.is(await ask(channelCredentials(foreign)), 'refused 7');
  const caOnly = credentials.createSsl(readFileSync(ours.caFile));
  t.is(await ask(caOnly), 'refused 7');
  t.is(await ask(credentials.createSsl(null)), 'refused 14', 'it does not trust the server');
  t.is(await ask(credentials.createInsecure()), 'refused 14');
});

test('a client that expects a control plane leaves a server whose certificate is another role’s', async (t) => {
  const { port, ours, connected } = await secureServer(t);
  const ask = (trustDomain: string, role: 'control-plane' | 'gateway') => {
    const client = new TestClient(port, { id: 'gateway-1' }, channelCredentials(ours, { trustDomain, role }));
    t.teardown(() => client.close());
    client.say({ type: 'type.googleapis.com/test.Echo', subscribe: ['x'] });
    return Promise.race([connected().then(() => 'served'), client.ended.then(({ code }) => `refused ${code}`)]);
  };
  t.is(await ask('m', 'control-plane'), 'served');
  t.is(await ask('m', 'gateway'), 'refused 14');
  t.is(await ask('other', 'control-plane'), 'refused 14');
});
