import { isoTime } from '../../../proto/iso-time.ts';
import { Command } from 'commander';
import { action } from '../command.ts';
import { plain } from '../table.ts';
import { queryOf, untilInterrupted } from '../until-interrupted.ts';

interface Event {
  id: string;
  atMs: number;
  kind: string;
  level: string;
  message: string;
}

const format = ({ atMs, level, kind, message }: Event): string =>
  `${isoTime(atMs)}  ${level.padEnd(7)}  ${plain(kind).padEnd(20)}  ${plain(message)}`;

export const eventsCommand = (): Command =>
  new Command('events')
    .description('What happened: health, drains, rollouts, breakers, configuration.')
    .option('--follow', 'go on showing what comes')
    .option('--server <name>', 'only this server’s')
    .option('--kind <kind>', 'a kind, or the beginning of one up to a dot: rollout')
    .option('--limit <count>', 'at most this many', '50')
    .action(
      action(
        async (
          { client, out },
          { follow, ...query }: { follow?: boolean; server?: string; kind?: string; limit: string },
        ) => {
          const events = await client.get<Event[]>('/v1/events', query);
          if (!follow)
            return out.show(events, () =>
              events.length === 0 ? 'nothing happened yet' : events.map(format).join('\n'),
            );
          for (const event of events) out.line(event, () => format(event));
          const { limit: _, ...wanted } = query;
          await untilInterrupted<Event>(
            client,
            `/v1/events${queryOf({ ...wanted, follow: 'true', after: events.at(-1)?.id ?? '0-0' })}`,
            (event) => out.line(event, () => format(event)),
            'no new event yet; waiting for the next one (Ctrl-C ends this)',
          );
        },
      ),
    );
