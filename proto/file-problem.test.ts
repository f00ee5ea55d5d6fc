import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { fileOfError, fileProblem } from './file-problem.ts';

function errorOf(read: () => unknown): unknown {
  try {
    read();
  } catch (error) {
    return error;
  }
  return undefined;
}

test('a file that can’t be used is told in words, with no code of the system', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-file-problem-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'file'), '');
  const missing = errorOf(() => readFileSync(join(folder, 'nowhere')));
  t.is(fileProblem(missing), 'there is no such file');
  t.is(fileOfError(missing), join(folder, 'nowhere'));
  t.is(fileProblem(errorOf(() => readFileSync(folder))), 'it is a folder');
  t.is(
    fileProblem(errorOf(() => readFileSync(join(folder, 'file', 'below')))),
    'a part of its path is a file, and not a folder',
  );
});

test('other errors keep their message, and name no file', (t) => {
  t.is(fileProblem(new Error('something else')), 'something else');
  t.is(fileProblem('a text'), 'a text');
  for (const other of [new Error('x'), Object.assign(new Error('x'), { path: '/a' }), null, undefined, 'ENOENT'])
    t.is(fileOfError(other), undefined);
});
