/**
 * Lua that Redis runs as one step each. KEYS[1] is always the session's hash; every other key shares its hash tag, so a cluster keeps them together.
 * The names of the hash fields are those of record-codec.ts.
 */
const WRITE = `
-- The unbound form of a bound session's id is kept as ended, for as long as the session: nobody reaches it without its principal.
local function shut(key, digest, unbound, at, ttl)
  local door = string.sub(key, 1, -1 - string.len(digest)) .. unbound
  if redis.call('EXISTS', door) == 0 then redis.call('HSET', door, 'dead', '1', 'epoch', '0', 'version', '1', 'at', at) end
  if redis.call('HEXISTS', door, 'dead') == 1 then redis.call('EXPIRE', door, ttl) end
  redis.call('HSET', key, 'unbound', unbound)
end
local function write(key, epoch, slot, upstream, record, version, at, ttl, digest, prefix, oldSlot, unbound)
  redis.call('HSET', key, 'epoch', epoch, 'slot', slot, 'upstream', upstream, 'record', record, 'version', version, 'at', at, 'ttl', ttl)
  redis.call('HINCRBY', key, 'rev', 1)
  redis.call('EXPIRE', key, ttl)
  if unbound ~= '' then shut(key, digest, unbound, at, ttl) end
  if oldSlot and oldSlot ~= slot then redis.call('ZREM', prefix .. oldSlot, digest) end
  local index = prefix .. slot
  redis.call('ZADD', index, at, digest)
  if redis.call('TTL', index) < tonumber(ttl) then redis.call('EXPIRE', index, ttl) end
end
local function tell(channel, node, server, digest, slot, epoch)
  redis.call('PUBLISH', channel, cjson.encode({ node = node, server = server, digest = digest, slot = slot or cjson.null, epoch = tonumber(epoch) }))
end
`;

/**
 * ARGV: epoch slot upstream record version at ttl digest prefix firstTtl unbound ('' for none). The slot's index is
 * cleaned on the way, three entries at a place that the digest chooses. A record that expires leaves its entry behind,
 * and unused sessions would leave more of them than there are sessions.
 */
export const CREATE = `${WRITE}
if redis.call('EXISTS', KEYS[1]) == 1 then return 'conflict' end
write(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], nil, ARGV[11])
if ARGV[10] ~= ARGV[7] then redis.call('EXPIRE', KEYS[1], ARGV[10]) end
local index = ARGV[9] .. ARGV[2]
local from = (tonumber(string.sub(ARGV[8], 1, 8), 16) or 0) % redis.call('ZCARD', index)
for _, other in ipairs(redis.call('ZRANGE', index, from, from + 2)) do
  if redis.call('EXISTS', string.sub(KEYS[1], 1, -1 - string.len(ARGV[8])) .. other) == 0 then redis.call('ZREM', index, other) end
end
return 'ok'
`;

/** ARGV: epoch slot upstream record version at expectedEpoch digest prefix channel node server expectedRevision ('' for any) unbound */
export const UPDATE = `${WRITE}
local v = redis.call('HMGET', KEYS[1], 'epoch', 'dead', 'version', 'slot', 'ttl', 'rev', 'at')
if not v[1] then return 'missing' end
if v[2] then return 'conflict' end
if tonumber(v[3]) > tonumber(ARGV[5]) then return 'newer' end
if v[1] ~= ARGV[7] then return 'conflict' end
if ARGV[13] ~= '' and v[6] ~= ARGV[13] then return 'raced' end
local at = ARGV[6]
if tonumber(v[7]) > tonumber(at) then at = v[7] end
local left = redis.call('TTL', KEYS[1])
write(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], at, v[5], ARGV[8], ARGV[9], v[4], ARGV[14])
-- No use of it: its life is no longer for it.
if at == v[7] and left > 0 and left < tonumber(v[5]) then redis.call('EXPIRE', KEYS[1], left) end
tell(ARGV[10], ARGV[11], ARGV[12], ARGV[8], ARGV[2], ARGV[1])
return 'ok'
`;

/** ARGV: epoch slot upstream record version at ttl digest prefix channel node server unbound. Answers ['kept'|'written', hash as it was]. */
export const RECONCILE = `${WRITE}
local before = redis.call('HGETALL', KEYS[1])
local v = redis.call('HMGET', KEYS[1], 'epoch', 'dead', 'version', 'slot', 'upstream')
if v[1] then
  local stored, mine = tonumber(v[1]), tonumber(ARGV[1])
  local isSame = stored == mine and v[4] == ARGV[2] and v[5] == ARGV[3]
  if v[2] or tonumber(v[3]) > tonumber(ARGV[5]) or stored > mine or (stored == mine and not isSame) then return { 'kept', before } end
end
write(KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], v[4], ARGV[13])
tell(ARGV[10], ARGV[11], ARGV[12], ARGV[8], ARGV[2], ARGV[1])
return { 'written', before }
`;

/** KEYS: sessions of one server. ARGV: prefix, then at and digest for each. */
export const TOUCH = `
for i, key in ipairs(KEYS) do
  local at, digest = ARGV[2 * i], ARGV[2 * i + 1]
  local v = redis.call('HMGET', key, 'slot', 'dead', 'ttl', 'at', 'unbound')
  if v[1] and not v[2] then
    redis.call('EXPIRE', key, v[3])
    if v[5] then redis.call('EXPIRE', string.sub(key, 1, -1 - string.len(digest)) .. v[5], v[3]) end
    local index = ARGV[1] .. v[1]
    if redis.call('TTL', index) < tonumber(v[3]) then redis.call('EXPIRE', index, v[3]) end
    if tonumber(at) > tonumber(v[4]) then
      redis.call('HSET', key, 'at', at)
      redis.call('ZADD', index, at, digest)
    end
  end
end
return 'ok'
`;

/**
 * ARGV: ttl digest prefix at channel node server isKnown ('1': also where there is no record). Answers the hash as it was. Without a record nothing is
 * written and nobody is told, so that made-up ids leave no trace.
 */
export const TOMBSTONE = `${WRITE}
local before = redis.call('HGETALL', KEYS[1])
if #before == 0 and ARGV[8] ~= '1' then return before end
local v = redis.call('HMGET', KEYS[1], 'epoch', 'slot', 'unbound')
if v[2] then redis.call('ZREM', ARGV[3] .. v[2], ARGV[2]) end
if v[3] then redis.call('EXPIRE', string.sub(KEYS[1], 1, -1 - string.len(ARGV[2])) .. v[3], ARGV[1]) end
redis.call('HSET', KEYS[1], 'dead', '1', 'at', ARGV[4])
redis.call('HSETNX', KEYS[1], 'epoch', '0')
redis.call('HSETNX', KEYS[1], 'version', '1')
redis.call('EXPIRE', KEYS[1], ARGV[1])
tell(ARGV[5], ARGV[6], ARGV[7], ARGV[2], nil, v[1] or '0')
return before
`;

/** ARGV: digest prefix channel node server. Answers 1 when there was a record. */
export const FORGET = `${WRITE}
local v = redis.call('HMGET', KEYS[1], 'epoch', 'slot')
if not v[1] then return 0 end
redis.call('DEL', KEYS[1])
if v[2] then redis.call('ZREM', ARGV[2] .. v[2], ARGV[1]) end
tell(ARGV[3], ARGV[4], ARGV[5], ARGV[1], nil, v[1])
return 1
`;

/** KEYS[1] the lock; ARGV: token. Answers 1 when it was this token's. */
export const UNLOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`;
