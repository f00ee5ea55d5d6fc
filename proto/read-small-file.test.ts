import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readSmallFile } from './read-small-file.ts';
import { headerFromFile } from './replica-header.ts';

test('a small file is read, of a large or endless one its beginning, and nobody waits for a pipe', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-small-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'file'),
    pipe = join(folder, 'pipe');
  writeFileSync(file, 'a\xff\n', 'latin1');
  execFileSync('/usr/bin/mkfifo', [pipe]);
  t.is(readSmallFile(file, 100), 'a\xff\n');
  t.is(readSmallFile(file, 1), 'a');
  t.is(readSmallFile('/dev/zero', 3), '\0\0\0');
  t.is(readSmallFile(pipe, 100), '');
  t.throws(() => readSmallFile(folder, 100), { code: 'EISDIR' });
  t.throws(() => readSmallFile(join(folder, 'nowhere'), 100), { code: 'ENOENT' });
  t.throws(() => headerFromFile('x-api-key', pipe), { message: /can’t be the header x-api-key: it is empty/ });
  t.throws(() => headerFromFile('x-api-key', '/dev/zero'), { message: /it is too long/ });
});
