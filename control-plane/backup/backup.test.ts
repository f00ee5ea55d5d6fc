import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { Redis } from 'ioredis';
import { startRedis } from '../../deploy/test/mesh/start-redis.ts';
import { readArchive, writeArchive } from './archive.ts';
import { listBackups, pruneBackups, storeBackup, verifyBackup } from './backup-folder.ts';
import { dumpKeys, restoreKeys } from './redis-keys.ts';

const from = { createdAt: new Date('2026-01-02T03:04:05Z'), node: 'test' };
const entries = [
  { key: 'holdfast:a', ttlMs: 5, dump: Buffer.from([0, 255, 10]) },
  { key: 'holdfast:b', ttlMs: null, dump: Buffer.alloc(0) },
];

async function ownFolder(t: { teardown(run: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-backup-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

async function ownRedis(t: { teardown(run: () => Promise<void>): void }): Promise<Redis> {
  const server = await startRedis();
  const redis = new Redis(server.url);
  t.teardown(async () => {
    redis.disconnect();
    await server.close();
  });
  return redis;
}

test('an archive read again is what was written', (t) => {
  const read = readArchive(writeArchive(entries, from));
  t.deepEqual(read, {
    kind: 'ok',
    backup: {
      header: { format: 'holdfast-backup', version: 1, createdAt: '2026-01-02T03:04:05.000Z', node: 'test', keys: 2 },
      entries,
    },
  });
});

test('an archive with any byte changed, or cut anywhere, is refused as a whole', (t) => {
  const bytes = writeArchive(entries, from);
  const isSame = (read: ReturnType<typeof readArchive>): boolean =>
    read.kind === 'ok' &&
    read.backup.header.keys === 2 &&
    read.backup.entries.every(
      (entry, index) => entry.key === entries[index]!.key && entry.dump.equals(entries[index]!.dump),
    );
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 0x55;
    const read = readArchive(changed);
    // Bytes of gzip's own header (time, system) carry nothing: what is read is still what was written.
    t.true(read.kind === 'damaged' || isSame(read), `byte ${at}`);
    t.is(readArchive(bytes.subarray(0, at)).kind, 'damaged', `cut at ${at}`);
  }
});

test('what Redis held is there again after a restore, and nothing else; fleeting keys are not in a backup', async (t) => {
  const redis = await ownRedis(t);
  await redis.hset('holdfast:{linear}:session:1', { epoch: 3, record: 'bin\u0000ary' });
  await redis.pexpire('holdfast:{linear}:session:1', 60_000);
  await redis.zadd('holdfast:{linear}:slot:0', 5, '1');
  await redis.set('holdfast:leader', 'me');
  await redis.set('other', 'not ours');
  const dumped = await dumpKeys(redis);
  t.deepEqual(dumped.map(({ key }) => key).sort(), ['holdfast:{linear}:session:1', 'holdfast:{linear}:slot:0']);
  await redis.flushall();
  await redis.set('holdfast:slots', 'of later');
  await redis.set('holdfast:leader', 'another');
  t.is(await restoreKeys(redis, dumped), 2);
  t.deepEqual(await redis.hgetall('holdfast:{linear}:session:1'), { epoch: '3', record: 'bin\u0000ary' });
  const ttlMs = await redis.pttl('holdfast:{linear}:session:1');
  t.true(ttlMs > 0 && ttlMs <= 60_000);
  t.is(await redis.pttl('holdfast:{linear}:slot:0'), -1);
  t.is(await redis.get('holdfast:slots'), null);
  t.is(await redis.get('holdfast:leader'), 'another');
});

test('a restore that Redis refuses in the middle changes nothing', async (t) => {
  const redis = await ownRedis(t);
  await redis.set('holdfast:slots', 'as it was');
  const good = { key: 'holdfast:x', ttlMs: null, dump: (await redis.dumpBuffer('holdfast:slots'))! };
  await t.throwsAsync(restoreKeys(redis, [good, { key: 'holdfast:y', ttlMs: null, dump: Buffer.from('not a dump') }]), {
    message: /DUMP|checksum/i,
  });
  t.deepEqual(await redis.keys('*'), ['holdfast:slots']);
  t.is(await redis.get('holdfast:slots'), 'as it was');
});

test('backups are listed newest first with their state, and the oldest good ones make room', async (t) => {
  const folder = await ownFolder(t);
  for (const day of [1, 2, 3])
    await storeBackup(folder, entries, { ...from, createdAt: new Date(`2026-01-0${day}T00:00:00Z`) });
  const again = await storeBackup(folder, entries, { ...from, createdAt: new Date('2026-01-03T00:00:00Z') });
  t.true(again.endsWith('-2.backup'));
  const [newest] = await listBackups(folder);
  await writeFile(newest!.path, (await readFile(newest!.path)).subarray(0, 40));
  t.deepEqual(
    (await listBackups(folder)).map(({ state }) => state),
    ['damaged', 'ok', 'ok', 'ok'],
  );
  t.is((await verifyBackup(newest!.path)).kind, 'damaged');
  t.is((await pruneBackups(folder, 2)).length, 1);
  t.is((await readdir(folder)).length, 3);
});
