/**
 * Fuzzes the readers of bytes that strangers send: `node deploy/test/fuzz/main.ts [--executions N] [--seed N] [--target NAME]`.
 * Nightly: 12 million executions over all targets (the default); CI runs the tests beside this file. A failing input is kept in corpus/.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { commandLine, oneOf, wholeNumber } from '../../../proto/command-line.ts';
import { fuzz } from './fuzz.ts';
import { runFuzzGrpc } from './grpc-server/run-fuzz-grpc.ts';
import { fuzzMesh } from './mesh/main.ts';
import { FUZZ_TARGETS } from './targets.ts';

if (process.argv[2] === 'mesh') await fuzzMesh(process.argv.slice(3));

const CORPUS = new URL('./corpus/', import.meta.url);
/** The one target that is a running process: its inputs are connections, so that it gets a two-hundredth of the others' number. */
const GRPC_SERVER = 'grpcServer';
const GRPC_SERVER_PART = 200;
const known = [...Object.keys(FUZZ_TARGETS), GRPC_SERVER];
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
const each = Math.ceil(executions / Math.max(1, targets.length));
const folderOf = (name: string): URL => new URL(`${name}/`, CORPUS);
const corpusOf = (name: string): Buffer[] => {
  const folder = folderOf(name);
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder)
    .sort()
    .map((file) => readFileSync(new URL(file, folder)));
};
const keep = (name: string, input: Buffer, what: string): void => {
  const file = `failure-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`;
  writeFileSync(new URL(file, folderOf(name)), input);
  console.error(`${name}: ${what}; input kept as deploy/test/fuzz/corpus/${name}/${file}`);
};
for (const [name, target] of targets) {
  const corpus = corpusOf(name);
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
  keep(name, report.failure.input, `${report.failure.description}; cut ${report.failure.cut}`);
  process.exitCode = 1;
}
if (wanted === undefined || wanted === GRPC_SERVER) {
  const began = performance.now();
  const { objectives, failures } = await runFuzzGrpc({
    executions: Math.ceil(wanted === undefined ? each / GRPC_SERVER_PART : executions),
    seed,
    corpus: corpusOf(GRPC_SERVER),
  });
  for (const { problem, input, execution } of failures) keep(GRPC_SERVER, input, `#${execution}: ${problem}`);
  const missed = objectives.filter(({ met }) => !met);
  console.log(
    JSON.stringify({
      target: GRPC_SERVER,
      executions: objectives[0]?.measured ?? 0,
      seed,
      seconds: Math.round((performance.now() - began) / 100) / 10,
      failure: missed.map(({ name, measured, goal }) => `${name}: ${measured}, goal ${goal}`).join('; ') || null,
    }),
  );
  if (missed.length > 0) process.exitCode = 1;
}
