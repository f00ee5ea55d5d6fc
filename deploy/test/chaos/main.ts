import { parseArgs } from 'node:util';
import { exactly, type Objective } from '../report/objectives.ts';
import { printReport, say } from '../report/print-report.ts';
import { table, type Cell } from '../report/table.ts';
import { compare } from './compare.ts';
import { faultRows, faultTable } from './faults/fault-table.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios/index.ts';

const { values } = parseArgs({
  options: {
    scenario: { type: 'string', default: 'all' },
    sessions: { type: 'string', default: '200' },
    seconds: { type: 'string', default: '30' },
    every: { type: 'string', default: '2000' },
    seed: { type: 'string', default: '1' },
    'keep-logs': { type: 'boolean', default: false },
    compare: { type: 'boolean', default: false },
    faults: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const usage = `usage: npm run chaos -- [--scenario all|NAME[,NAME…]] [--sessions 200] [--seconds 30] [--every MS between calls of a session, 2000] [--seed 1] [--keep-logs] [--json]
       npm run chaos -- --faults [--json]   every path of the relay under every fault of a replica, without Envoy: one table
       npm run chaos -- --compare [--sessions …]   kill-replica through a bare Envoy with its own session affinity, and through Holdfast

${table(
  ['scenario', 'what happens'],
  scenarios.map(({ name, description }) => [name, description]),
)}`;
const refuse = (why: string): never => {
  console.error(`${why}\n\n${usage}`);
  process.exit(64);
};
const whole = (name: 'sessions' | 'seconds' | 'every' | 'seed', least: number, most: number): number => {
  const value = Number(values[name]);
  return Number.isInteger(value) && value >= least && value <= most
    ? value
    : refuse(`--${name} ${values[name]}: expected a whole number from ${least} to ${most}`);
};
if (values.help) {
  console.log(usage);
  process.exit(0);
}
const wanted = values.scenario === 'all' ? scenarios.map(({ name }) => name) : values.scenario.split(',');
const unknown = wanted.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0) refuse(`--scenario: no scenario is called ${unknown.join(', ')}`);

const print = say(values.json);
const options = {
  sessions: whole('sessions', 1, 5000),
  seconds: whole('seconds', 1, 3600),
  everyMs: whole('every', 50, 60_000),
  seed: whole('seed', 0, 2 ** 31),
  say: print,
  keepLogs: values['keep-logs'],
};
if (values.faults) {
  const cells = await faultTable();
  const { head, rows } = faultRows(cells);
  print(table(head, rows));
  const wrong = cells.filter(({ isRight }) => !isRight).length;
  printReport([exactly('cells that came to something else than they should', 0, wrong)], {
    json: values.json,
    extra: { figures: cells },
  });
  process.exit();
}
if (values.compare) {
  const { figures, objectives: met, text } = await compare(options);
  print(text);
  printReport(met, { json: values.json, extra: { figures } });
  process.exit();
}
const objectives: Objective[] = [];
const rows: Cell[][] = [];
for (const name of wanted) {
  const scenario = scenarios.find((one) => one.name === name)!;
  print(`\n${name}: ${scenario.description}`);
  try {
    const { objectives: met, counts, examples } = await runScenario(scenario, options);
    objectives.push(...met);
    for (const example of examples) print(`  ! ${example}`);
    rows.push([
      name,
      counts.calls,
      counts.answered,
      counts.typedErrors,
      counts.errors,
      counts.hangs,
      counts.p99Ms,
      counts.slowestMs,
    ]);
  } catch (error) {
    print(`  ! ${(error as Error).stack}`);
    objectives.push({
      name: `${name}: ran to its end`,
      goal: 'yes',
      measured: (error as Error).message.split('\n')[0]!.slice(0, 200),
      met: false,
    });
  }
}
print(`\n${table(['scenario', 'calls', 'answered', 'typed errors', 'errors', 'hangs', 'p99 ms', 'slowest ms'], rows)}`);
printReport(objectives, { json: values.json });
