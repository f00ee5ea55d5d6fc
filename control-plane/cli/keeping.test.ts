import { execFile } from 'node:child_process';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { Redis } from 'ioredis';
import { startRedis } from '../../deploy/test/mesh/start-redis.ts';
import { waitFor } from '../../deploy/test/mesh/wait-for.ts';
import { hasProgram, testWith } from '../../deploy/test/test-with.ts';
import { REDIS } from '../../proto/wire.ts';
import { storeBackup } from '../backup/backup-folder.ts';

const BIN = fileURLToPath(new URL('bin.js', import.meta.url));
interface Ran {
  code: number;
  out: string;
  err: string;
}

const holdfast = (cwd: string, url: string, ...args: string[]): Promise<Ran> =>
  holdfastIn({ PATH: process.env['PATH'] }, cwd, url, ...args);
const holdfastIn = (env: NodeJS.ProcessEnv, cwd: string, url: string, ...args: string[]): Promise<Ran> =>
  new Promise((resolve) => {
    execFile(process.execPath, [BIN, ...args], { cwd, env: { ...env, SESSION_STORE_URL: url } }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });

async function setting(t: ExecutionContext) {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-keeping-')),
    server = await startRedis(),
    redis = new Redis(server.url);
  // One test ends the server under it.
  redis.on('error', () => {});
  t.teardown(async () => {
    redis.disconnect();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return { folder, server, redis, run: (...args: string[]) => holdfast(folder, server.url, ...args) };
}

test('a backup is created, listed, verified and restored; a damaged one is refused and changes nothing', async (t) => {
  const { folder, redis, run } = await setting(t);
  await redis.hset(REDIS.session('linear', 'd1'), { epoch: 1, record: '{}' });
  const created = JSON.parse((await run('--json', 'backup', 'create', '--to', 'kept', '--keep', '2')).out) as {
    path: string;
    keys: number;
    sessions: number;
  };
  t.like(created, { keys: 1, sessions: 1 });
  t.regex((await run('backup', 'list', 'kept')).out, /holdfast-\d{8}T\d{6}Z\.backup .* 1 +\d+ +good/);
  t.regex((await run('backup', 'verify', created.path)).out, /is whole: 1 keys/);
  t.is((await run('backup', 'restore', created.path)).code, 65, 'what is there is not replaced unasked');
  const dump = (await redis.dumpBuffer(REDIS.session('linear', 'd1')))!;
  const older = await storeBackup(
    folder,
    [
      { key: REDIS.session('linear', 'd1'), ttlMs: null, dump },
      { key: REDIS.session('linear', 'short'), ttlMs: 60_000, dump },
    ],
    { createdAt: new Date(Date.now() - 3_600_000), node: 'test' },
  );
  await redis.flushall();
  t.regex((await run('backup', 'restore', older)).out, /^1 keys of .* are back \(1 had expired since\)/);
  t.is(await redis.hget(REDIS.session('linear', 'd1'), 'epoch'), '1');
  const bytes = await readFile(created.path.startsWith('/') ? created.path : join(folder, created.path));
  bytes[bytes.length >> 1]! ^= 0xff;
  await writeFile(join(folder, 'damaged.backup'), bytes);
  const refused = await run('backup', 'restore', 'damaged.backup', '--yes');
  t.is(refused.code, 65);
  t.regex(refused.err, /damaged\.backup is not used: it/);
  t.is((await redis.keys('*')).length, 1);
  t.is((await run('backup', 'restore', 'nowhere')).code, 64);
  t.is((await run('backup', 'create', '--keep', 'some')).code, 64);
});

test('a backup waits for Redis as long as it was told to: in a new pod connections may be refused at first', async (t) => {
  const { folder, server } = await setting(t);
  let refused = 0;
  const gate = createServer((socket) => {
    if (refused < 3) {
      refused += 1;
      socket.destroy();
    } else socket.pipe(connect(server.port, '127.0.0.1').on('error', () => {})).pipe(socket.on('error', () => {}));
  });
  await new Promise<void>((resolve) => gate.listen(0, '127.0.0.1', resolve));
  t.teardown(() => gate.close());
  const url = `redis://127.0.0.1:${(gate.address() as AddressInfo).port}`;
  const create = (wait: string): Promise<Ran> =>
    holdfast(folder, url, 'backup', 'create', '--to', 'kept', '--wait', wait);
  t.is((await create('some')).code, 64);
  t.is((await create('1ms')).code, 69);
  refused = 0;
  t.regex((await create('60s')).out, /0 keys/);
  t.is(refused, 3);
});

testWith(
  'git',
  hasProgram('git', '--version'),
  'configuration versions become commits of a git repository, each once',
  async (t) => {
    const { folder, redis, run } = await setting(t);
    const { ConfigVersions } = await import('../config-versions/config-versions.ts'),
      { redisSharedState } = await import('../lease/redis-shared-state.ts');
    const versions = new ConfigVersions(redisSharedState(redis), 'test', () => 1_700_000_000_000);
    await versions.accept('a: 1\n');
    await versions.accept('a: 2\n');
    t.regex((await run('backup', 'create', '--git', 'history')).out, /2 configuration versions committed/);
    await versions.accept('a: 3\n');
    t.regex((await run('backup', 'create', '--git', 'history')).out, /1 configuration versions committed/);
    t.is(await readFile(join(folder, 'history/holdfast.yaml'), 'utf8'), 'a: 3\n');
  },
);

test('without git on the machine --git is refused by name, before anything is written', async (t) => {
  const { folder, server } = await setting(t);
  const { code, err } = await holdfastIn({ PATH: folder }, folder, server.url, 'backup', 'create', '--git', 'history');
  t.is(code, 64);
  t.regex(err, /git is not on this machine/);
  t.deepEqual(await readdir(folder), []);
});

test('a region that stands by is promoted when the other is gone, and says what may be missing', async (t) => {
  const { folder, server, redis, run } = await setting(t);
  const replica = await startRedis({ replicaOf: server.port });
  t.teardown(() => replica.close());
  await redis.set(REDIS.session('linear', 'd1'), 'x');
  const other = (...args: string[]) => holdfast(folder, replica.url, ...args);
  await waitFor(async () => (await other('region', 'status')).code === 0, { what: 'the copy', timeoutMs: 60_000 });
  t.regex((await other('region', 'status')).out, /^stands by: copies .*, connected/);
  t.regex((await run('region', 'status')).out, /^active; copied by/);
  t.is((await other('region', 'promote')).code, 65);
  await server.process.kill();
  await waitFor(async () => (await other('region', 'status')).code === 1, {
    what: 'the primary is missed',
    timeoutMs: 60_000,
  });
  t.regex(
    (await other('region', 'promote')).out,
    /it holds 1 sessions; what the other one wrote in its last \d+ s may be missing/,
  );
  t.regex((await other('region', 'promote')).out, /is active already/);
});

test('certificates are made, shown and renewed with the names they had', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-certs-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const run = (...args: string[]) => holdfast(folder, '', ...args);
  t.is((await run('certs', 'status')).code, 64);
  t.regex(
    (await run('certs', 'init', 'edge=mcp.example.com,10.0.0.1', 'gateway-1')).out,
    /made: certs\/ca\.crt, certs\/edge\.crt, certs\/gateway-1\.crt/,
  );
  t.deepEqual((await readdir(join(folder, 'certs'))).sort(), [
    'ca.crt',
    'ca.key',
    'edge.crt',
    'edge.key',
    'gateway-1.crt',
    'gateway-1.key',
  ]);
  t.regex((await run('certs', 'status')).out, /edge +\d{4}-.* +8\d +ok/);
  t.is((await run('certs', 'status', '--renew-days', '91')).code, 1);
  t.regex((await run('certs', 'renew', '--renew-days', '91')).out, /made: certs\/edge\.crt, certs\/gateway-1\.crt/);
  const { X509Certificate } = await import('node:crypto');
  t.regex(
    new X509Certificate(await readFile(join(folder, 'certs/edge.crt'))).subjectAltName ?? '',
    /mcp\.example\.com.*10\.0\.0\.1/,
  );
  t.is((await run('certs', 'init', '../evil')).code, 64);
});
