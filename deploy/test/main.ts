import { resolve } from 'node:path';
import { runAva } from './ava-run.ts';
import { ensureEnvoy, ensureRedis } from '../setup/binaries.ts';
import { checks, problemsOf } from './checks/checks.ts';
import { add, closingLine, type TestCount } from './tap-reader.ts';
import { namedFiles, testRuns } from './test-files.ts';

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
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop.abort());
process.once('disconnect', () => stop.abort());
process.channel?.unref();

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

/** How many of the slowest files are told in the end. */
const SLOWEST = 12;
function slowest(durations: ReadonlyMap<string, number>): string[] {
  const ordered = [...durations].sort(([, a], [, b]) => b - a).slice(0, SLOWEST);
  return ordered.map(([file, ms]) => `  ${(ms / 1000).toFixed(1).padStart(6)} s  ${file}`);
}

const startMs = performance.now();
const args = process.argv.slice(2);
const isFile = (argument: string): boolean => /\.test\.ts(:[\d,-]+)?$/.test(argument);
const files = args.filter(isFile);
const options = args.filter((argument) => !isFile(argument));
let total: TestCount = { passed: 0, failed: 0, skipped: 0 };
const durations = new Map<string, number>();
try {
  await ensureEnvoy({ say });
  await ensureRedis({ say });
  if (files.length === 0) total = add(total, await staticChecks());
  const runs = files.length > 0 ? [{ title: 'named', files: namedFiles(root, files), concurrency: 2 }] : testRuns(root);
  for (const run of runs) {
    if (stop.signal.aborted) throw new Error('stopped by a signal');
    say(`\n${run.title}: ${run.files.length} files`);
    const result = await runAva(run, { root, options, say, signal: stop.signal });
    total = add(total, result.count);
    failures.push(...result.failures);
    for (const [file, ms] of result.durations) durations.set(file, ms);
  }
} catch (error) {
  failures.push([`  ✘ ${(error as Error).message}`]);
  total = add(total, { passed: 0, failed: 1, skipped: 0 });
}
if (files.length === 0) say(['', 'The slowest files:', ...slowest(durations)].join('\n'));
if (failures.length > 0) say(['', 'What failed:', ...failures.flat()].join('\n'));
say(`\n${((performance.now() - startMs) / 1000).toFixed(0)} s`);
say(closingLine(total));
process.exitCode = total.failed === 0 && total.passed > 0 ? 0 : 1;
