/**
 * Fuzzes the readers of bytes that strangers send: `node deploy/test/fuzz/main.ts [--executions N] [--seed N] [--target NAME]`.
 * Nightly: 12 million executions over all targets (the default); CI runs the test beside this file. A failing input is kept in corpus/.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fuzz } from './fuzz.ts';
import { fuzzMesh } from './mesh/main.ts';
import { FUZZ_TARGETS } from './targets.ts';

if (process.argv[2] === 'mesh') await fuzzMesh(process.argv.slice(3));

const CORPUS = new URL('./corpus/', import.meta.url);
const { values } = parseArgs({
  options: {
    executions: { type: 'string', default: '12000000' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    target: { type: 'string' },
  },
});
const targets = Object.entries(FUZZ_TARGETS).filter(([name]) => values.target === undefined || values.target === name);
if (targets.length === 0) {
  console.error(`--target ${values.target}: no such target; there are ${Object.keys(FUZZ_TARGETS).join(', ')}`);
  process.exit(64);
}
const each = Math.ceil(Number(values.executions) / targets.length),
  seed = Number(values.seed);
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
