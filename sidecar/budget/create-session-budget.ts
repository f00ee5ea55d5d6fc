import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { abandonSession, upstreamSession } from '../replica/session-messages.ts';
import type { ReplicaClient } from '../replica/client.ts';
import type { SessionDirectory } from '../session/session-directory.ts';
import type { ServerView } from '../xds/topology.ts';
import type { LimitName } from '../../proto/limits.ts';
import { SessionBudget } from './session-budget.ts';
import { StoreMemory } from './store-memory.ts';

/** How often what is gone is forgotten. */
const SWEEP_MS = 60_000;

export interface SessionBudgetParts {
  server: (name: string) => ServerView | undefined;
  directory: Pick<SessionDirectory, 'peek' | 'tombstone'>;
  upstream: Pick<ReplicaClient, 'send'>;
  /** A session of which a call or stream is open counts as used now. */
  held: { isBusy(digest: string): boolean };
  redis: Pick<RedisClient, 'info'> | null;
  maxMemoryPercent: number;
  metrics: { refused(server: string, limit: LimitName): void; redisMemory(share: number): void };
  now: () => number;
}

export interface CreatedBudget {
  sessions: SessionBudget;
  close(): void;
}

/** The session budget of a sidecar, with what it looks at: the store's memory, and what is known of each session. */
export function createSessionBudget({
  server,
  directory,
  upstream,
  held,
  redis,
  maxMemoryPercent,
  metrics,
  now,
}: SessionBudgetParts): CreatedBudget {
  const memory = redis
    ? new StoreMemory({
        info: () => redis.info('memory'),
        maxPercent: maxMemoryPercent,
        onShare: (share) => metrics.redisMemory(share),
      })
    : null;
  memory?.start();
  const sessions = new SessionBudget({
    now,
    limits: (name) => server(name)?.policy.limits,
    known: (name, digest) => directory.peek(name, digest),
    isBusy: (digest) => held.isBusy(digest),
    end(name, digest) {
      const record = directory.peek(name, digest),
        view = server(name),
        replica = record && view?.bySlot(record.slot);
      directory.tombstone(name, digest).catch(() => undefined); // It never rejects because of the store.
      if (record && view && replica)
        abandonSession(upstream, upstreamSession(view.policy, { replica, upstreamId: record.upstreamId, record }, []));
    },
    wrote: (bytes) => memory?.wrote(bytes),
    hasRoom: () => memory?.hasRoom ?? true,
    refused: (name, limit) => metrics.refused(name, limit),
  });
  const sweeping = setInterval(() => sessions.sweep(), SWEEP_MS).unref();
  return {
    sessions,
    close() {
      memory?.stop();
      clearInterval(sweeping);
    },
  };
}
