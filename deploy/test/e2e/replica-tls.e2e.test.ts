import { join } from 'node:path';
import test from 'ava';
import { renewCertificates } from '../../../control-plane/certs/certificate-folder.ts';
import { connectClient } from '../clients/connect-client.ts';
import { startMesh, type Mesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { waitFor } from '../mesh/wait-for.ts';
import { holdfast } from './holdfast-command.ts';
import { homeNameOf } from './home-of.ts';

const NAME = 'replica.internal';
let mesh: Mesh, folder: Awaited<ReturnType<typeof temporaryFolder>>;
const own = (): string => join(folder.path, 'own', 'ca.crt');
const setTls =
  (tls: Record<string, string>) =>
  (config: Mesh['config']): void => {
    for (const { backends } of config.servers) for (const backend of backends) backend['tls'] = tls;
  };

test.before(async (t) => {
  t.timeout(120_000);
  folder = await temporaryFolder();
  for (const authority of ['own', 'other'])
    await renewCertificates([{ name: 'replica', altNames: [NAME] }], {
      folder: join(folder.path, authority),
      now: new Date(),
      days: 1,
      renewDays: 0,
    });
  const args = [
    '--tls-certificate',
    join(folder.path, 'own', 'replica.crt'),
    '--tls-key',
    join(folder.path, 'own', 'replica.key'),
  ];
  mesh = await startMesh({
    servers: { linear: { replicas: 2, args }, queryquill: { replicas: 2, args, settings: { guard: 'off' } } },
    config: setTls({ caFile: own(), serverName: NAME }),
  });
});
test.after.always(async () => {
  await mesh?.close();
  await folder?.remove();
});

const run = (...args: string[]) => holdfast(mesh.controlPlane.adminUrl, ...args);
const states = async (): Promise<string[]> =>
  (JSON.parse((await run('replicas', '--json')).out) as { state: string }[]).map(({ state }) => state);
const areAll = (state: string) =>
  waitFor(async () => (await states()).every((each) => each === state), {
    what: `every replica ${state}`,
    timeoutMs: 30_000,
  });

for (const [server, way] of [
  ['linear', 'through the relay'],
  ['queryquill', 'through Envoy alone'],
] as const) {
  test.serial(`replicas behind TLS are reached ${way}; a lost session is rebuilt over TLS`, async (t) => {
    t.timeout(60_000);
    const client = await connectClient({ kind: 'v1', url: mesh.url(server) });
    t.teardown(() => client.close());
    const before = await homeNameOf(client),
      victim = mesh.replicas.find(({ name }) => name === before)!;
    await client.subscribe(server === 'linear' ? 'cart:///mine' : (await client.listResources())[0]!);
    await victim.process.kill();
    t.not(await homeNameOf(client), before);
    await victim.process.start();
    await mesh.settled();
  });
}

for (const [description, tls] of [
  ['of another authority', () => ({ caFile: join(folder.path, 'other', 'ca.crt'), serverName: NAME })],
  ['of no authority that the machine trusts', () => ({ serverName: NAME })],
  ['for another name', () => ({ caFile: own(), serverName: 'somebody.else' })],
] as const) {
  test.serial(
    `a replica with a certificate ${description} gets nothing; doctor and replicas say why, and sessions go on when it is put right`,
    async (t) => {
      t.timeout(90_000);
      const client = await connectClient({ kind: 'v1', url: mesh.url('linear') });
      t.teardown(() => client.close());
      await homeNameOf(client);
      await mesh.writeConfig(setTls(tls()));
      await areAll('unhealthy');
      const why =
        description === 'for another name'
          ? /its certificate is for another name than tls\.serverName: ERR_TLS_CERT_ALTNAME_INVALID/
          : /its certificate is of no authority in tls\.caFile \(without one: of none that this machine trusts\): UNABLE_TO/;
      // A probe that met a pause says so until the next one.
      await waitFor(async () => why.test((await run('replicas')).out), { what: 'replicas says why' });
      const { code, out } = await waitFor(
        async () => {
          const ran = await run('doctor');
          return why.test(ran.out) && ran;
        },
        { what: 'doctor says why' },
      );
      t.is(code, 1);
      t.regex(out, /BAD +servers +linear: no healthy replica/);
      const refused = await fetch(mesh.url('linear'), {
        method: 'POST',
        headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
        body: JSON.stringify({
          jsonrpc: '2.0',
          id: 1,
          method: 'initialize',
          params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'x', version: '1' } },
        }),
      });
      t.is(refused.status, 503);
      t.like(await refused.json(), { id: 1, error: { data: { outcome: 'not_sent', retrySafe: true } } });
      await mesh.writeConfig(setTls({ caFile: own(), serverName: NAME }));
      await areAll('active');
      await mesh.settled();
      t.truthy(await homeNameOf(client));
    },
  );
}

test.serial('the authority alone will do: then the certificate may be for any name', async (t) => {
  t.timeout(60_000);
  await mesh.writeConfig(setTls({ caFile: own() }));
  await areAll('active');
  const client = await connectClient({ kind: 'v1', url: mesh.url('queryquill') });
  t.teardown(() => client.close());
  t.truthy(await homeNameOf(client));
});
