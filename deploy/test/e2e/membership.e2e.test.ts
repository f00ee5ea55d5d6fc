import { readFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { credentials, type ChannelCredentials } from '@grpc/grpc-js';
import test from 'ava';
import { renewCertificates } from '../../../control-plane/certs/certificate-folder.ts';
import { TestClient } from '../../../control-plane/xds/testing/test-client.ts';
import { heartbeatSigner, writeHeartbeat } from '../../../proto/identity/signed-heartbeat.ts';
import { connectRedis, whenReady } from '../../../proto/redis/redis-client.ts';
import { channelCredentials } from '../../../proto/tls/grpc-credentials.ts';
import { REDIS } from '../../../proto/wire.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { waitFor } from '../mesh/wait-for.ts';

const LOCAL = ['localhost', '127.0.0.1'];
const MEMBERS = ['control-plane', 'gateway-1', 'gateway-2', 'edge'].map((name) => ({ name, altNames: LOCAL }));

let plain: Mesh, secured: Mesh, certs: string, strangers: string;
const removals: (() => Promise<void>)[] = [];
test.before(async (t) => {
  t.timeout(180_000);
  const folders = [await temporaryFolder(), await temporaryFolder()];
  removals.push(...folders.map(({ remove }) => remove));
  [certs, strangers] = folders.map(({ path }) => path) as [string, string];
  for (const folder of [certs, strangers])
    await renewCertificates(MEMBERS, { folder, now: new Date(), days: 1, renewDays: 0 });
  const servers = { linear: { replicas: 1 } };
  [plain, secured] = await Promise.all([startMesh({ servers }), startMesh({ servers, certs })]);
});
test.after.always(async () => {
  await Promise.all([plain?.close(), secured?.close()]);
  for (const remove of removals) await remove();
});

const files = (folder: string, name: string) => ({
  certificateFile: join(folder, `${name}.crt`),
  keyFile: join(folder, `${name}.key`),
  caFile: join(certs, 'ca.crt'),
});
/** Says over xDS that it is a node, and gives what it hears: resources, or how the stream ended. */
async function claim(
  mesh: Mesh,
  node: { id: string; role: string },
  metadata: Record<string, unknown>,
  channel: ChannelCredentials = credentials.createInsecure(),
): Promise<string> {
  const client = new TestClient(Number(mesh.controlPlane.xds.split(':')[1]), node, channel, metadata);
  for (const type of ['envoy.config.endpoint.v3.ClusterLoadAssignment', 'envoy.config.cluster.v3.Cluster'])
    client.say({ type: `type.googleapis.com/${type}`, subscribe: ['*'] });
  const heard = await Promise.race([
    client.nth(1).then(() => 'resources'),
    client.ended.then(({ code, details }) => `${code} ${details}`),
  ]);
  client.close();
  return heard;
}
const gatewaysOf = async (mesh: Mesh): Promise<string[]> => {
  const gateways = (await (await fetch(`${mesh.controlPlane.adminUrl}/v1/gateways`)).json()) as {
    id: string;
    relay: string[];
    listen: string | null;
  }[];
  return gateways.map(({ id, relay, listen }) => `${id} ${relay.join()} ${listen}`);
};
const refusals = async (url: string): Promise<Record<string, number>> => {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Object.fromEntries(
    [...text.matchAll(/^holdfast_peers_refused_total\{entry="(\w+)",reason="(\w+)"\} (\d+)$/gm)].map((found) => [
      `${found[1]} ${found[2]}`,
      Number(found[3]),
    ]),
  );
};
const NOT_ADMITTED = '7 not admitted to this mesh; the log of the control plane says why';

/** Puts a heartbeat into Redis as somebody who can write there would, until the control plane has counted its refusal. */
async function forge(mesh: Mesh, id: string, text: string, reason: string): Promise<void> {
  const redis = connectRedis(mesh.redis!.url);
  await whenReady(redis, 5000);
  const before = (await refusals(mesh.controlPlane.adminUrl))[`heartbeat ${reason}`] ?? 0;
  await waitFor(
    async () => {
      // The node's own heartbeats overwrite it.
      await redis.set(REDIS.gateway(id), text, 'PX', 5000);
      return ((await refusals(mesh.controlPlane.adminUrl))[`heartbeat ${reason}`] ?? 0) > before;
    },
    { what: `a heartbeat is refused: ${reason}`, everyMs: 200 },
  );
  await redis.del(REDIS.gateway(id));
  redis.disconnect();
}
const beat = (nodeId: string, relay: string, more: object = {}) => ({
  nodeId,
  version: '1',
  relay: [relay],
  peer: null,
  admin: null,
  listen: relay,
  isDraining: false,
  atMs: Date.now() + 1000,
  ...more,
});

test.serial(
  'without certificates nobody on this machine takes a node’s name or address, or leads others elsewhere',
  async (t) => {
    t.timeout(60_000);
    const before = await gatewaysOf(plain);
    const [first] = plain.gateways,
      own = { listen: '127.0.0.1:9', relay: ['127.0.0.1:9'] };
    const listen = new URL(first!.url).host,
      { relay } = first!.sidecars[0]!;
    t.is(before.length, 2);
    for (const [id, metadata] of [
      ['aaa-evil', { ...own, listen: '10.0.0.66:80' }],
      ['aaa-evil', { ...own, relay: ['evil.example:7900'] }],
      ['aaa-evil', { ...own, listen }],
      ['aaa-evil', { ...own, relay: [relay] }],
      ['gateway-1', own],
    ] as const)
      t.is(await claim(plain, { id, role: 'sidecar' }, metadata), NOT_ADMITTED, JSON.stringify({ id, metadata }));
    t.is(await claim(plain, { id: 'gateway-1', role: 'gateway' }, { listen: '127.0.0.1:9' }), NOT_ADMITTED);
    await forge(plain, 'evil', JSON.stringify(beat('evil', '10.0.0.66:7900')), 'off_loopback');
    await forge(plain, 'evil', JSON.stringify(beat('evil', relay)), 'address_in_use');
    await forge(plain, 'gateway-1', JSON.stringify(beat('gateway-1', '127.0.0.1:9')), 'id_in_use');
    t.deepEqual(await gatewaysOf(plain), before);
    const counted = await refusals(plain.controlPlane.adminUrl);
    t.deepEqual(
      [counted['xds address'], counted['xds address_in_use'], counted['xds id_in_use']],
      [2, 2, 2],
      'each is counted by its reason',
    );
  },
);

test.serial('with certificates a stream is believed by the name in its certificate alone', async (t) => {
  t.timeout(60_000);
  const before = await gatewaysOf(secured);
  const metadata = { relay: ['127.0.0.1:9'], listen: '127.0.0.1:9' };
  const ask = (id: string, role: string, folder: string, name: string) =>
    claim(secured, { id, role }, metadata, channelCredentials(files(folder, name)));
  const withoutOne = credentials.createSsl(await readFile(join(certs, 'ca.crt')));
  t.is(await claim(secured, { id: 'evil', role: 'sidecar' }, metadata, withoutOne), NOT_ADMITTED);
  t.is(await ask('gateway-1', 'sidecar', strangers, 'gateway-1'), NOT_ADMITTED, 'another authority’s');
  t.is(await ask('gateway-3', 'sidecar', certs, 'gateway-2'), NOT_ADMITTED, 'another node’s');
  t.is(await ask('edge', 'sidecar', certs, 'edge'), NOT_ADMITTED, 'an edge is no gateway');
  t.is(await ask('gateway-2', 'edge', certs, 'gateway-2'), NOT_ADMITTED, 'a gateway is no edge');
  t.is(await ask('control-plane', 'sidecar', certs, 'control-plane'), NOT_ADMITTED);
  t.is(
    await ask('gateway-1', 'sidecar', certs, 'gateway-1'),
    NOT_ADMITTED,
    'its certificate was stolen: it is elsewhere already',
  );
  t.is(await ask('edge', 'edge', certs, 'edge'), 'resources');
  t.deepEqual(await gatewaysOf(secured), before);
  const counted = await refusals(secured.controlPlane.adminUrl);
  t.like(counted, { 'xds no_certificate': 2, 'xds id': 1, 'xds role': 3, 'xds id_in_use': 1 });
});

test.serial('with certificates a heartbeat is believed when its node has signed it', async (t) => {
  t.timeout(60_000);
  const before = await gatewaysOf(secured);
  const signed = async (id: string, by: string, folder: string) => {
    const { certificateFile, keyFile } = files(folder, by);
    const signer = heartbeatSigner(await readFile(certificateFile, 'utf8'), await readFile(keyFile, 'utf8'));
    return writeHeartbeat(beat(id, '127.0.0.1:9'), signer);
  };
  await forge(secured, 'evil', JSON.stringify(beat('evil', '127.0.0.1:9')), 'no_certificate');
  await forge(secured, 'gateway-1', await signed('gateway-1', 'gateway-2', certs), 'id');
  await forge(secured, 'gateway-1', await signed('gateway-1', 'gateway-1', strangers), 'no_certificate');
  await forge(secured, 'edge', await signed('edge', 'edge', certs), 'role');
  t.deepEqual(await gatewaysOf(secured), before);
});

test.serial('a relay’s port for neighbours takes gateways of the mesh, and counts the others', async (t) => {
  t.timeout(60_000);
  const [sidecar] = secured.gateways[1]!.sidecars;
  const ask = async (folder: string | null, name = ''): Promise<number> => {
    const tls = folder && {
      cert: await readFile(join(folder, `${name}.crt`)),
      key: await readFile(join(folder, `${name}.key`)),
    };
    return new Promise((resolve) => {
      const port = Number(sidecar!.relayPeer!.split(':')[1]);
      const options = { host: '127.0.0.1', port, path: '/health', agent: false, rejectUnauthorized: false, ...tls };
      request(options, (response) => resolve(response.resume().statusCode!))
        .once('error', () => resolve(0))
        .end();
    });
  };
  t.is(await ask(null), 0);
  t.is(await ask(strangers, 'gateway-1'), 0);
  t.is(await ask(certs, 'edge'), 0);
  t.is(await ask(certs, 'control-plane'), 0);
  t.is(await ask(certs, 'gateway-1'), 200);
  t.deepEqual(await refusals(sidecar!.adminUrl), { 'relay no_certificate': 2, 'relay role': 2 });
});
