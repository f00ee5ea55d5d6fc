import { isoTime } from '../../../proto/iso-time.ts';
import { Command, Option } from 'commander';
import { OUTCOME_KINDS } from '../../../proto/outcome.ts';
import { action } from '../command.ts';
import { plain } from '../table.ts';
import { queryOf, untilInterrupted } from '../until-interrupted.ts';

interface Call {
  atMs: number;
  server: string;
  method: string;
  tool: string | null;
  replica: string | null;
  slot: string | null;
  outcome: string;
  errorCode: number | null;
  durationMs: number;
  session: string | null;
  traceId: string | null;
  node: string;
}
type Line = Call | { dropped: number; node: string | null };

const format = (line: Line): string => {
  if ('dropped' in line)
    return `… ${line.dropped} calls not shown (${plain(line.node ?? 'this command reads too slowly')}); a filter makes them fewer`;
  const { atMs, server, method, tool, replica, slot, outcome, errorCode, durationMs, session, traceId, node } = line;
  const what = tool === null ? method : `${method} ${tool}`;
  return [
    isoTime(atMs).slice(11, 23),
    plain(server).padEnd(12),
    plain(what).padEnd(28),
    plain(replica ?? slot).padEnd(16),
    plain(errorCode === null ? outcome : `${outcome} ${errorCode}`).padEnd(14),
    `${durationMs.toFixed(1)} ms`.padStart(10),
    plain(node),
    `session=${plain(session)}`,
    ...(traceId === null ? [] : [`trace=${plain(traceId)}`]),
  ].join('  ');
};

export const tapCommand = (): Command =>
  new Command('tap')
    .description(
      'Calls of all gateways as they end: which replica, what came of it, how long. Never arguments. Ctrl-C ends it.',
    )
    .option('--server <name>', 'only this server’s')
    .option('--tool <name>', 'only calls of this tool')
    .option('--replica <name>', 'only this replica’s: name, address or slot')
    .addOption(new Option('--outcome <kind>', 'only these').choices(OUTCOME_KINDS))
    .action(
      action(
        (
          { client, out },
          { server, tool, replica, outcome }: { server?: string; tool?: string; replica?: string; outcome?: string },
        ) =>
          untilInterrupted<Line>(
            client,
            `/v1/tap${queryOf({ server, tool, replica, outcome })}`,
            (line) => out.line(line, () => format(line)),
            'no call has ended yet; waiting for the first one (Ctrl-C ends this)',
          ),
      ),
    );
