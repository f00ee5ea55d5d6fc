import { parseJson } from '../../proto/parse-json.ts';
import type { Cluster, Redis } from 'ioredis';
import type { SharedState, WriteResult } from './shared-state.ts';

/** KEYS[1] hash of value, revision, token. ARGV: expected revision, token, value or '' to delete. One key, so that it runs in a Redis Cluster too. */
const WRITE = `
local had = redis.call('HMGET', KEYS[1], 'revision', 'token')
local revision, token = tonumber(had[1] or '0') or 0, tonumber(had[2] or '0') or 0
local mine = ARGV[2] == '' and token or tonumber(ARGV[2])
if mine < token then return 'fenced' end
if tonumber(ARGV[1]) ~= revision then return 'conflict' end
redis.call('HSET', KEYS[1], 'revision', revision + 1, 'token', mine, 'value', ARGV[3])
return 'ok'`;

/** Shared state in Redis. A deleted value stays as a hash with an empty `value`, because its revision and token must not be forgotten. */
export function redisSharedState(redis: Redis | Cluster): SharedState {
  return {
    async read(key) {
      const [value, revision] = await redis.hmget(key, 'value', 'revision');
      // What can't be read counts as absent, so that an operator's next wish replaces it.
      const read = parseJson(value ?? '');
      return read === undefined ? null : { value: read, revision: revisionIn(revision) };
    },
    async write(key, value, expectedRevision, token) {
      const text = value === undefined ? '' : JSON.stringify(value);
      // A writer that saw nothing may be right, although a deleted value has left its revision behind.
      const expected =
        expectedRevision === 0
          ? await this.read(key).then(async (now) => (now === null ? revisionIn(await redis.hget(key, 'revision')) : 0))
          : expectedRevision;
      return (await redis.eval(WRITE, 1, key, expected, token ?? '', text)) as WriteResult;
    },
  };
}

function revisionIn(text: string | null | undefined): number {
  const revision = Number(text ?? 0);
  return Number.isSafeInteger(revision) ? revision : 0;
}
