import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { add, tapReader, type TestCount } from './tap-reader.ts';
import type { TestRun } from './test-files.ts';

export interface AvaResult {
  count: TestCount;
  /** The lines of each failure, its title first. */
  failures: string[][];
  /** How long each file took that came to its end, in milliseconds. */
  durations: ReadonlyMap<string, number>;
}

export interface AvaOptions {
  /** The folder that the files' names begin at. */
  root: string;
  /** ava's own options. */
  options: readonly string[];
  say(line: string): void;
  /** When it aborts, ava gets SIGTERM and nothing runs again. */
  signal?: AbortSignal;
}

const noted = z.object({ file: z.string(), ms: z.number() });

function durationsIn(path: string, root: string): Map<string, number> {
  try {
    const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
    return new Map(
      lines.map((line) => {
        const { file, ms } = noted.parse(JSON.parse(line));
        return [relative(root, file), ms];
      }),
    );
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw error;
  }
}

/** One process of ava. Without a plan at its end (`1..N`), its reporter died, and later files did not run. */
async function oneProcess({ title, files, concurrency }: TestRun, { root, options, say, signal }: AvaOptions) {
  const folder = mkdtempSync(join(tmpdir(), 'holdfast-files-'));
  const notes = join(folder, 'files');
  const reader = tapReader();
  try {
    const child = spawn(
      process.execPath,
      [
        '--disable-warning=ExperimentalWarning',
        resolve(root, 'node_modules/ava/entrypoints/cli.js'),
        ...['--tap', '--concurrency', String(concurrency), ...options, ...files],
      ],
      { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, HOLDFAST_TEST_FILES: notes } },
    );
    const stop = (): boolean => child.kill();
    signal?.addEventListener('abort', stop, { once: true });
    createInterface({ input: child.stdout }).on('line', (line) => {
      const shown = reader.read(line);
      if (shown !== undefined) say(shown);
    });
    const [code, killedBy] = await new Promise<[number | null, NodeJS.Signals | null]>((done) =>
      child.once('close', (...ended) => done(ended)),
    );
    signal?.removeEventListener('abort', stop);
    // A run that ends badly without a failed test (it crashed, a file does not load) counts as one failure.
    const isUnexplained = code !== 0 && reader.count.failed === 0;
    const isCut = !reader.hasPlan && signal?.aborted !== true;
    if (isUnexplained || isCut)
      reader.failures.push([`  ✘ ${title}: ava ended with ${killedBy ?? `exit code ${code}`}`]);
    return {
      count: add(reader.count, { passed: 0, failed: isUnexplained || isCut ? 1 : 0, skipped: 0 }),
      failures: reader.failures,
      durations: durationsIn(notes, root),
      isCut,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * Runs test files with ava. What ends ava itself (a failure that its reporter can't print, a lack of memory) would take
 * the files to come with it. They run in further processes. Files that were at work get a process each.
 */
export async function runAva(run: TestRun, options: AvaOptions): Promise<AvaResult> {
  const first = await oneProcess(run, options);
  const left = first.isCut ? run.files.filter((file) => !first.durations.has(file)) : [];
  if (left.length === 0 || run.files.length === 1) return first;
  const atWork = left.slice(0, run.concurrency).map((file) => ({ ...run, files: [file] }));
  const rest = { ...run, files: left.slice(run.concurrency) };
  let total: AvaResult = first;
  for (const next of [...atWork, rest].filter(({ files }) => files.length > 0)) {
    options.say(`\n${run.title}, again after ava ended early: ${next.files.length} files`);
    const { count, failures, durations } = await runAva(next, options);
    total = {
      count: add(total.count, count),
      failures: [...total.failures, ...failures],
      durations: new Map([...total.durations, ...durations]),
    };
  }
  return total;
}
