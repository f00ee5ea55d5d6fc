/**
 * Writes one decision about a breaker and tells everybody, unless somebody decided later than the writer knew. Answers
 * with what stands then. KEYS: the server's hash. ARGV: server, field, the generation the writer knew, its decision as
 * JSON (generation 0), the channel, now (ms). Beyond 256 fields it forgets closed breakers after an hour and the others
 * after a day. They are of past incarnations and of tools that are gone.
 */
export const BREAKER_DECIDE_LUA = `
local stored = redis.call('HGET', KEYS[1], ARGV[2])
local generation = 0
if stored then
  local ok, known = pcall(cjson.decode, stored)
  if ok and type(known) == 'table' and tonumber(known.generation) then
    generation = tonumber(known.generation)
    if generation > tonumber(ARGV[3]) then return stored end
  end
end
local decision = cjson.decode(ARGV[4])
decision.generation = math.max(generation, tonumber(ARGV[3])) + 1
local text = cjson.encode(decision)
redis.call('HSET', KEYS[1], ARGV[2], text)
if redis.call('HLEN', KEYS[1]) > 256 then
  local all = redis.call('HGETALL', KEYS[1])
  for i = 1, #all, 2 do
    local ok, old = pcall(cjson.decode, all[i + 1])
    if ok and type(old) == 'table' and tonumber(old.sinceMs) and all[i] ~= ARGV[2] then
      local age = tonumber(ARGV[6]) - old.sinceMs
      if age > 86400000 or (old.state == 'closed' and age > 3600000) then redis.call('HDEL', KEYS[1], all[i]) end
    end
  end
end
redis.call('PUBLISH', ARGV[5], cjson.encode({server = ARGV[1], field = ARGV[2], value = text}))
return text
`;
