-- Removes one entry.
--
-- KEYS     the public key, its companion, the index of its place
-- ARGV     the companion that is to go ('': none is there; '*': any), lifetime of a fence in ms
-- Answers  whether there was an entry
local text = redis.call('GET', KEYS[2]) or ''
if ARGV[1] ~= '*' and text ~= ARGV[1] then
  return 0
end
local had = redis.call('DEL', KEYS[1]) == 1 or string.sub(text, -2) == ' -'
redis.call('ZREM', KEYS[3], KEYS[1])
local kind, of, at = string.match(text, '^(%a) (%x+) (%S+)')
if kind == 'e' then
  -- What is older than this one shall not come after it.
  redis.call('SET', KEYS[2], 'f ' .. of .. ' ' .. at, 'PX', ARGV[2])
end
return had and 1 or 0
