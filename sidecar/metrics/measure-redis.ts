import { performance } from 'node:perf_hooks';
import type { RedisClient } from '../../proto/redis/redis-client.ts';

/** The part of ioredis's Command that is read: what every command passes on its way out. */
interface Command {
  name: string;
  promise: Promise<unknown>;
}
type Measured = (command: string, durationMs: number, error?: 'timeout' | 'refused' | 'other') => void;

/** Names that become labels; anything else is `other`. */
const KNOWN = new Set([
  'evalsha',
  'eval',
  'get',
  'set',
  'mget',
  'hget',
  'hset',
  'hgetall',
  'hdel',
  'del',
  'exists',
  'pexpire',
  'publish',
  'ping',
  'scan',
  'zrange',
  'zcard',
  'xadd',
]);
const kindOf = (error: unknown): 'timeout' | 'refused' | 'other' => {
  const message = error instanceof Error ? error.message : '';
  return /timed out/i.test(message)
    ? 'timeout'
    : /closed|ECONN|enableOfflineQueue|offline|MaxRetries/i.test(message)
      ? 'refused'
      : 'other';
};

/** Measures every command of a client, in one place, for all callers. A script that Redis doesn't have yet is no error: it is sent again as source. */
export function measureRedis(client: RedisClient, measured: Measured): void {
  const target = client as unknown as { sendCommand(command: Command, ...rest: unknown[]): unknown };
  const send = target.sendCommand;
  target.sendCommand = function (command, ...rest) {
    const start = performance.now(),
      name = KNOWN.has(command.name) ? command.name : 'other';
    command.promise.then(
      () => {
        measured(name, performance.now() - start);
      },
      (error: unknown) => {
        measured(
          name,
          performance.now() - start,
          error instanceof Error && error.message.startsWith('NOSCRIPT') ? undefined : kindOf(error),
        );
      },
    );
    return send.call(this, command, ...rest);
  };
}
