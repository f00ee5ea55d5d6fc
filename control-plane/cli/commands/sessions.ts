import { Command } from 'commander';
import { action } from '../command.ts';
import { ago } from '../duration.ts';
import { table } from '../table.ts';

interface Session {
  digest: string;
  server: string;
  slot: string;
  replica: string | null;
  backend: string;
  userId: string;
  type: string;
  protocolVersion: string;
  client: string;
  hasGetStream: boolean;
  epoch: number;
  createdAtMs: number;
  lastActivityMs: number;
}

export const sessionsCommand = (): Command =>
  new Command('sessions')
    .description('Sessions, last active first. Their ids are never shown: a digest stands for them.')
    .option('--server <name>', 'only this server’s')
    .option('--replica <name or slot>', 'only those that live there')
    .option('--limit <count>', 'at most this many', '100')
    .action(
      action(async ({ client, out }, options: { server?: string; replica?: string; limit: string }) => {
        const sessions = await client.get<Session[]>('/v1/sessions', options);
        out.show(sessions, () =>
          sessions.length === 0
            ? 'no sessions'
            : table(
                [
                  'digest',
                  'server',
                  'replica',
                  'backend',
                  'user',
                  'type',
                  'client',
                  'revision',
                  'stream',
                  'moves',
                  'began',
                  'active',
                ],
                sessions.map((each) => [
                  each.digest.slice(0, 12),
                  each.server,
                  each.replica ?? `(lost ${each.slot})`,
                  each.backend,
                  each.userId,
                  each.type,
                  each.client,
                  each.protocolVersion,
                  each.hasGetStream ? 'yes' : 'no',
                  each.epoch,
                  ago(each.createdAtMs, Date.now()),
                  ago(each.lastActivityMs, Date.now()),
                ]),
              ),
        );
      }),
    );
