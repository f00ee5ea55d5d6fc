import { setTimeout as sleep } from 'node:timers/promises';
import { connectRedis, type RedisClient } from '../../../proto/redis/redis-client.ts';
import { CROWD_LIMITS } from '../mesh/many-clients-limits.ts';
import { startMesh } from '../mesh/start-mesh.ts';
import { atMost, exactly, round } from '../report/objectives.ts';
import { table } from '../report/table.ts';
import { JWT, openSessions, runLoad } from './load/http-load.ts';
import type { Bench } from './main.ts';

const SESSIONS = 5000;
const CONNECTIONS = 16;
/** Sessions are touched every 5 s: a stretch has at least two of those rounds. */
const LEAST_SECONDS = 11;
const MOST_BYTES = 700;
const MOST_COMMANDS = 5;

/** A figure of Redis's INFO. */
async function info(redis: RedisClient, section: string, figure: RegExp): Promise<number> {
  const text = (await redis.call('INFO', section)) as string;
  return [...text.matchAll(figure)].reduce((sum, [, value]) => sum + Number(value), 0);
}
const memory = (redis: RedisClient): Promise<number> => info(redis, 'memory', /^used_memory:(\d+)/gm);
/** Commands that sidecars send. The scripts' own calls have other names. */
const sent = (redis: RedisClient): Promise<number> =>
  info(redis, 'commandstats', /^cmdstat_(?:evalsha|eval|hgetall|get|set|exists|zrange|zcard):calls=(\d+)/gm);

/** How much a figure grows while something is done. */
async function growth<T>(figure: () => Promise<number>, work: () => Promise<T>): Promise<{ grown: number; done: T }> {
  const before = await figure(),
    done = await work();
  return { grown: (await figure()) - before, done };
}

export const bench: Bench = {
  description: 'what sessions cost Redis: bytes of each, and commands while their calls are steady',
  async run({ say, seconds }) {
    await using mesh = await startMesh({
      gateways: 1,
      servers: {
        open: {
          replicas: 2,
          program: 'deploy/test/bench/load/http-upstream.ts',
          settings: { guard: 'off', probe: { type: 'off' }, ...CROWD_LIMITS },
        },
      },
    });
    const [gateway] = mesh.gateways;
    if (gateway === undefined || mesh.redis === null) throw new Error('the mesh has no gateway or no Redis');
    const port = Number(new URL(gateway.url).port),
      path = '/mcp/open',
      stretch = Math.max(LEAST_SECONDS, seconds);
    await using cleanup = new AsyncDisposableStack();
    const redis = connectRedis(mesh.redis.url);
    cleanup.defer(() => {
      redis.disconnect();
    });
    // The first session brings what all of them share.
    await openSessions(port, path, 1);
    const open = (authorization?: string) =>
      growth(
        () => memory(redis),
        () => openSessions(port, path, SESSIONS, authorization),
      );
    const anonymous = await open(),
      bound = await open(JWT);
    const sessions = anonymous.done;
    const idle = await growth(
      () => sent(redis),
      () => sleep(stretch * 1000),
    );
    const busy = await growth(
      () => sent(redis),
      () => runLoad({ port, path, connections: CONNECTIONS, sessions, seconds: stretch }),
    );
    const perThousand = (Math.max(0, busy.grown - idle.grown) * 1000) / busy.done.requests;
    const figures = {
      bytesOfAnonymousSession: Math.round(anonymous.grown / SESSIONS),
      bytesOfBoundSession: Math.round(bound.grown / SESSIONS),
      steadyCalls: busy.done.requests,
      commandsPerThousandCalls: round(perThousand),
    };
    say(table(['figure', 'measured'], Object.entries(figures)));
    return {
      objectives: [
        atMost('bytes of Redis for each session of nobody', MOST_BYTES, figures.bytesOfAnonymousSession),
        atMost('bytes of Redis for each session of a principal', MOST_BYTES, figures.bytesOfBoundSession),
        atMost(
          `commands that sidecars send to Redis per 1,000 steady calls of ${SESSIONS} sessions`,
          MOST_COMMANDS,
          perThousand,
        ),
        exactly('errors', 0, busy.done.errors),
      ],
      figures,
    };
  },
};
