import { createHash } from 'node:crypto';
import type { RedisClient } from '../../proto/redis/redis-client.ts';
import { StoreError } from './store-error.ts';

export type ScriptArgument = string | number | Buffer;

/** Runs Lua by its hash, and sends the source only to a Redis that doesn't have it. */
export class ScriptRunner {
  readonly #client: RedisClient;
  readonly #hashes = new Map<string, string>();

  constructor(client: RedisClient) {
    this.#client = client;
  }

  /**
   * Text comes as bytes.
   * @throws StoreError
   */
  async run(lua: string, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    const sha = this.#hashes.get(lua) ?? createHash('sha1').update(lua).digest('hex');
    this.#hashes.set(lua, sha);
    try {
      return await this.#client.callBuffer('evalsha', sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw StoreError.from(error);
    }
    try {
      return await this.#client.callBuffer('eval', lua, keys.length, ...keys, ...args);
    } catch (error) {
      throw StoreError.from(error);
    }
  }
}
