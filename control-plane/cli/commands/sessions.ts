import { isoTime } from '../../../proto/iso-time.ts';
import { Command } from 'commander';
import { action, type Tools } from '../command.ts';
import { ago } from '../duration.ts';
import { CliError, EXIT, usageError } from '../exit-code.ts';
import { plain, table } from '../table.ts';

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

/** A type and no interface: its values are a query. */
type SessionsOptions = { server?: string; replica?: string; limit: string };

interface Story extends Session {
  story: { atMs: number | null; kind: string; message: string; tookMs: number | null }[];
}

/** The story of one session, named by the beginning of its digest. */
async function showStory({ client, out }: Tools, digest: string, server: string | undefined): Promise<void> {
  if (!/^[0-9a-f]{12,64}$/.test(digest))
    throw usageError(`${JSON.stringify(digest)}: expected the first 12 digits of a session’s digest, or more`);
  const found = await client.get<Session[]>('/v1/sessions', { digest, ...(server !== undefined && { server }) });
  const [session, another] = found;
  if (!session)
    throw new CliError(
      EXIT.refused,
      `no session has the digest ${digest}; one that ended is found by all 64 digits, for sessionTtlSeconds after its end`,
    );
  if (another)
    throw new CliError(
      EXIT.refused,
      `several sessions have a digest that begins with ${digest}: ${found.map((each) => `${each.server} ${each.digest}`).join(', ')}`,
    );
  const whole = await client.get<Story>(`/v1/sessions/${encodeURIComponent(session.server)}/${session.digest}`);
  out.show(whole, () =>
    [
      `session ${whole.digest}`,
      `of ${plain(whole.server)}, user ${plain(whole.userId)}, client ${plain(whole.client)}`,
      '',
      table(
        ['when', 'took', 'what'],
        whole.story.map(({ atMs, tookMs, message }) => [
          atMs === null ? null : isoTime(atMs),
          tookMs === null ? null : `${Math.round(tookMs)} ms`,
          message,
        ]),
      ),
    ].join('\n'),
  );
}

export const sessionsCommand = (): Command =>
  new Command('sessions')
    .description(
      'Sessions, last active first; with a digest the story of one. Ids are never shown: a digest stands for them.',
    )
    .argument('[digest]', 'first 12 digits of one session’s digest, or more, as in logs and spans')
    .option('--server <name>', 'only this server’s')
    .option('--replica <name or slot>', 'only those that live there')
    .option('--limit <count>', 'at most this many', '100')
    .action(
      action(async (tools, digest: string | undefined, options: SessionsOptions) => {
        if (digest !== undefined) return showStory(tools, digest, options.server);
        const { client, out } = tools;
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
