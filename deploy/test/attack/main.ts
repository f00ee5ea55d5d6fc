import { Command } from 'commander';
import { commandLine, refuse, several, wholeNumber } from '../../../proto/command-line.ts';
import type { Objective } from '../report/objectives.ts';
import { printReport, say } from '../report/print-report.ts';
import { table } from '../report/table.ts';
import { CASES, QUICK_CASES } from './cases/index.ts';
import { FINDINGS } from './findings.ts';
import { runInterleavings } from './interleave/run-interleavings.ts';
import { ATTACKERS, FULL_LOAD, onlyOf, runLoad, SHORT_LOAD } from './load/run-load.ts';
import { runCases } from './run-cases.ts';

interface Values {
  case?: string[];
  attackers?: string[];
  quick: boolean;
  interleavings: number;
  seed: number;
  list: boolean;
  json: boolean;
}
const command = new Command('npm run attack --')
  .description('Attacks a running mesh, case by case; or one of two proofs.')
  .argument('[proof]', 'load: attackers beside honest clients; interleave: orders of events')
  .option('--case <name>', 'a name or its beginning; may be repeated', several())
  .option('--quick', 'two of each group, without the slow ones; a short load', false)
  .option('--attackers <kind>', `load: these alone, of ${ATTACKERS.join(', ')}; may be repeated`, several(ATTACKERS))
  .option('--interleavings <n>', 'how many orders', wholeNumber(1, 100_000_000), 10_000)
  .option('--seed <n>', 'of chance', wholeNumber(0, 2 ** 31), Date.now() % 2 ** 31)
  .option('--list', 'names the cases', false)
  .option('--json', 'objectives as JSON', false);
const { values, operands } = commandLine<Values>(command);
/** A full load takes five to seven minutes. */
const LOAD_LIMIT_MS = 12 * 60_000;
const print = say(values.json);
const proofs: Record<string, () => Promise<Objective[]>> = {
  interleave: () =>
    runInterleavings({
      interleavings: values.interleavings,
      seed: values.seed,
      say: print,
    }),
  load: () => {
    setTimeout(() => {
      console.error(`The load was not over within ${LOAD_LIMIT_MS / 60_000} minutes.`);
      process.exit(1);
    }, LOAD_LIMIT_MS).unref();
    const load = values.quick ? SHORT_LOAD : FULL_LOAD;
    return runLoad({ ...(values.attackers ? onlyOf(load, values.attackers) : load), say: print });
  },
};
const [wantedProof] = operands;
if (wantedProof !== undefined) {
  const proof =
    proofs[wantedProof] ??
    refuse(command, `no proof is called ${wantedProof}; there are ${Object.keys(proofs).join(', ')}`);
  printReport(await proof(), { json: values.json });
  process.exit();
}
const wanted = values.case;
const cases = (values.quick ? QUICK_CASES : CASES).filter(
  ({ name }) => wanted === undefined || wanted.some((each) => name.startsWith(each)),
);
if (cases.length === 0) refuse(command, `--case ${wanted?.join(', ')}: no case is called so; --list names them`);
if (values.list) {
  console.log(
    table(
      ['case', 'finding', 'goal'],
      cases.map(({ name, finding, goal }) => [name, `${finding}: ${FINDINGS[finding]}`, goal]),
    ),
  );
  process.exit(0);
}
const { objectives } = await runCases(cases, {
  onResult: ({ attack, happened, isRefused, isSkipped, harm, seconds }) =>
    print(
      `${isSkipped ? '–' : isRefused && harm.length === 0 ? '✔' : '✘'} ${attack.name} (${seconds.toFixed(1)} s): ${[happened, ...harm].join('; ').slice(0, 300)}`,
    ),
});
printReport(objectives, { json: values.json });
process.exit();
