import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '../../../../proto/parse-json.ts';
import { REPOSITORY } from '../../mesh/node-program.ts';
import type { Failover } from './failover.ts';
import type { Speed } from './speed.ts';

/** What `npm run bench -- peers --json` prints, as far as the page shows it. */
interface RecordedRun {
  figures: {
    date: string;
    machine: string;
    loadBefore: number;
    peers: { name: string; version: string; configuration: string; speed: Speed | null; failover: Failover | null }[];
  };
}

/** Where a run is kept, and the page that shows it. */
const RUN = join(REPOSITORY, 'docs/peers.json');
export const PAGE = join(REPOSITORY, 'docs/comparison.md');
const BEGIN =
  '<!-- Written by npm run fix from docs/peers.json, which holds what npm run bench -- peers --json printed. -->\n';
const END = '<!-- End of what is written. -->\n';

const row = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
const whole = (value: number): string => Math.round(value).toLocaleString('en');
const short = (value: number): string => (value < 10 ? value.toFixed(2) : whole(value));

function tables({ figures: { date, machine, loadBefore, peers } }: RecordedRun): string {
  const speeds = peers.flatMap(({ name, speed: one }) =>
    one === null
      ? []
      : [
          row([
            name,
            whole(one.requestsPerSecond),
            short(one.p50Ms),
            short(one.singleP50Ms),
            whole(one.cpuUs),
            whole(one.cpuUsOfEvents),
          ]),
        ],
  );
  const failovers = peers.flatMap(({ name, failover: one }) =>
    one === null
      ? []
      : [
          row([
            name,
            whole(one.answered),
            one.typedErrors,
            whole(one.errors),
            one.hangs,
            `${one.dead} of ${one.sessions}`,
            `${one.stateful} of ${one.sessions}`,
            whole(one.p99Ms),
          ]),
        ],
  );
  return [
    `Run of ${date}, ${machine}; load average before it ${Math.round(loadBefore)}, so other programs shared the cores.`,
    '',
    '| 32 connections, 64 sessions | calls/s | p50 ms | p50 ms, one connection | CPU µs per call | CPU µs, answers as events |',
    '|---|---|---|---|---|---|',
    ...speeds,
    '',
    '| four replicas killed in turn | calls ok | typed errors | other errors | hangs | dead sessions | sessions with state | p99 ms |',
    '|---|---|---|---|---|---|---|---|',
    ...failovers,
    '',
    '| program | version | set up |',
    '|---|---|---|',
    ...peers.map(({ name, version, configuration }) => row([name, version, configuration])),
    '',
  ].join('\n');
}

/** The page with the tables of the run that is kept; throws when the page lacks the place for them. */
export function comparisonPage(page: string): string {
  const from = page.indexOf(BEGIN),
    to = page.indexOf(END);
  if (from < 0 || to < from)
    throw new Error(`docs/comparison.md lacks the lines between which its tables are written: ${BEGIN}`);
  const run = parseJson(readFileSync(RUN, 'utf8')) as unknown as RecordedRun;
  return `${page.slice(0, from)}${BEGIN}\n${tables(run)}\n${page.slice(to)}`;
}
