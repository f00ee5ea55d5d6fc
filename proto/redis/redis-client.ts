import type { Socket } from 'node:net';
import { Cluster, Redis, SentinelConnector, type RedisOptions } from 'ioredis';
import dataHandler from 'ioredis/built/DataHandler.js';
import { containReplies, limitReplies, type ReadsReplies, type ReplyLimits } from './guard-replies.ts';
import { unusableCode } from './reply-code.ts';
import { parseRedisUrl } from './redis-url.ts';

containReplies(dataHandler.default.prototype as unknown as ReadsReplies);

export type RedisClient = Redis | Cluster;

/** The URL can't be read. The message says why, without user or password. */
export class RedisUrlError extends Error {
  readonly code = 'bad-url';
}

export interface RedisClientOptions {
  /** A command without a reply for this long fails. */
  commandTimeoutMs?: number;
  /** A connection on which one reply is longer is ended, and another one begins. */
  maxReplyBytes?: number;
  /** Shown by Redis in CLIENT LIST. */
  name?: string;
  /** Called for each connection error; commands fail on their own besides. */
  onError?: (error: Error) => void;
}

/** Far beyond everything that the mesh keeps under one key, and a fraction of the memory that a process has. */
const MAX_REPLY_BYTES = 32 << 20;
/** A connection that owes an answer and says nothing for so many timeouts of a command is replaced by another one. */
const SILENT_FOR = 5;
/** By client, for further connections to the same place. */
const replyLimits = new WeakMap<RedisClient, ReplyLimits>();

/** What opens connections to sentinels in ioredis 6, in places that its types don't show. */
interface OpensSentinels {
  connectToSentinel(endpoint: unknown, options?: object): Redis;
}

/**
 * ioredis hears of failovers by connections of their own, with options of their own. It gives those no listener of errors, and then writes their
 * errors to the console. Connections that ask for the master have a listener, and their errors become those of the client.
 */
function connectorWith(onError: (error: Error) => void): NonNullable<RedisOptions['Connector']> {
  class ListeningConnector extends SentinelConnector {}
  const base = SentinelConnector.prototype as unknown as OpensSentinels;
  Object.defineProperty(ListeningConnector.prototype, 'connectToSentinel', {
    value(this: OpensSentinels, endpoint: unknown, options?: object): Redis {
      const connection = base.connectToSentinel.call(this, endpoint, options);
      return options === undefined ? connection : connection.on('error', onError);
    },
  });
  return ListeningConnector as NonNullable<RedisOptions['Connector']>;
}

/** Waits 50 ms, then twice as long each time, at most 1 s: Redis is back within a second of being back. */
const reconnectDelayMs = (attempt: number): number => Math.min(1000, 50 * 2 ** Math.min(attempt - 1, 10));

/**
 * A client that fails at once instead of queueing while Redis is away, and goes on trying to connect.
 * @throws RedisUrlError when the URL can't be read.
 */
export function connectRedis(url: string, options: RedisClientOptions = {}): RedisClient {
  const parsed = parseRedisUrl(url);
  if (parsed.kind === 'bad') throw new RedisUrlError(`SESSION_STORE_URL: ${parsed.problem}`);
  const { target } = parsed;
  const onError = options.onError ?? (() => {});
  const commandTimeoutMs = options.commandTimeoutMs ?? 1000;
  const silentMs = SILENT_FOR * commandTimeoutMs;
  const common = {
    enableOfflineQueue: false,
    maxRetriesPerRequest: 3,
    commandTimeout: commandTimeoutMs,
    // The machine at the other end may be gone without a word, or a reply may never end. The kernel takes a quarter of an hour to see that.
    socketTimeout: silentMs,
    connectTimeout: 1000,
    // A compare-and-set whose answer was lost must not run again by itself: it would report a conflict with its own success.
    autoResendUnfulfilledCommands: false,
    autoResubscribe: false,
    // After a failover the old primary answers READONLY: look for the new one.
    reconnectOnError: (error) => unusableCode(error.message) === 'READONLY',
    ...(target.credentials.username === null ? {} : { username: target.credentials.username }),
    ...(target.credentials.password === null ? {} : { password: target.credentials.password }),
    ...(options.name === undefined ? {} : { connectionName: options.name }),
    ...(target.isTls ? { tls: {} } : {}),
  } satisfies RedisOptions;
  let client: RedisClient;
  if (target.kind === 'cluster') {
    const { enableOfflineQueue, ...redisOptions } = common;
    client = new Cluster(target.nodes, {
      enableOfflineQueue,
      clusterRetryStrategy: reconnectDelayMs,
      slotsRefreshTimeout: 1000,
      redisOptions,
    });
  } else if (target.kind === 'sentinel') {
    client = new Redis({
      ...common,
      sentinels: target.nodes,
      name: target.master,
      db: target.db,
      role: 'master',
      retryStrategy: reconnectDelayMs,
      sentinelRetryStrategy: reconnectDelayMs,
      sentinelCommandTimeout: 1000,
      failoverDetector: true,
      Connector: connectorWith(onError),
    });
  } else {
    client = new Redis({ ...common, ...target.node, db: target.db, retryStrategy: reconnectDelayMs });
  }
  client.on('error', onError);
  return guarded(client, { mostBytes: options.maxReplyBytes ?? MAX_REPLY_BYTES, longestMs: silentMs });
}

function guarded(client: RedisClient, limits: ReplyLimits | undefined): RedisClient {
  if (!limits) return client;
  replyLimits.set(client, limits);
  const guard = (connection: Redis): void => {
    connection.on('connect', () => {
      limitReplies((connection as unknown as { stream: Socket }).stream, limits);
    });
  };
  if (client instanceof Cluster) client.on('+node', guard);
  else guard(client);
  return client;
}

/** A connection of its own to the same place, for subscriptions. */
export function anotherConnection(client: RedisClient): RedisClient {
  const connection: RedisClient = client instanceof Redis ? client.duplicate() : client.duplicate();
  connection.on('error', () => {});
  return guarded(connection, replyLimits.get(client));
}

/** Resolves when commands can be sent, or after `timeoutMs`: false then. */
export async function whenReady(client: RedisClient, timeoutMs: number): Promise<boolean> {
  if (client.status === 'ready') return true;
  return new Promise((resolve) => {
    const done = (isReady: boolean): void => {
      clearTimeout(timer);
      client.off('ready', onReady);
      resolve(isReady);
    };
    const onReady = (): void => done(true);
    const timer = setTimeout(() => done(false), timeoutMs);
    client.on('ready', onReady);
  });
}
