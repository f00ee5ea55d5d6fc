import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import test from 'ava';
import { checks, problemsOf } from './checks/checks.ts';
import { clockProblems, contentProblems, TOP_LEVEL, type SourceFile } from './source-rules.ts';

const root = resolve(import.meta.dirname, '../..');
/** What git would not take (.gitignore). */
const IGNORED = new Set(['node_modules', '.holdfast', '.git', 'coverage']);
const tracked = filesOfRepository();

/** What is committed; in a copy without git, everything that could be. */
function filesOfRepository(): string[] {
  try {
    return execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\0')
      .filter(Boolean);
  } catch {
    return readdirSync(root)
      .filter((name) => !IGNORED.has(name))
      .flatMap((name) =>
        statSync(resolve(root, name)).isDirectory()
          ? readdirSync(resolve(root, name), { recursive: true, encoding: 'utf8' }).map((path) => `${name}/${path}`)
          : [name],
      )
      .filter((path) => !path.endsWith('.log') && statSync(resolve(root, path)).isFile());
  }
}
const read = (path: string): SourceFile[] => {
  try {
    return [{ path, text: readFileSync(resolve(root, path), 'utf8') }];
  } catch {
    // Removed in the working tree and not committed yet.
    return [];
  }
};
const sources = tracked.filter((path) => path.endsWith('.ts')).flatMap(read);

test('imports keep the layers (.dependency-cruiser.cjs)', async (t) => {
  const check = checks.find(({ title }) => title.startsWith('imports'));
  t.deepEqual(check && (await problemsOf(check)), []);
});

test('the top level is what the design says', (t) => {
  t.deepEqual(
    [...new Set(tracked.map((path) => path.split('/')[0]!))].filter((name) => !TOP_LEVEL.includes(name)),
    [],
  );
});

test('no committed file names a registry’s host or a machine’s path, no test is left out', (t) => {
  t.deepEqual(contentProblems(tracked.filter((path) => !path.endsWith('package-lock.json')).flatMap(read)), []);
});

const MAX_LINES = 300;

test(`no source file, tests among them, is longer than ${MAX_LINES} lines`, (t) => {
  const tooLong = sources.filter(({ text }) => text.split('\n').length > MAX_LINES + 1);
  t.deepEqual(
    tooLong.map(({ path }) => path),
    [],
  );
});

test('the sidecar measures time by a clock that never goes back', (t) => {
  t.deepEqual(clockProblems(sources), []);
});

test('the rules find what they are for', (t) => {
  const file = (path: string, text: string): SourceFile => ({ path, text });
  t.is(
    contentProblems([file('a.md', ['see /wo', 'rk/main'].join('')), file('b.ts', ['test.on', 'ly("x")'].join(''))])
      .length,
    2,
  );
  t.is(
    clockProblems([file('sidecar/relay/a.ts', 'const now = Date.now;'), file('proto/b.ts', 'Date.now()')]).length,
    1,
  );
});
