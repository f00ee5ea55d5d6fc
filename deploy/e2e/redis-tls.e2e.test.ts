import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import test from 'ava';
import { renewCertificates } from '../../control-plane/certs/certificate-folder.ts';
import { connectClient } from '../clients/connect-client.ts';
import { freePort } from '../mesh/free-port.ts';
import { ManagedProcess } from '../mesh/managed-process.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { isListening, waitFor } from '../mesh/wait-for.ts';
import { ensureRedis } from '../setup/binaries.ts';

/** What the mesh needs of Redis and nothing more; deploy/README.md shows the same line. */
const ACL = 'user holdfast on >secret ~holdfast:* resetchannels &holdfast:* -@all +@read +@write +@scripting +@pubsub +@transaction +@connection +info +scan';

test('with Redis behind TLS, and a user who may touch nothing else, sessions are kept and rebuilt', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(folder.remove);
  const certs = join(folder.path, 'certs');
  await renewCertificates([{ name: 'redis', altNames: ['127.0.0.1', 'localhost'] }], { folder: certs, now: new Date(), days: 1, renewDays: 0 });
  await writeFile(join(folder.path, 'users.acl'), `user default off\n${ACL}\n`);
  const plainPort = await freePort();
  const redis = new ManagedProcess({
    name: 'redis', command: await ensureRedis(), logFile: join(folder.path, 'redis.log'), isReady: () => isListening(plainPort),
    args: ['--port', String(plainPort), '--bind', '127.0.0.1', '--aclfile', join(folder.path, 'users.acl'), '--dir', folder.path, '--save', '', '--daemonize', 'no'],
  });
  await redis.start();
  t.teardown(() => redis.kill());
  // The Redis of npm is built without TLS: it ends here, as it does before many managed ones.
  const front = createServer({ cert: await readFile(join(certs, 'redis.crt')), key: await readFile(join(certs, 'redis.key')) }, (secure) => {
    const plain = connect(plainPort, '127.0.0.1');
    secure.pipe(plain).pipe(secure);
    for (const socket of [secure, plain]) socket.on('error', () => { secure.destroy(); plain.destroy(); });
  });
  const port = await freePort();
  await new Promise<void>((resolve) => { front.listen(port, '127.0.0.1', resolve); });
  t.teardown(() => { front.close(); });
  const mesh = await startMesh({
    redis: { url: `rediss://holdfast:secret@127.0.0.1:${port}` }, env: { NODE_EXTRA_CA_CERTS: join(certs, 'ca.crt') }, servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } },
  });
  t.teardown(mesh.close);
  const client = await connectClient({ kind: 'v1', url: mesh.url('linear') });
  t.teardown(() => client.close());
  const home = async (): Promise<string> => ((await client.callTool('whoami')).data as { replica: { name: string } }).replica.name;
  const before = await home();
  await mesh.replicas.find(({ name }) => name === before)!.process.kill();
  t.not(await home(), before);
  const isHealthy = async (check: string): Promise<boolean> => {
    const { checks } = await (await fetch(`${mesh.gateways[0]!.url}/health`)).json() as { checks: Array<{ name: string; healthy: boolean }> };
    return checks.some(({ name, healthy }) => name === check && healthy);
  };
  t.true(await isHealthy('redis'));
  // A node looks for its neighbours with each of its own heartbeats.
  await t.notThrowsAsync(waitFor(() => isHealthy('node gateway-2'), { what: 'the nodes see each other in Redis' }));
});
