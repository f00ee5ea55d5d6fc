import { Command } from 'commander';
import { commandLine, refuse, wholeNumber } from '../../../proto/command-line.ts';
import type { Objective } from '../report/objectives.ts';
import { printReport, say } from '../report/print-report.ts';
import { table, type Cell } from '../report/table.ts';
import { compare } from './compare.ts';
import { playFaults } from './faults/play-faults.ts';
import { runScenario } from './run-scenario.ts';
import { scenarios } from './scenarios/index.ts';

interface Values {
  scenario: string;
  sessions: number;
  seconds: number;
  every: number;
  seed: number;
  keepLogs: boolean;
  slowest: number;
  compare: boolean;
  faults: boolean;
  json: boolean;
}
const command = new Command('npm run chaos --')
  .description('Official clients go on calling while a part of the mesh fails.')
  .option('--scenario <name,…>', 'which failures', 'all')
  .option('--sessions <n>', 'sessions at a time', wholeNumber(1, 5000), 200)
  .option('--seconds <n>', 'how long each scenario takes', wholeNumber(1, 3600), 30)
  .option('--every <ms>', 'between two calls of a session', wholeNumber(50, 60_000), 2000)
  .option('--seed <n>', 'of chance', wholeNumber(0, 2 ** 31), 1)
  .option('--keep-logs', 'leave the logs of all processes', false)
  .option('--slowest <n>', 'print so many of the slowest calls, with their HTTP requests', wholeNumber(0, 1000), 0)
  .option('--compare', 'kill-replica through a bare Envoy with its own session affinity, and through Holdfast', false)
  .option(
    '--faults',
    'every path of the relay under every fault of a replica, without Envoy, by requests without an SDK and by each official client: one table',
    false,
  )
  .option('--json', 'objectives as JSON', false)
  .addHelpText(
    'after',
    `\n${table(
      ['scenario', 'what happens'],
      scenarios.map(({ name, description }) => [name, description]),
    )}`,
  );
const { values } = commandLine<Values>(command);
const wanted = values.scenario === 'all' ? scenarios.map(({ name }) => name) : values.scenario.split(',');
const unknown = wanted.filter((name) => !scenarios.some((scenario) => scenario.name === name));
if (unknown.length > 0) {
  const known = scenarios.map(({ name }) => name).join(', ');
  refuse(command, `--scenario: no scenario is called ${unknown.join(', ')}; there are ${known}`);
}

const print = say(values.json);
const { sessions, seconds, seed, keepLogs, slowest, every: everyMs } = values;
const options = { sessions, seconds, everyMs, seed, keepLogs, slowest, say: print };
if (values.faults) {
  const { objectives: met, cells } = await playFaults(print);
  printReport(met, { json: values.json, extra: { figures: cells } });
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
