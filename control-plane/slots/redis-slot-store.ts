import type { Cluster, Redis } from 'ioredis';
import { SLOT_ALPHABET } from '../../proto/session-id.ts';
import { REDIS } from '../../proto/wire.ts';
import { replicaKey } from '../topology/inputs.ts';
import { LayeredMap } from './layered-map.ts';
import type { SlotStore } from './slot-store.ts';
import { firstNumber, type Incarnation, type LostIncarnation } from './slot-table.ts';

/**
 * One hash. Its field names stay as they are, because other versions read them: `next`, `revision`, `life <server>
 * <address>` = `<slot> <since ms>`, `lost <slot>` = `<server> <address> <lost ms>`. ARGV: operation, server, address,
 * slot, now in ms, first number, alphabet, since ms. The transitions are those of slot-table.ts; one contract test
 * runs over both.
 */
const SCRIPT = `
local key, op, server, address, slot, now = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local field = 'life ' .. server .. ' ' .. address
local present = redis.call('HGET', key, field)
local current = present and string.match(present, '^%S+')
local function changed() redis.call('HINCRBY', key, 'revision', 1) end
local function lose(which)
  redis.call('HSET', key, 'lost ' .. which, server .. ' ' .. address .. ' ' .. now)
  changed()
end
if op == 'adopt' then
  if current == slot then return present end
  if not current and redis.call('HEXISTS', key, 'lost ' .. slot) == 0 then
    redis.call('HSET', key, field, slot .. ' ' .. ARGV[8])
    changed()
  else lose(slot) end
  return ''
end
if (op == 'newIncarnation' or op == 'retire') and current == slot then
  redis.call('HDEL', key, field)
  lose(slot)
  present = false
end
if op == 'retire' then return '' end
if present then return present end
redis.call('HSETNX', key, 'next', ARGV[6])
local number = tonumber(redis.call('HINCRBY', key, 'next', 1)) - 1
local alphabet, name = ARGV[7], ''
repeat
  local digit = number % #alphabet
  name = string.sub(alphabet, digit + 1, digit + 1) .. name
  number = math.floor(number / #alphabet)
until number == 0
present = name .. ' ' .. now
redis.call('HSET', key, field, present)
changed()
return present`;

const RELEASE = `
if redis.call('HDEL', KEYS[1], unpack(ARGV)) > 0 then redis.call('HINCRBY', KEYS[1], 'revision', 1) end
return 0`;

/** Lua's unpack takes a few thousand values at most. */
const RELEASE_AT_ONCE = 1000;

/** Slots in Redis, shared by all control planes. Time is the control plane's, because only distances of hours count. */
export function redisSlotStore(redis: Redis | Cluster, now: () => number): SlotStore {
  const run = async (operation: string, server: string, address: string, slot = '', sinceMs = 0): Promise<string> =>
    (await redis.eval(
      SCRIPT,
      1,
      REDIS.slots,
      operation,
      server,
      address,
      slot,
      now(),
      firstNumber(now()),
      SLOT_ALPHABET,
      sinceMs,
    )) as string;
  const incarnationOf = (server: string, address: string, text: string): Incarnation => {
    const [slot = '', sinceMs] = text.split(' ');
    return { server, address, slot, sinceMs: Number(sinceMs) };
  };
  return {
    async read() {
      const incarnations = new Map<string, Incarnation>(),
        lost = new Map<string, LostIncarnation>(),
        fields = await redis.hgetall(REDIS.slots);
      for (const [field, value] of Object.entries(fields)) {
        const [kind, first = '', second = ''] = field.split(' ');
        const [one = '', two = '', three = ''] = value.split(' ');
        // Slots become part of Envoy's routes: what is none is not read.
        if (kind === 'life' && isSlot(one) && isTime(two))
          incarnations.set(replicaKey(first, second), incarnationOf(first, second, value));
        if (kind === 'lost' && isSlot(first) && isTime(three))
          lost.set(first, { server: one, address: two, slot: first, lostAtMs: Number(three) });
      }
      return {
        next: numberIn(fields['next']) ?? firstNumber(now()),
        incarnations: LayeredMap.of(incarnations),
        lost: LayeredMap.of(lost),
      };
    },
    revision: async () => numberIn(await redis.hget(REDIS.slots, 'revision')) ?? 0,
    allot: async (server, address) => incarnationOf(server, address, await run('allot', server, address)),
    newIncarnation: async (server, address, slot) =>
      incarnationOf(server, address, await run('newIncarnation', server, address, slot)),
    retire: async (server, address, slot) => {
      await run('retire', server, address, slot);
    },
    adopt: async (incarnation) => {
      await run('adopt', incarnation.server, incarnation.address, incarnation.slot, incarnation.sinceMs);
    },
    async release(slots) {
      for (let at = 0; at < slots.length; at += RELEASE_AT_ONCE) {
        await redis.eval(
          RELEASE,
          1,
          REDIS.slots,
          ...slots.slice(at, at + RELEASE_AT_ONCE).map((slot) => `lost ${slot}`),
        );
      }
    },
  };
}

const isSlot = (text: string): boolean => text.length > 0 && [...text].every((each) => SLOT_ALPHABET.includes(each));
const isTime = (text: string): boolean => text !== '' && Number.isFinite(Number(text));

function numberIn(text: string | null | undefined): number | undefined {
  return text !== null && text !== undefined && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}
