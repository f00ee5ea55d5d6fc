import * as z from 'zod';
import { detach } from '../../proto/detach.ts';
import { parseJson } from '../../proto/parse-json.ts';
import type { Cluster, Redis } from 'ioredis';
import { REDIS } from '../../proto/wire.ts';
import { KEPT_EVENTS, matches, newEvent, type EventLog, type MeshEvent, type NewEvent } from './event.ts';

/** Events that may wait while Redis is away; the oldest are dropped beyond that. */
const MOST_WAITING = 1000;
const RETRY_MS = 1000;
/** Entries fetched at a time when looking for matches. */
const PAGE = 500;

/** Events in a Redis stream, shared by all control planes. */
export function redisEventLog(redis: Redis | Cluster, now: () => number): EventLog {
  const waiting: Array<{ event: NewEvent; atMs: number }> = [];
  let sending: Promise<void> | null = null;
  let isStopped = false;

  const send = async () => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const { event, atMs } = next;
      await redis.xadd(
        REDIS.events,
        'MAXLEN',
        '~',
        KEPT_EVENTS,
        '*',
        'event',
        JSON.stringify(newEvent(event, '', atMs)),
      );
      waiting.shift();
    }
  };
  const flush = () => {
    sending ??= send()
      .catch(() => {})
      .finally(() => {
        sending = null;
      });
    return sending;
  };
  const timer = setInterval(() => {
    if (waiting.length > 0) detach(flush(), () => {});
  }, RETRY_MS);
  timer.unref();

  return {
    append(event) {
      if (isStopped) return;
      waiting.push({ event, atMs: now() });
      if (waiting.length > MOST_WAITING) waiting.shift();
      detach(flush(), () => {});
    },
    async list(query = {}) {
      const { afterId, limit = 100 } = query;
      await sending;
      const found: MeshEvent[] = [];
      let edge = afterId === undefined ? '+' : `(${afterId}`;
      while (found.length < limit) {
        const page =
          afterId === undefined
            ? await redis.xrevrange(REDIS.events, edge, '-', 'COUNT', PAGE)
            : await redis.xrange(REDIS.events, edge, '+', 'COUNT', PAGE);
        found.push(...page.flatMap((entry) => read(entry) ?? []).filter((event) => matches(event, query)));
        const last = page.at(-1);
        if (!last || page.length < PAGE) break;
        edge = `(${last[0]}`;
      }
      const wanted = found.slice(0, limit);
      return afterId === undefined ? wanted.reverse() : wanted;
    },
    async stop() {
      isStopped = true;
      clearInterval(timer);
      await flush();
    },
  };
}

/** Somebody else may have written to the stream. */
const eventSchema = z.object({
  atMs: z.number(),
  kind: z.string(),
  level: z.enum(['info', 'warning', 'error']),
  server: z.string().nullable(),
  subject: z.string().nullable(),
  message: z.string(),
  data: z.record(z.string(), z.unknown()).default({}),
});

function read([id, fields]: [string, string[]]): MeshEvent | undefined {
  const event = eventSchema.safeParse(parseJson(fields[1] ?? '')).data;
  return event && { ...event, id };
}
