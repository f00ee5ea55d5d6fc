import { CHANNEL } from '../../proto/wire.ts';
import { anotherConnection, type RedisClient } from '../../proto/redis/redis-client.ts';
import type { SessionChange, StoreWatcher } from './session-store.ts';

/**
 * Listens to the sessions' channel on a connection of its own, opened with the first watcher. Whenever that connection was lost, changes
 * may have been missed: watchers are told at the loss and again when the subscription stands.
 */
export function watchChanges(
  client: RedisClient,
  nodeId: string,
): { add(watcher: StoreWatcher): () => void; close(): void } {
  const watchers = new Set<StoreWatcher>();
  let subscriber: RedisClient | undefined;

  const tellGap = (): void => {
    for (const watcher of watchers) watcher.onGap();
  };
  const open = (): RedisClient => {
    const connection = anotherConnection(client);
    connection.on('close', tellGap);
    connection.on('ready', () => {
      connection.subscribe(CHANNEL.sessions).then(tellGap, () => connection.disconnect(true));
    });
    connection.on('message', (_channel: string, text: string) => {
      const change = readChange(text);
      if (change && change.node !== nodeId) for (const watcher of watchers) watcher.onChange(change);
    });
    return connection;
  };
  return {
    add(watcher) {
      watchers.add(watcher);
      subscriber ??= open();
      return () => {
        watchers.delete(watcher);
      };
    },
    close() {
      watchers.clear();
      subscriber?.disconnect();
      subscriber = undefined;
    },
  };
}

function readChange(text: string): (SessionChange & { node?: string }) | undefined {
  try {
    const value = JSON.parse(text) as Partial<SessionChange & { node: string }>;
    return typeof value.server === 'string' && typeof value.digest === 'string' && typeof value.epoch === 'number'
      ? (value as SessionChange & { node?: string })
      : undefined;
  } catch {
    return undefined;
  }
}
