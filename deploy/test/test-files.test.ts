import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { namedFiles } from './test-files.ts';

const root = mkdtempSync(join(tmpdir(), 'holdfast-named-'));
for (const file of ['sidecar/routing/decide.test.ts', 'sidecar/parts.test.ts', 'control-plane/parts.test.ts']) {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), '');
}
test.after.always(() => rmSync(root, { recursive: true }));

test('a test file is named by its path or by the end of it, with lines or without', (t) => {
  const path = 'sidecar/routing/decide.test.ts';
  t.deepEqual(namedFiles(root, [path, `./${path}`, 'decide.test.ts', 'routing/decide.test.ts:3,5-9']), [
    ...[path, path, path],
    `${path}:3,5-9`,
  ]);
});

test('a name that fits no test file, or several, says so', (t) => {
  t.throws(() => namedFiles(root, ['cide.test.ts']), {
    message: /^no test file is cide\.test\.ts: name it by its path/,
  });
  t.throws(() => namedFiles(root, ['parts.test.ts']), {
    message: 'parts.test.ts is the end of several test files: control-plane/parts.test.ts, sidecar/parts.test.ts',
  });
});
