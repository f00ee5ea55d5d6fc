import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { renewCertificates } from '../../../control-plane/certs/certificate-folder.ts';
import { connectClient } from '../clients/connect-client.ts';
import { redisUsers } from '../../compose/redis-users.ts';
import { freePort } from '../mesh/free-port.ts';
import { ManagedProcess } from '../mesh/managed-process.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { temporaryFolder } from '../mesh/temporary-folder.ts';
import { isListening, waitFor } from '../mesh/wait-for.ts';
import { ensureRedis } from '../../setup/binaries.ts';
import { homeOf } from './home-of.ts';

const PASSWORD = 'secret';
const login = (port: number, username: string) => ({ host: '127.0.0.1', port, username, password: PASSWORD });
/** What somebody would ask who has taken a gateway over. */
const DANGEROUS: [string, ...string[]][] = [
  ['FLUSHALL'],
  ['FLUSHDB'],
  ['SWAPDB', '0', '1'],
  ['KEYS', '*'],
  ['RANDOMKEY'],
  ['CLIENT', 'LIST'],
  ['CLIENT', 'KILL', 'TYPE', 'normal'],
  ['CLIENT', 'PAUSE', '1'],
  ['SCRIPT', 'FLUSH'],
  ['SCRIPT', 'KILL'],
  ['FUNCTION', 'FLUSH'],
  ['MIGRATE', '127.0.0.1', '1', '', '0', '1', 'KEYS', 'holdfast:{linear}:x'],
  ['RESTORE', 'holdfast:{linear}:x', '0', 'x'],
  ['COPY', 'holdfast:{linear}:x', 'holdfast:{linear}:y'],
  ['RENAME', 'holdfast:{linear}:x', 'holdfast:{linear}:y'],
  ['SORT', 'holdfast:{linear}:x', 'GET', '*'],
  ['CONFIG', 'GET', '*'],
  ['ACL', 'LIST'],
  ['DEBUG', 'SLEEP', '0'],
  ['MONITOR'],
  ['SAVE'],
  ['SHUTDOWN', 'NOSAVE'],
  ['REPLICAOF', 'NO', 'ONE'],
  ['SLOWLOG', 'GET'],
  ['LATENCY', 'RESET'],
  ['MODULE', 'LIST'],
  ['OBJECT', 'FREQ', 'holdfast:{linear}:x'],
];

/**
 * A Redis that speaks TLS, whose certificate is in `certs`. Where it was built without TLS (as npm's and PyPI's are),
 * TLS ends before it, as with many managed ones.
 */
async function startTlsRedis(
  t: ExecutionContext,
  folder: string,
  certs: string,
): Promise<{ port: number; by: string }> {
  const hash = createHash('sha256').update(PASSWORD).digest('hex');
  await writeFile(
    join(folder, 'users.acl'),
    redisUsers({ gateway: hash, controlPlane: hash, replica: hash, admin: hash }),
  );
  const port = await freePort(),
    command = await ensureRedis();
  const common = [
    '--bind',
    '127.0.0.1',
    '--aclfile',
    join(folder, 'users.acl'),
    '--dir',
    folder,
    '--save',
    '',
    '--daemonize',
    'no',
  ];
  const tls = [
    '--tls-port',
    String(port),
    '--tls-cert-file',
    join(certs, 'redis.crt'),
    '--tls-key-file',
    join(certs, 'redis.key'),
    '--tls-ca-cert-file',
    join(certs, 'ca.crt'),
    '--tls-auth-clients',
    'no',
  ];
  const own = new ManagedProcess({
    name: 'redis',
    command,
    logFile: join(folder, 'redis.log'),
    isReady: () => isListening(port),
    args: ['--port', '0', ...tls, ...common],
  });
  t.teardown(() => own.kill());
  const withoutTls = await own.start().then(
    () => false,
    (error: Error) => {
      if (/Bad directive|wrong number of arguments|Failed finding TLS support/i.test(error.message)) return true;
      throw error;
    },
  );
  if (!withoutTls) return { port, by: 'its own TLS' };
  const plainPort = await freePort();
  const plain = new ManagedProcess({
    name: 'plain redis',
    command,
    logFile: join(folder, 'plain.log'),
    isReady: () => isListening(plainPort),
    args: ['--port', String(plainPort), ...common],
  });
  await plain.start();
  t.teardown(() => plain.kill());
  const front = createServer(
    { cert: await readFile(join(certs, 'redis.crt')), key: await readFile(join(certs, 'redis.key')) },
    (secure) => {
      const behind = connect(plainPort, '127.0.0.1');
      secure.pipe(behind).pipe(secure);
      for (const socket of [secure, behind])
        socket.on('error', () => {
          secure.destroy();
          behind.destroy();
        });
    },
  );
  await new Promise<void>((resolve) => {
    front.listen(port, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    front.close();
  });
  return { port, by: 'TLS before it' };
}

test('with Redis behind TLS, and a user who may touch nothing else, sessions are kept and rebuilt, and a control plane leads', async (t) => {
  const folder = await temporaryFolder();
  t.teardown(folder.remove);
  const certs = join(folder.path, 'certs');
  await renewCertificates([{ name: 'redis', altNames: ['127.0.0.1', 'localhost'] }], {
    folder: certs,
    now: new Date(),
    days: 1,
    renewDays: 0,
  });
  const { port, by } = await startTlsRedis(t, folder.path, certs);
  t.log(`Redis with ${by}`);
  const urlOf = (user: string): string => `rediss://${user}:${PASSWORD}@127.0.0.1:${port}`;
  const mesh = await startMesh({
    redis: { url: urlOf('holdfast-control-plane') },
    env: { NODE_EXTRA_CA_CERTS: join(certs, 'ca.crt') },
    gatewayEnv: () => ({ SESSION_STORE_URL: urlOf('holdfast-gateway') }),
    servers: { linear: { replicas: 2, settings: { trustAnnotations: true } } },
  });
  t.teardown(mesh.close);
  const client = await connectClient({ kind: 'v1', url: mesh.url('linear') });
  t.teardown(() => client.close());
  const before = await homeOf(mesh, client);
  await before.process.kill();
  t.not((await homeOf(mesh, client)).name, before.name);
  const isHealthy = async (check: string): Promise<boolean> => {
    const { checks } = (await (await fetch(`${mesh.gateways[0]!.sidecars[0]!.adminUrl}/health`)).json()) as {
      checks: Array<{ name: string; healthy: boolean }>;
    };
    return checks.some(({ name, healthy }) => name === check && healthy);
  };
  await t.notThrowsAsync(waitFor(() => isHealthy('redis'), { what: 'Redis is seen' }));
  const leads = async (): Promise<boolean> =>
    ((await (await fetch(`${mesh.controlPlane.adminUrl}/v1/status`)).json()) as { controlPlane: { isLeader: boolean } })
      .controlPlane.isLeader;
  await t.notThrowsAsync(waitFor(leads, { what: 'a leader' }));
  // A node looks for its neighbours with each of its own heartbeats.
  await t.notThrowsAsync(waitFor(() => isHealthy('node gateway-2'), { what: 'the nodes see each other in Redis' }));
  await client.terminate();
  const as = (user: string): Redis => {
    const redis = new Redis({ ...login(port, user), tls: { ca: readFileSync(join(certs, 'ca.crt')) } });
    t.teardown(() => redis.disconnect());
    return redis;
  };
  const refused = (await as('admin').call('ACL', 'LOG')) as unknown[];
  t.deepEqual(refused, [], 'the product never asked for more than its users may');
  for (const user of ['holdfast-gateway', 'holdfast-control-plane'])
    for (const command of DANGEROUS)
      await t.throwsAsync(
        as(user).call(...command),
        { message: /NOPERM|unknown command|DEBUG command not allowed/ },
        `${user}: ${command.join(' ')}`,
      );
  const gateway = as('holdfast-gateway');
  for (const key of [
    'slots',
    'rollout:linear',
    'drains',
    'events',
    'config:versions',
    'leader',
    'token:{holdfast:leader}',
  ])
    await t.throwsAsync(gateway.get(`holdfast:${key}`), { message: /NOPERM/ }, key);
  await t.throwsAsync(as('holdfast-control-plane').get('other:key'), { message: /NOPERM/ });
});
