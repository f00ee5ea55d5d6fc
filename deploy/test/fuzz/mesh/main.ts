/**
 * `npm run fuzz -- mesh [--executions N] [--seed N] [--first N] [--surface NAME] [--json]`: mutated input on every way into a running mesh.
 * Nightly: 1,000,000 executions (the default). A failing input is kept in corpus/mesh/<surface>/; the seed is printed and kept in .holdfast/.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { REPOSITORY } from '../../mesh/node-program.ts';
import { printReport, say } from '../../report/print-report.ts';
import { table } from '../../report/table.ts';
import { MESH_CORPUS, meshCorpus } from './mesh-corpus.ts';
import { runFuzzMesh } from './run-fuzz-mesh.ts';
import { SURFACES } from './surfaces/index.ts';

export async function fuzzMesh(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      executions: { type: 'string', default: '1000000' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
      first: { type: 'string', default: '0' },
      surface: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    },
  });
  const unknown = (values.surface ?? []).filter((name) => !SURFACES.some((surface) => surface.name === name));
  if (unknown.length > 0) {
    console.error(`--surface ${unknown.join(', ')}: there are ${SURFACES.map(({ name }) => name).join(', ')}`);
    process.exit(64);
  }
  const print = say(values.json);
  const seed = Number(values.seed);
  print(`seed ${seed}`);
  const kept = `${REPOSITORY}/.holdfast/fuzz-seeds.jsonl`;
  mkdirSync(`${REPOSITORY}/.holdfast`, { recursive: true });
  appendFileSync(
    kept,
    `${JSON.stringify({ at: new Date().toISOString(), seed, executions: Number(values.executions) })}\n`,
  );
  const { objectives, failures, bySurface, seconds } = await runFuzzMesh({
    executions: Number(values.executions),
    seed,
    first: Number(values.first),
    corpus: meshCorpus,
    say: print,
    ...(values.surface && { surfaces: values.surface }),
  });
  for (const { surface, execution, problem, input } of failures) {
    const folder = new URL(`${surface}/`, MESH_CORPUS);
    mkdirSync(folder, { recursive: true });
    const file = `failure-${createHash('sha256').update(input).digest('hex').slice(0, 12)}`;
    writeFileSync(new URL(file, folder), input);
    print(
      `${surface} #${execution}: ${problem}; again: --seed ${seed} --first ${execution} --executions 1; kept as ${file}`,
    );
  }
  print(`\n${table(['surface', 'executions'], Object.entries(bySurface))}\n${Math.round(seconds)} s`);
  printReport(objectives, { json: values.json, extra: { seed } });
  process.exit();
}
