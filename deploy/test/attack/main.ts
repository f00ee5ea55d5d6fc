import { parseArgs } from 'node:util';
import type { Objective } from '../report/objectives.ts';
import { printReport, say } from '../report/print-report.ts';
import { table } from '../report/table.ts';
import { CASES, QUICK_CASES } from './cases/index.ts';
import { FINDINGS } from './findings.ts';
import { runInterleavings } from './interleave/run-interleavings.ts';
import { FULL_LOAD, runLoad, SHORT_LOAD } from './load/run-load.ts';
import { runCases } from './run-cases.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    case: { type: 'string', multiple: true },
    quick: { type: 'boolean', default: false },
    interleavings: { type: 'string', default: '10000' },
    seed: { type: 'string' },
    list: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const usage = `usage: npm run attack -- load [--quick] | interleave [--interleavings 10000] [--seed N]
       npm run attack -- [--case NAME, a name or its beginning, may be repeated] [--quick: three of each group, without the slow ones] [--list] [--json]`;
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const print = say(values.json);
const proofs: Record<string, () => Promise<Objective[]>> = {
  interleave: () =>
    runInterleavings({
      interleavings: Number(values.interleavings),
      seed: Number(values.seed ?? Date.now() % 2 ** 31),
      say: print,
    }),
  load: () => runLoad({ ...(values.quick ? SHORT_LOAD : FULL_LOAD), say: print }),
};
if (positionals.length > 0) {
  const proof = proofs[positionals[0] ?? ''];
  if (!proof) {
    console.error(usage);
    process.exit(64);
  }
  printReport(await proof(), { json: values.json });
  process.exit();
}
const wanted = values.case;
const cases = (values.quick ? QUICK_CASES : CASES).filter(
  ({ name }) => wanted === undefined || wanted.some((each) => name.startsWith(each)),
);
if (cases.length === 0) {
  console.error(`--case ${wanted?.join(', ')}: no case is called so; --list names them\n\n${usage}`);
  process.exit(64);
}
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
  onResult: ({ attack, happened, isRefused, harm, seconds }) =>
    print(
      `${isRefused && harm.length === 0 ? '✔' : '✘'} ${attack.name} (${seconds.toFixed(1)} s): ${[happened, ...harm].join('; ').slice(0, 300)}`,
    ),
});
printReport(objectives, { json: values.json });
process.exit();
