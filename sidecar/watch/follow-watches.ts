import { detach } from '../../proto/detach.ts';
import { anotherConnection, type RedisClient } from '../../proto/redis/redis-client.ts';
import { CALLS_EVERY_MS, readWatch, TALLIES_EVERY_MS, type WatchReport } from '../../proto/watch/watch-messages.ts';
import { CHANNEL } from '../../proto/wire.ts';
import type { OutcomeBus } from '../outcome/outcome-bus.ts';
import { CallWatches } from './call-watches.ts';

interface WatchParts {
  redis: RedisClient;
  node: string;
  bus: Pick<OutcomeBus, 'subscribe'>;
  now: () => number;
  onError: (error: unknown) => void;
}

/** Hears through Redis who watches, and tells them. No timer runs while nobody does. */
export function followWatches({ redis, node, bus, now, onError }: WatchParts): { close(): void } {
  const watches = new CallWatches(now);
  const subscriber = anotherConnection(redis);
  let timer: NodeJS.Timeout | null = null;
  let toldMs = now();
  const tell = (report: WatchReport | null): void => {
    // Who watches is told later, or not at all: Redis being away is none of a call's business.
    if (report) detach(redis.publish(CHANNEL.calls, JSON.stringify(report)), () => undefined);
  };
  const round = (): void => {
    tell(watches.takeCalls(node));
    if (now() - toldMs >= TALLIES_EVERY_MS) {
      toldMs = now();
      tell(watches.takeTallies(node));
    }
    if (watches.isWatched || !timer) return;
    clearInterval(timer);
    timer = null;
  };
  subscriber.on('message', (_channel: string, text: string) => {
    detach(() => {
      const watch = readWatch(text);
      if (!watch) return;
      watches.hear(watch);
      timer ??= setInterval(() => detach(round, onError), CALLS_EVERY_MS).unref();
    }, onError);
  });
  const subscribe = (): void => {
    detach(
      subscriber.subscribe(CHANNEL.watches).then(
        () => undefined,
        () => subscriber.disconnect(true),
      ),
      onError,
    );
  };
  subscriber.on('ready', subscribe);
  if (subscriber.status === 'ready') subscribe();
  bus.subscribe('watch', watches.note);
  return {
    close: () => {
      if (timer) clearInterval(timer);
      subscriber.disconnect();
    },
  };
}
