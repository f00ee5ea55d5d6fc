/**
 * Fuzzes the readers of bytes that strangers send: `node deploy/test/fuzz/main.ts [--executions N] [--seed N] [--target NAME]`.
 * Nightly: 12 million executions over all targets (the default); CI runs the test beside this file. A failing input is kept in corpus/.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { commandLine, oneOf, wholeNumber } from '../../../proto/command-line.ts';
import { fuzz } from './fuzz.ts';
import { fuzzMesh } from './mesh/main.ts';
import { FUZZ_TARGETS } from './targets.ts';

if (process.argv[2] === 'mesh') await fuzzMesh(process.argv.slice(3));

const CORPUS = new URL('./corpus/', import.meta.url);
const known = Object.keys(FUZZ_TARGETS);
const {
  values: { executions, seed, target: wanted },
} = commandLine<{ executions: number; seed: number; target?: string }>(
  new Command('npm run fuzz --')
    .description('Fuzzes the readers of bytes that strangers send. `npm run fuzz -- mesh` fuzzes a running mesh.')
    .option('--executions <n>', 'over all targets', wholeNumber(1, 1e12), 12_000_000)
    .option('--seed <n>', 'of chance', wholeNumber(0, 2 ** 31), Date.now() % 2 ** 31)
    .option('--target <name>', 'one reader alone', oneOf(...known)),
);
const targets = Object.entries(FUZZ_TARGETS).filter(([name]) => wanted === undefined || wanted === name);
const each = Math.ceil(executions / targets.length);
for (const [name, target] of targets) {
  const folder = new URL(`${name}/`, CORPUS);
  mkdirSync(folder, { recursive: true });
  const corpus = readdirSync(folder)
    .sort()
    .map((file) => readFileSync(new URL(file, folder)));
  const began = performance.now(),
    report = fuzz(name, target, corpus, each, seed),
    seconds = (performance.now() - began) / 1000;
  console.log(
    JSON.stringify({
      target: name,
      executions: report.executions,
      seed,
      seconds: Math.round(seconds * 10) / 10,
      failure: report.failure?.description ?? null,
    }),
  );
  if (!report.failure) continue;
  const file = new URL(
    `failure-${createHash('sha256').update(report.failure.input).digest('hex').slice(0, 12)}`,
    folder,
  );
  writeFileSync(file, report.failure.input);
  console.error(
    `${name}: ${report.failure.description}; cut ${report.failure.cut}; input kept in deploy/test/fuzz/corpus/${name}/`,
  );
  process.exitCode = 1;
}
