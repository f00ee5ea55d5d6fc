/**
 * `npm run fuzz -- mesh [--executions N] [--seed N] [--first N] [--surface NAME] [--json]`: mutated input on every way into a running mesh.
 * Nightly: 1,000,000 executions (the default). A failing input is kept in corpus/mesh/<surface>/; the seed is printed and kept in .holdfast/.
 */
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { commandLine, several, wholeNumber } from '../../../../proto/command-line.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import { printReport, say } from '../../report/print-report.ts';
import { table } from '../../report/table.ts';
import { MESH_CORPUS, meshCorpus } from './mesh-corpus.ts';
import { runFuzzMesh } from './run-fuzz-mesh.ts';
import { SURFACES } from './surfaces/index.ts';

interface Values {
  executions: number;
  seed: number;
  first: number;
  surface?: string[];
  json: boolean;
}

export async function fuzzMesh(args: readonly string[]): Promise<void> {
  const names = SURFACES.map(({ name }) => name);
  const { values } = commandLine<Values>(
    new Command('npm run fuzz -- mesh')
      .description('Mutated input on every way into a running mesh.')
      .option('--executions <n>', 'how many inputs', wholeNumber(1, 1e12), 1_000_000)
      .option('--seed <n>', 'of chance', wholeNumber(0, 2 ** 31), Date.now() % 2 ** 31)
      .option('--first <n>', 'number of the first input, to repeat one', wholeNumber(0, 1e12), 0)
      .option('--surface <name>', 'one way in; may be repeated', several(names))
      .option('--json', 'objectives as JSON', false),
    args,
  );
  const print = say(values.json);
  const { seed } = values;
  print(`seed ${seed}`);
  const kept = `${REPOSITORY}/.holdfast/fuzz-seeds.jsonl`;
  mkdirSync(`${REPOSITORY}/.holdfast`, { recursive: true });
  appendFileSync(kept, `${JSON.stringify({ at: new Date().toISOString(), seed, executions: values.executions })}\n`);
  const { objectives, failures, bySurface, seconds } = await runFuzzMesh({
    executions: values.executions,
    seed,
    first: values.first,
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
