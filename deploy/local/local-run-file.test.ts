import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { writeLocalRunFile } from './local-run-file.ts';

test('the place is told while the mesh runs; a later mesh’s word is left alone', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'holdfast-local-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, '.holdfast', 'local.json');
  const one = await writeLocalRunFile('http://127.0.0.1:1', file),
    other = await writeLocalRunFile('http://127.0.0.1:2', file);
  await one();
  t.true(existsSync(file));
  await other();
  t.false(existsSync(file));
});
