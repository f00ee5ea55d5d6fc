/**
 * Lua that Redis runs as one step each. KEYS[1] is always the session's hash; every other key shares its hash tag, so a
 * cluster keeps them together. The names of the hash fields are those of record-codec.ts and proto/compact-record.ts. A
 * compact record has what it shares in a key of its own. The tombstone of its unbound form is a small key (its door).
 * Its digest is 32 bytes in the slot's index.
 *
 * Scripts that write a record have the same arguments first. They are `epoch slot upstream version at digest`, and the
 * digest of the unbound form ('' for none). The name of its door follows ('' for a plain record), then the name of the
 * door of the session's own id. Then come name and text of what it shares ('' for a plain record). Last are the count
 * of fields and values, and these. `more(n)` is the n-th after them.
 */
const BASE = `
local function rootOf(key, digest) return string.sub(key, 1, -9 - string.len(digest)) end
local function memberOf(digest, isCompact)
  if not isCompact or string.len(digest) ~= 64 then return digest end
  return (string.gsub(digest, '..', function(hex) return string.char(tonumber(hex, 16)) end))
end
local function digestOf(member)
  if string.len(member) ~= 32 then return member end
  return (string.gsub(member, '.', function(byte) return string.format('%02x', string.byte(byte)) end))
end
local function keepFor(key, seconds)
  if redis.call('PTTL', key) < tonumber(seconds) * 1000 then redis.call('EXPIRE', key, seconds) end
end
-- A session may have been written in either form.
local function leaveIndex(index, digest)
  redis.call('ZREM', index, digest, memberOf(digest, true))
end
local function tell(channel, node, server, digest, slot, epoch)
  redis.call('PUBLISH', channel, cjson.encode({ node = node, server = server, digest = digest, slot = slot or cjson.null, epoch = tonumber(epoch) }))
end
`;

const WRITE = `${BASE}
local COUNT = tonumber(ARGV[12])
local function more(n) return ARGV[12 + COUNT + n] end
local digest, unbound, door, isCompact = ARGV[6], ARGV[7], ARGV[8], ARGV[10] ~= ''
local root = rootOf(KEYS[1], digest)
local function isShut() return redis.call('EXISTS', root .. 'door:' .. ARGV[9]) == 1 end
-- The unbound form of a bound session's id is kept as ended, for as long as the session: nobody reaches it without its principal.
local function shut(at, ttl)
  local other = root .. 'session:' .. unbound
  if door ~= '' then
    if redis.call('EXISTS', other) == 1 then return end
    redis.call('SET', root .. 'door:' .. door, '', 'NX')
    return keepFor(root .. 'door:' .. door, ttl)
  end
  if redis.call('EXISTS', other) == 0 then redis.call('HSET', other, 'dead', '1', 'epoch', '0', 'version', '1', 'at', at) end
  if redis.call('HEXISTS', other, 'dead') == 1 then redis.call('EXPIRE', other, ttl) end
end
local function write(at, ttl, life, oldSlot)
  local slot, rev = ARGV[2], tonumber(redis.call('HGET', KEYS[1], 'rev') or 0) + 1
  -- A full Redis refuses this one; after a first write a script may write whatever it likes.
  redis.call('HSET', KEYS[1], 'rev', rev)
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'slot', slot, 'version', ARGV[4], 'at', at, 'ttl', ttl, 'rev', rev, unpack(ARGV, 13, 12 + COUNT))
  redis.call('EXPIRE', KEYS[1], life)
  if isCompact then
    redis.call('SET', root .. 'shared:' .. ARGV[10], ARGV[11], 'NX')
    keepFor(root .. 'shared:' .. ARGV[10], life)
  end
  if unbound ~= '' then shut(at, ttl) end
  if oldSlot then leaveIndex(root .. 'slot:' .. oldSlot, digest) end
  local index = root .. 'slot:' .. slot
  redis.call('ZADD', index, at, memberOf(digest, isCompact))
  keepFor(index, ttl)
end
`;

/**
 * More: ttl firstTtl. The slot's index is cleaned on the way, three entries at a place that the digest chooses. A record that expires leaves its entry
 * behind, and unused sessions would leave more of them than there are sessions.
 */
export const CREATE = `${WRITE}
if redis.call('EXISTS', KEYS[1]) == 1 or isShut() then return 'conflict' end
write(ARGV[5], more(1), more(2), nil)
local index = root .. 'slot:' .. ARGV[2]
local from = (tonumber(string.sub(digest, 1, 8), 16) or 0) % redis.call('ZCARD', index)
for _, other in ipairs(redis.call('ZRANGE', index, from, from + 2)) do
  if redis.call('EXISTS', root .. 'session:' .. digestOf(other)) == 0 then redis.call('ZREM', index, other) end
end
return 'ok'
`;

/** More: expectedEpoch, latest version that this node knows, expectedRevision ('' for any), channel node server. */
export const UPDATE = `${WRITE}
local v = redis.call('HMGET', KEYS[1], 'epoch', 'dead', 'version', 'slot', 'ttl', 'rev', 'at')
if not v[1] then return 'missing' end
if v[2] then return 'conflict' end
if tonumber(v[3]) > tonumber(more(2)) then return 'newer' end
if v[1] ~= more(1) then return 'conflict' end
if more(3) ~= '' and v[6] ~= more(3) then return 'raced' end
local at, life = ARGV[5], v[5]
if tonumber(v[7]) > tonumber(at) then at = v[7] end
local left = redis.call('TTL', KEYS[1])
-- No use of it: its life is no longer for it.
if at == v[7] and left > 0 and left < tonumber(v[5]) then life = left end
write(at, v[5], life, v[4])
tell(more(4), more(5), more(6), digest, ARGV[2], ARGV[1])
return 'ok'
`;

/** More: ttl, latest version that this node knows, channel node server. Answers ['kept'|'written', hash as it was]. */
export const RECONCILE = `${WRITE}
local before = redis.call('HGETALL', KEYS[1])
local v = redis.call('HMGET', KEYS[1], 'epoch', 'dead', 'version', 'slot', 'upstream', 'u')
if not v[1] and isShut() then return { 'kept', { 'dead', '1', 'at', ARGV[5] } } end
if v[1] then
  local stored, mine = tonumber(v[1]), tonumber(ARGV[1])
  local isSame = stored == mine and v[4] == ARGV[2] and (v[5] or v[6]) == ARGV[3]
  if v[2] or tonumber(v[3]) > tonumber(more(2)) or stored > mine or (stored == mine and not isSame) then return { 'kept', before } end
end
write(ARGV[5], more(1), more(1), v[4])
tell(more(3), more(4), more(5), digest, ARGV[2], ARGV[1])
return { 'written', before }
`;

/** KEYS: sessions of one server. ARGV: at and digest for each. */
export const TOUCH = `${BASE}
local kept = {}
for i, key in ipairs(KEYS) do
  local at, digest = ARGV[2 * i - 1], ARGV[2 * i]
  local v = redis.call('HMGET', key, 'slot', 'dead', 'ttl', 'at', 'unbound', 'd', 'f')
  if v[1] and not v[2] then
    local root, ttl = rootOf(key, digest), v[3]
    redis.call('EXPIRE', key, ttl)
    if v[5] then redis.call('EXPIRE', root .. 'session:' .. v[5], ttl) end
    if v[6] then redis.call('EXPIRE', root .. 'door:' .. v[6], ttl) end
    if v[7] and kept[v[7]] ~= ttl then
      keepFor(root .. 'shared:' .. v[7], ttl)
      kept[v[7]] = ttl
    end
    local index = root .. 'slot:' .. v[1]
    keepFor(index, ttl)
    if tonumber(at) > tonumber(v[4]) then
      redis.call('HSET', key, 'at', at)
      redis.call('ZADD', index, at, memberOf(digest, v[7]))
    end
  end
end
return 'ok'
`;

/**
 * ARGV: ttl digest at channel node server isKnown ('1': also where there is no record). Answers the hash as it was. Without a record nothing is
 * written and nobody is told, so that made-up ids leave no trace.
 */
export const TOMBSTONE = `${BASE}
local digest, root = ARGV[2], rootOf(KEYS[1], ARGV[2])
local before = redis.call('HGETALL', KEYS[1])
if #before == 0 and ARGV[7] ~= '1' then return before end
local v = redis.call('HMGET', KEYS[1], 'epoch', 'slot', 'unbound', 'd', 'f')
if v[2] then leaveIndex(root .. 'slot:' .. v[2], digest) end
if v[3] then redis.call('EXPIRE', root .. 'session:' .. v[3], ARGV[1]) end
if v[4] then redis.call('EXPIRE', root .. 'door:' .. v[4], ARGV[1]) end
if v[5] then keepFor(root .. 'shared:' .. v[5], ARGV[1]) end
redis.call('HSET', KEYS[1], 'dead', '1', 'at', ARGV[3])
redis.call('HSETNX', KEYS[1], 'epoch', '0')
redis.call('HSETNX', KEYS[1], 'version', '1')
redis.call('EXPIRE', KEYS[1], ARGV[1])
tell(ARGV[4], ARGV[5], ARGV[6], digest, nil, v[1] or '0')
return before
`;

/** ARGV: digest channel node server. Answers 1 when there was a record. */
export const FORGET = `${BASE}
local v = redis.call('HMGET', KEYS[1], 'epoch', 'slot')
if not v[1] then return 0 end
redis.call('DEL', KEYS[1])
if v[2] then leaveIndex(rootOf(KEYS[1], ARGV[1]) .. 'slot:' .. v[2], ARGV[1]) end
tell(ARGV[2], ARGV[3], ARGV[4], ARGV[1], nil, v[1])
return 1
`;

/** KEYS[1] the lock; ARGV: token. Answers 1 when it was this token's. */
export const UNLOCK = `
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`;
