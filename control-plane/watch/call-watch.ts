import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { detach } from '../../proto/detach.ts';
import { anotherConnection, type RedisClient } from '../../proto/redis/redis-client.ts';
import {
  matches,
  MAX_WATCHES,
  readWatchReport,
  TALLIES_EVERY_MS,
  WATCH_LEASE_MS,
  type CallFilter,
  type Watch,
  type WatchedCall,
  type WatchReport,
} from '../../proto/watch/watch-messages.ts';
import { CHANNEL } from '../../proto/wire.ts';
import { watchChannel } from '../sources/channel-watch.ts';
import { TopWindow, type TopGroup, type TopRow } from './top-window.ts';

/** A call as a viewer has it, or how many it did not get. */
export type TapLine = (WatchedCall & { node: string }) | { dropped: number; node: string | null };

export interface CallWatch {
  /** So many watch by this control plane that gateways would not tell one more. */
  readonly isFull: boolean;
  /** It has its place from now on; so has what `top` gives. */
  tap(filter: CallFilter, signal: AbortSignal): AsyncIterable<TapLine>;
  /** What gateways tell each second, until `signal` ends: one watch for however many look at it. */
  reports(onReport: (report: WatchReport) => void, signal: AbortSignal): void;
  top(by: TopGroup, filter: CallFilter, signal: AbortSignal): AsyncIterable<{ nodes: string[]; rows: TopRow[] }>;
}

interface WatchParts {
  redis: RedisClient;
  now: () => number;
  onError: (error: unknown) => void;
}

/** Lines that wait for a viewer who reads slowly; what comes beyond is counted, and shown as dropped. */
const MAX_WAITING = 2000;
/** Gateways that are named; whoever writes to Redis may invent others. */
const MAX_NODES = 1000;
/** The lease is asked for so often that one lost message does not end it. */
const ASK_EVERY_MS = WATCH_LEASE_MS / 3;
/** Nothing happened for so long: look whether the viewer is still there. */
const IDLE_MS = 1000;

/** Asks all gateways for what they carry, for as long as an operator watches, and no longer. */
export function redisCallWatch({ redis, now, onError }: WatchParts): CallWatch {
  let viewers = 0;
  /** Has the gateways asked until `signal` ends, and hears what they tell. */
  const follow = (
    wants: Watch['wants'],
    filter: CallFilter,
    onReport: (report: WatchReport) => void,
    signal: AbortSignal,
  ): void => {
    if (signal.aborted) return;
    viewers++;
    const watch: Watch = { id: randomUUID(), wants, filter };
    const ask = (): void => detach(redis.publish(CHANNEL.watches, JSON.stringify(watch)), () => undefined);
    const hear = (text: string): void => {
      const report = readWatchReport(text);
      if (report) onReport(report);
    };
    const stop = watchChannel(anotherConnection(redis), CHANNEL.calls, hear, onError, ask);
    const timer = setInterval(ask, ASK_EVERY_MS);
    signal.addEventListener('abort', () => {
      viewers--;
      clearInterval(timer);
      stop();
    });
  };
  return {
    get isFull() {
      return viewers >= MAX_WATCHES;
    },
    reports: (onReport, signal) => follow('tallies', {}, onReport, signal),
    tap(filter, signal) {
      const waiting: TapLine[] = [];
      let missed = 0;
      let wake = (): void => undefined;
      const onReport = ({ node, calls, dropped }: WatchReport): void => {
        for (const call of calls) {
          if (!matches(filter, call)) continue;
          if (waiting.length < MAX_WAITING) waiting.push({ ...call, node });
          else missed++;
        }
        if (dropped > 0 && waiting.length < MAX_WAITING) waiting.push({ dropped, node });
        else missed += dropped;
        wake();
      };
      follow('calls', filter, onReport, signal);
      return (async function* () {
        while (!signal.aborted) {
          yield* waiting.splice(0);
          if (missed > 0) {
            yield { dropped: missed, node: null };
            missed = 0;
          }
          const woken = new Promise<void>((resolve) => {
            wake = resolve;
          });
          if (waiting.length === 0) await Promise.race([woken, sleep(IDLE_MS, undefined, { signal }).catch(() => {})]);
        }
      })();
    },
    top(by, filter, signal) {
      const window = new TopWindow(by, now());
      const seenMs = new Map<string, number>();
      const nodes = (): string[] => {
        for (const [node, atMs] of seenMs) if (atMs <= now() - WATCH_LEASE_MS) seenMs.delete(node);
        return [...seenMs.keys()].sort();
      };
      const onReport = ({ node, tallies }: WatchReport): void => {
        window.add(tallies, now());
        if (seenMs.size < MAX_NODES || seenMs.has(node)) seenMs.set(node, now());
      };
      follow('tallies', filter, onReport, signal);
      return (async function* () {
        while (!signal.aborted) {
          await sleep(TALLIES_EVERY_MS, undefined, { signal }).catch(() => {});
          if (!signal.aborted) yield { nodes: nodes(), rows: window.rows(now()) };
        }
      })();
    },
  };
}
