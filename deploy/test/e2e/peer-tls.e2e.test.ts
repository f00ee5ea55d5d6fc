import { readFile } from 'node:fs/promises';
import { request as plainRequest } from 'node:http';
import { request as tlsRequest } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TLSSocket } from 'node:tls';
import test from 'ava';
import { renewCertificates } from '../../../control-plane/certs/certificate-folder.ts';
import { HEADER } from '../../../proto/wire.ts';
import { connectClient } from '../clients/connect-client.ts';
import { hostsOf } from '../mesh/envoy-hosts.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { movedAndKept } from './migration-assertions.ts';

/** Longer than Envoy keeps an ejected relay out. */
const LOAD_MS = 3000;
const MEMBERS = ['control-plane', 'gateway-1', 'gateway-2'].map((name) => ({
  name,
  altNames: ['localhost', '127.0.0.1'],
}));

let mesh: Mesh, certs: string, strangers: string;
const removals: (() => Promise<void>)[] = [];
test.before(async (t) => {
  t.timeout(120_000);
  const folders = [await temporaryFolder(), await temporaryFolder()];
  removals.push(...folders.map(({ remove }) => remove));
  [certs, strangers] = folders.map(({ path }) => path) as [string, string];
  for (const folder of [certs, strangers])
    await renewCertificates(MEMBERS, { folder, now: new Date(), days: 1, renewDays: 0 });
  mesh = await startMesh({ certs, servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } } });
});
test.after.always(async () => {
  await mesh?.close();
  for (const remove of removals) await remove();
});

const port = (): number => Number(mesh.gateways[1]!.sidecars[0]!.relayPeer!.split(':')[1]);
/** The relay of gateway 2 as somebody with the certificate `name` of a folder, or without one, finds it. */
async function ask(folder: string | null, name = 'gateway-1'): Promise<{ status: number; serial: string }> {
  const mine =
    folder === null
      ? {}
      : { cert: await readFile(join(folder, `${name}.crt`)), key: await readFile(join(folder, `${name}.key`)) };
  const ca = await readFile(join(certs, 'ca.crt'));
  return new Promise((resolve, reject) => {
    tlsRequest({ host: '127.0.0.1', port: port(), path: '/health', agent: false, ca, ...mine }, (response) => {
      const serial = (response.socket as TLSSocket).getPeerCertificate().serialNumber;
      response.resume().once('end', () => resolve({ status: response.statusCode!, serial }));
    })
      .once('error', reject)
      .end();
  });
}

/** Calls of sessions and new sessions through a gateway for a while; what failed. */
async function load(
  clients: Record<string, Awaited<ReturnType<typeof connectClient>>>,
  gateway: number,
): Promise<string[]> {
  const failures: string[] = [];
  const attempt = (what: string, work: Promise<unknown>): Promise<unknown> =>
    work.catch((error: Error) => failures.push(`${what}: ${error.message}`));
  for (const endMs = performance.now() + LOAD_MS; performance.now() < endMs; await sleep(20)) {
    for (const [name, client] of Object.entries(clients)) await attempt(name, client.callTool('cart'));
    await attempt(
      'new session',
      connectClient({ kind: 'v1', url: mesh.url('linear', gateway) }).then((client) => client.terminate()),
    );
  }
  return failures;
}

test.serial('nobody without a certificate of the mesh reaches a relay from elsewhere', async (t) => {
  await t.throwsAsync(
    new Promise((resolve, reject) => {
      plainRequest({ host: '127.0.0.1', port: port(), path: '/health', agent: false }, resolve)
        .once('error', reject)
        .end();
    }),
  );
  await t.throwsAsync(ask(null));
  await t.throwsAsync(ask(strangers));
  t.is((await ask(certs)).status, 200);
});

test.serial(
  'while a gateway’s sidecar is dead its sessions, moved ones and new ones go on over the neighbour’s, by mTLS',
  async (t) => {
    t.timeout(120_000);
    const { moved, kept } = await movedAndKept(mesh);
    const [sidecar] = mesh.gateways[0]!.sidecars,
      [theirs] = mesh.gateways[1]!.sidecars;
    const hosts = await waitFor(
      async () => {
        const known = (await hostsOf(mesh.gateways[0]!.envoy.adminUrl)).get('mcp.linear');
        return known?.has(theirs!.relayPeer!) && known;
      },
      { what: 'the gateways know each other' },
    );
    t.deepEqual(
      [hosts.has(sidecar!.relay), hosts.has(theirs!.relayPeer!), hosts.has(theirs!.relay)],
      [true, true, false],
      'plain to one’s own, mTLS to the neighbour’s',
    );
    await sidecar!.process.kill();
    t.deepEqual(await load({ 'moved session': moved, 'steady session': kept }, 0), []);
    await sidecar!.process.start();
    await Promise.all([moved.terminate(), kept.terminate()]);
  },
);

test.serial(
  'renewed certificates are taken up by relays and by those that speak to them, without a restart',
  async (t) => {
    t.timeout(120_000);
    const before = (await ask(certs)).serial,
      session = await connectClient({ kind: 'v1', url: mesh.url('linear') });
    await renewCertificates(MEMBERS, { folder: certs, now: new Date(), days: 2, renewDays: 2 });
    await waitFor(async () => (await ask(certs)).serial !== before, {
      what: 'the relay shows its renewed certificate',
      timeoutMs: 30_000,
      everyMs: 200,
    });
    const [sidecar] = mesh.gateways[0]!.sidecars;
    await sidecar!.process.kill();
    t.deepEqual(await load({ session }, 0), []);
    await sidecar!.process.start();
    await session.terminate();
  },
);

test.serial('without Redis a relay that does not know a session hands it to its neighbour’s, by mTLS', async (t) => {
  t.timeout(120_000);
  const client = await connectClient({ kind: 'v1', url: mesh.url('linear', 1) });
  const home = String((await client.callTool('cart')).data['replica']),
    { sessionId } = client,
    [sidecar] = mesh.gateways[0]!.sidecars;
  await mesh.redis!.process.kill();
  await mesh.replicas.find(({ name }) => name === home)!.process.restart('SIGKILL');
  // Asked as its Envoy would: that one might still turn to the neighbour by itself, after the deaths above.
  const answer = await fetch(`http://${sidecar!.relay}/mcp`, {
    method: 'POST',
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: { name: 'cart', arguments: {} } }),
    headers: {
      'content-type': 'application/json',
      accept: 'application/json, text/event-stream',
      'mcp-session-id': sessionId!,
      'mcp-protocol-version': '2025-11-25',
      [HEADER.server]: 'linear',
    },
  });
  const text = await answer.text();
  t.is(answer.status, 200, text);
  t.regex(text, /"result"/);
  await client.close();
});
