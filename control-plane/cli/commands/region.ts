import { Command } from 'commander';
import type { Redis } from 'ioredis';
import { mayPromote, readReplication, type Replication } from '../../region/replication.ts';
import { action } from '../command.ts';
import { CliError, EXIT } from '../exit-code.ts';
import { withRedis } from '../store.ts';
import { table } from '../table.ts';

const URL_OPTION = [
  '--url <url>',
  'where this region’s Redis is (SESSION_STORE_URL; else the configuration’s)',
] as const;
const replicationOf = async (redis: Redis): Promise<Replication> => readReplication(await redis.info('replication'));
const losesAtMost = (replication: Replication): number =>
  replication.role === 'replica' ? (replication.silentSeconds ?? 0) + 1 : 0;

function describe(replication: Replication): string {
  if (replication.role === 'replica') {
    const { primary, isLinkUp, silentSeconds } = replication;
    return `stands by: copies ${primary}, ${isLinkUp ? 'connected' : 'not connected'}, last heard of ${silentSeconds === null ? 'never' : `${silentSeconds} s ago`}`;
  }
  const { replicas } = replication;
  return replicas.length === 0
    ? 'active; no other region copies it'
    : `active; copied by\n${table(
        ['replica', 'state', 'behind'],
        replicas.map(({ address, state, lagSeconds }) => [address, state, `${lagSeconds} s`]),
      )}`;
}

export function regionCommand(): Command {
  const region = new Command('region').description(
    'Recovery in another region: a Redis replica and a mesh of its own stand there.',
  );
  region
    .command('status')
    .description('Whether this region is active or stands by, and how far behind.')
    .option(...URL_OPTION)
    .action(
      action(async (tools, { url }: { url?: string }) => {
        const replication = await withRedis(tools, url, replicationOf);
        tools.out.show(replication, () => describe(replication));
        if (replication.role === 'replica' && !replication.isLinkUp)
          throw new CliError(
            EXIT.unmet,
            `its primary ${replication.primary} does not answer; \`holdfast region promote\` makes this region active`,
          );
      }),
    );
  region
    .command('promote')
    .description(
      'Makes this region active. Its control planes and gateways take up the other region’s sessions with their next call.',
    )
    .option(...URL_OPTION)
    .option('--force', 'also while the other region still answers (a planned move: stop its gateways first)')
    .action(
      action(async (tools, { url, force }: { url?: string; force?: boolean }) => {
        const { before, sessions } = await withRedis(tools, url, async (redis) => {
          const replication = await replicationOf(redis),
            may = mayPromote(replication, force === true);
          if (may.kind === 'refused') throw new CliError(EXIT.refused, `this region is not promoted: ${may.why}`);
          if (may.kind === 'ready') {
            await redis.replicaof('NO', 'ONE');
            // The other region's leader is gone with it; nobody need wait until its lease is over. A config file makes it last over restarts.
            await redis.del('holdfast:leader').catch(() => 0);
            await redis.config('REWRITE').catch(() => undefined);
          }
          let count = 0,
            cursor = '0';
          do {
            const [next, keys] = await redis.scan(cursor, 'MATCH', 'holdfast:{*}:session:*', 'COUNT', 1000);
            [cursor, count] = [next, count + keys.length];
          } while (cursor !== '0');
          return { before: replication, sessions: count };
        });
        const mostLostSeconds = losesAtMost(before);
        tools.out.show({ promoted: before.role === 'replica', sessions, mostLostSeconds }, () =>
          before.role === 'primary'
            ? `this region is active already; it holds ${sessions} sessions`
            : `this region is active: it holds ${sessions} sessions; what the other one wrote in its last ${mostLostSeconds} s may be missing`,
        );
      }),
    );
  return region;
}
