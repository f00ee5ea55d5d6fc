import { spawn } from 'node:child_process';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { ensureEnvoy, ensureRedis } from '../setup/binaries.ts';
import { checks, problemsOf } from './checks/checks.ts';
import { add, closingLine, tapReader, type TestCount } from './tap-reader.ts';
import { testRuns, type TestRun } from './test-files.ts';

/**
 * `npm test -- [ava's options] [files]`: static checks, then every test; with files, only those. The last line counts what ran.
 * The exit code is 0 only when something ran and nothing failed.
 */
const root = resolve(import.meta.dirname, '../..');
const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
/** Told once more at the end. */
const failures: string[][] = [];
let running: ReturnType<typeof spawn> | undefined;
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => running?.kill(signal));
process.once('disconnect', () => running?.kill());
process.channel?.unref();

async function inNode(program: string, args: readonly string[], onLine: (line: string) => void): Promise<number> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', resolve(root, 'node_modules', program), ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  running = child;
  createInterface({ input: child.stdout }).on('line', onLine);
  return new Promise((done) => child.once('close', (code) => done(code ?? 1)));
}

/** What can be checked without running the product: types, lint, imports, unused code. */
async function staticChecks(): Promise<TestCount> {
  let count: TestCount = { passed: 0, failed: 0, skipped: 0 };
  for (const check of checks) {
    const problems = await problemsOf(check);
    const shown = [`  ${problems.length === 0 ? '✔' : '✘'} ${check.title}`, ...problems.map((line) => `      ${line}`)];
    say(shown.join('\n'));
    if (problems.length > 0) failures.push(shown);
    count = add(count, { passed: problems.length === 0 ? 1 : 0, failed: problems.length === 0 ? 0 : 1, skipped: 0 });
  }
  return count;
}

async function ava({ title, files, concurrency }: TestRun, options: readonly string[]): Promise<TestCount> {
  say(`\n${title}: ${files.length} files`);
  const reader = tapReader();
  const code = await inNode(
    'ava/entrypoints/cli.js',
    ['--tap', '--concurrency', String(concurrency), ...options, ...files],
    (line) => {
      const shown = reader.read(line);
      if (shown !== undefined) say(shown);
    },
  );
  failures.push(...reader.failures);
  // A run that ends badly without a failed test (it crashed, a file does not load) counts as one failure.
  if (code === 0 || reader.count.failed > 0) return reader.count;
  failures.push([`  ✘ ${title}: ava ended with exit code ${code}`]);
  return add(reader.count, { passed: 0, failed: 1, skipped: 0 });
}

const startMs = performance.now();
const args = process.argv.slice(2);
const isFile = (argument: string): boolean => /\.test\.ts(:[\d,-]+)?$/.test(argument);
const files = args.filter(isFile);
const options = args.filter((argument) => !isFile(argument));
let total: TestCount = { passed: 0, failed: 0, skipped: 0 };
try {
  await ensureEnvoy({ say });
  await ensureRedis({ say });
  if (files.length === 0) total = add(total, await staticChecks());
  for (const run of files.length > 0 ? [{ title: 'named', files, concurrency: 2 }] : testRuns(root))
    total = add(total, await ava(run, options));
} catch (error) {
  failures.push([`  ✘ ${(error as Error).message}`]);
  total = add(total, { passed: 0, failed: 1, skipped: 0 });
}
if (failures.length > 0) say(['', 'What failed:', ...failures.flat()].join('\n'));
say(`\n${((performance.now() - startMs) / 1000).toFixed(0)} s`);
say(closingLine(total));
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
