import { isoTime } from '../../../proto/iso-time.ts';
import { Command, Option } from 'commander';
import { TOP_GROUPS, type TopGroup, type TopRow } from '../../watch/top-window.ts';
import { action } from '../command.ts';
import { plain, table } from '../table.ts';
import { queryOf, untilInterrupted } from '../until-interrupted.ts';

interface Top {
  atMs: number;
  nodes: string[];
  rows: (TopRow & { replica?: string | null })[];
  breakers: { server: string; level: string; key: string; state: string }[];
}

/** Lines of the screen that are no rows. */
const FRAME_LINES = 5;

const ms = (value: number | null): string => (value === null ? '-' : value.toFixed(value < 10 ? 1 : 0));

function format({ atMs, nodes, rows, breakers }: Top, by: TopGroup, mostRows: number): string {
  const titles = by === 'server' ? ['server'] : ['server', by];
  const shown = rows.slice(0, mostRows);
  const body = table(
    [...titles, 'calls/s', 'p50 ms', 'p99 ms', 'errors', 'outcomes'],
    shown.map(({ server, name, slot, replica, perSecond, p50Ms, p99Ms, errors, outcomes }) => [
      server,
      ...(by === 'tool' ? [name] : by === 'replica' ? [replica ?? slot] : []),
      perSecond.toFixed(1),
      ms(p50Ms),
      ms(p99Ms),
      `${(errors * 100).toFixed(1)} %`,
      Object.entries(outcomes)
        .filter(([kind]) => kind !== 'success')
        .map(([kind, count]) => `${kind} ${count}`)
        .join(', '),
    ]),
  );
  const head = `${isoTime(atMs).slice(11, 19)}  last 10 s, ${nodes.length} gateway(s): ${plain(nodes.join(', '))}`;
  const more = rows.length > shown.length ? `\n… ${rows.length - shown.length} more` : '';
  const open = breakers.map(({ server, level, key, state }) => `${server} ${level} ${key} ${state}`);
  return `${head}\nbreakers: ${open.length === 0 ? 'all closed' : plain(open.join(', '))}\n${body}${more}`;
}

export const topCommand = (): Command =>
  new Command('top')
    .description('Live table of calls per second, durations and outcomes over all gateways. Ctrl-C ends it.')
    .addOption(new Option('--by <what>', 'what a row is').choices(TOP_GROUPS).default('tool'))
    .option('--server <name>', 'only this server’s')
    .option('--tool <name>', 'only calls of this tool')
    .option('--replica <name>', 'only this replica’s: name, address or slot')
    .action(
      action(
        (
          { client, out },
          { by, server, tool, replica }: { by: TopGroup; server?: string; tool?: string; replica?: string },
        ) => {
          // Without a terminal each second's table follows the one before. A terminal may change its size meanwhile.
          const mostRows = (): number =>
            process.stdout.isTTY ? Math.max(1, process.stdout.rows - FRAME_LINES) : Number.POSITIVE_INFINITY;
          return untilInterrupted<Top>(client, `/v1/top${queryOf({ by, server, tool, replica })}`, (top) =>
            out.screen(top, () => format(top, by, mostRows())),
          );
        },
      ),
    );
