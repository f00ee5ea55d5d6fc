import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Command } from 'commander';
import { commandLine, value, wholeNumber } from '../../../proto/command-line.ts';
import { printReport, say } from '../report/print-report.ts';
import { table } from '../report/table.ts';
import { chart } from './chart.ts';
import { runSoak } from './run-soak.ts';

interface Values {
  hours?: number;
  minutes?: number;
  faultsEvery: number;
  sessions: number;
  every: number;
  svg: string;
  json: boolean;
}

const positive = (most: number): ((text: string) => number) =>
  value(`a number above 0 and up to ${most}`, (text) => {
    const number = Number(text);
    return number > 0 && number <= most ? number : undefined;
  });
const command = new Command('npm run soak --')
  .description(
    'Mixed clients call for hours while replicas, gateways, rollouts and Redis are disturbed; what grows is drawn.',
  )
  .option('--hours <h>', 'how long', positive(168))
  .option('--minutes <m>', 'how long, instead of --hours; 30 without either', positive(10_080))
  .option(
    '--faults-every <s>',
    'a turn: a replica each, a gateway each 10, a rollout each 30, Redis each 60',
    wholeNumber(2, 3600),
    60,
  )
  .option('--sessions <n>', 'sessions at a time', wholeNumber(6, 10_000), 500)
  .option('--every <ms>', 'between two calls of a session', wholeNumber(50, 600_000), 5000)
  .option('--svg <file>', 'where the curves are written', '.holdfast/soak.svg')
  .option('--json', 'objectives, figures and curves as JSON', false);
const { values } = commandLine<Values>(command);
const {
  hours,
  minutes = hours === undefined ? 30 : hours * 60,
  faultsEvery,
  sessions,
  every: callEveryMs,
  json,
} = values;

const { objectives, figures, lost, examples, curves, faults } = await runSoak({
  say: say(json),
  forMs: minutes * 60_000,
  faultsEveryMs: faultsEvery * 1000,
  sessions,
  callEveryMs,
});
const { memory, ...seen } = figures;
const svg = resolve(values.svg);
await mkdir(dirname(svg), { recursive: true });
await writeFile(
  svg,
  chart(curves, faults, `Holdfast, ${minutes} min, ${sessions} sessions, a fault each ${faultsEvery} s`),
);
const print = say(json);
for (const example of examples) print(`  ! ${example}`);
print(`\n${table(['calls', 'seen'], Object.entries({ ...seen, ...lost }))}`);
print(
  `\n${table(
    ['process', 'MiB after warm-up', 'MiB at the end', '% an hour', '± two standard errors'],
    memory.map((one) => [one.process, one.firstMiB, one.lastMiB, one.percentPerHour, one.error]),
  )}`,
);
print(`\nthe curves are in ${svg}`);
printReport(objectives, { json, extra: { figures, lost, faults, curves } });
