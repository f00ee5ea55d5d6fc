import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import test from 'ava';
import { runAva } from './ava-run.ts';

const repository = resolve(import.meta.dirname, '../..');

/** A project of its own with these test files, and this repository's packages. */
function project(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'holdfast-ava-'));
  mkdirSync(join(root, 'deploy/test'), { recursive: true });
  symlinkSync(join(repository, 'node_modules'), join(root, 'node_modules'));
  const noteFile = join(repository, 'deploy/test/note-file.ts');
  const ava = { extensions: ['ts'], files: ['*.test.ts'], require: [noteFile] };
  writeFileSync(join(root, 'package.json'), JSON.stringify({ type: 'module', ava }));
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(root, name), `import test from 'ava';\ntest('a test', (t) => {${text}});\n`);
  return root;
}

test('when ava itself is ended, the files to come still run, and that counts as a failure', async (t) => {
  // Workers are threads: the signal ends ava with all of them.
  const root = project({
    'a.test.ts': 't.pass();',
    'b.test.ts': "process.kill(process.pid, 'SIGKILL');",
    'c.test.ts': 't.pass();',
    'd.test.ts': 't.fail();',
  });
  t.teardown(() => rmSync(root, { recursive: true, force: true }));
  const run = { title: 'some', files: ['a.test.ts', 'b.test.ts', 'c.test.ts', 'd.test.ts'], concurrency: 1 };
  const { count, failures, durations } = await runAva(run, { root, options: [], say: () => undefined });
  t.is(count.passed, 2);
  t.true(failures.some(([title]) => title === '  ✘ some: ava ended with SIGKILL'));
  t.true(failures.some(([title]) => title?.endsWith('a test') === true));
  t.deepEqual([...durations.keys()].sort(), ['a.test.ts', 'c.test.ts', 'd.test.ts']);
});
