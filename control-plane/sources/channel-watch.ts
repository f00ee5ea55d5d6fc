import { detach } from '../../proto/detach.ts';
import type { RedisClient } from '../../proto/redis/redis-client.ts';

/** Hears one pub/sub channel on a connection of its own, and subscribes again whenever that connection was lost. `onStanding`: what was said before may have been missed. */
export function watchChannel(
  subscriber: RedisClient,
  channel: string,
  onMessage: (text: string) => void,
  onError: (error: unknown) => void,
  onStanding: () => void = () => {},
): () => void {
  const subscribe = (): void => {
    detach(
      subscriber.subscribe(channel).then(onStanding, () => subscriber.disconnect(true)),
      onError,
    );
  };
  subscriber.on('message', (from: string, text: string) => {
    if (from === channel) detach(() => onMessage(text), onError);
  });
  subscriber.on('ready', subscribe);
  if (subscriber.status === 'ready') subscribe();
  return () => subscriber.disconnect();
}
