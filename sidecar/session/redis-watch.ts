import { detach } from '../../proto/detach.ts';
import { parseJsonObject } from '../../proto/parse-json.ts';
import { CHANNEL } from '../../proto/wire.ts';
import { anotherConnection, type RedisClient } from '../../proto/redis/redis-client.ts';
import type { SessionChange, StoreWatcher, StreamClaim } from './session-store.ts';

/**
 * Listens to the channels of sessions and of their streams on a connection of its own, opened with the first watcher. Whenever that connection was lost, changes
 * may have been missed: watchers are told at the loss and again when the subscription stands.
 */
export function watchChanges(
  client: RedisClient,
  nodeId: string,
  onError: (error: unknown) => void = () => {},
): { add(watcher: StoreWatcher): () => void; close(): void } {
  const watchers = new Set<StoreWatcher>();
  let subscriber: RedisClient | undefined;

  const tellGap = (): void => {
    for (const watcher of watchers) detach(() => watcher.onGap(), onError);
  };
  const tellClaim = (text: string): void => {
    const claim = readClaim(text);
    if (claim && claim.node !== nodeId) for (const watcher of watchers) detach(() => watcher.onClaim(claim), onError);
  };
  const open = (): RedisClient => {
    const connection = anotherConnection(client);
    connection.on('close', tellGap);
    connection.on('ready', () => {
      connection.subscribe(CHANNEL.sessions, CHANNEL.streams).then(tellGap, () => connection.disconnect(true));
    });
    connection.on('message', (channel: string, text: string) => {
      if (channel === CHANNEL.streams) return tellClaim(text);
      const change = readChange(text);
      if (change && change.node !== nodeId)
        for (const watcher of watchers) detach(() => watcher.onChange(change), onError);
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
  const value = parseJsonObject(text);
  if (!value) return undefined;
  const { server, digest, epoch, slot = null } = value;
  const isOne = typeof server === 'string' && typeof digest === 'string' && Number.isSafeInteger(epoch);
  if (!isOne || (slot !== null && typeof slot !== 'string')) return undefined;
  return { ...(value as unknown as SessionChange & { node?: string }), slot };
}

function readClaim(text: string): (StreamClaim & { node: unknown }) | undefined {
  const { server, digest, node } = parseJsonObject(text) ?? {};
  return typeof server === 'string' && typeof digest === 'string' ? { server, digest, node } : undefined;
}
