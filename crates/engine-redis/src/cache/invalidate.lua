-- Removes what keys of one place held before a position, leaves a fence for each, and counts the invalidation in the mark.
--
-- KEYS     the mark and the index of the place, then each public key with its companion
-- ARGV     generation, invalidations that the mark must tell of, floor ('': as it was), lifetime of a fence in ms, then a
--          position for each key
-- Answers  what the mark tells of now (-1: it is not the one that was left), how many entries went
local generation, count, floor = string.match(redis.call('GET', KEYS[1]) or '', '^(%x+) (%d+) (%S+)$')
local intact = generation == ARGV[1] and tonumber(count) >= tonumber(ARGV[2])
local removed = 0
for i = 3, #KEYS, 2 do
  local key, companion, position = KEYS[i], KEYS[i + 1], ARGV[4 + (i - 1) / 2]
  local text = redis.call('GET', companion) or ''
  local _, of, at = string.match(text, '^(%a) (%x+) (%S+)')
  if not (intact and of == generation and at >= position) then
    -- Also what somebody else wrote under the key: it is of the row as it was.
    if redis.call('DEL', key) == 1 or string.sub(text, -2) == ' -' then
      removed = removed + 1
    end
    redis.call('SET', companion, 'f ' .. ARGV[1] .. ' ' .. position, 'PX', ARGV[4])
    redis.call('ZREM', KEYS[2], key)
  end
end
if not intact then
  return {-1, removed}
end
if ARGV[3] > floor then
  floor = ARGV[3]
end
redis.call('SET', KEYS[1], string.format('%s %.0f %s', generation, count + 1, floor))
return {count + 1, removed}
