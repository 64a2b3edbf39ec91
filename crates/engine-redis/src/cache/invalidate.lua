-- Removes what keys of one place held before a position, leaves a fence for each, and counts the invalidation in the mark.
--
-- KEYS     the mark and the index of the place, then each public key with its companion
-- ARGV     sequence, process, invalidations that the mark must tell of, floor ('': as it was), the newest position among these,
--          generation, lifetime of a fence in ms, '1' where what is of another generation counts too, then a position for each
--          key
-- Answers  what the mark tells of now (-1: it is not the one that was left), how many entries went
local mark = redis.call('GET', KEYS[1]) or ''
local sequence, floor, before, newest, began, counts = string.match(mark, '^(%x+) (%S+) (%S+) (%S+) (%d+)(.*)$')
local count = sequence == ARGV[1] and tonumber(string.match(counts, ' ' .. ARGV[2] .. ':(%d+)'))
local intact = count and count >= tonumber(ARGV[3])
local removed = 0
for i = 3, #KEYS, 2 do
  local key, companion, position = KEYS[i], KEYS[i + 1], ARGV[8 + (i - 1) / 2]
  local text = redis.call('GET', companion) or ''
  local _, of, at = string.match(text, '^(%a) (%x+) (%S+)')
  if not (intact and at and (of == ARGV[6] or ARGV[8] == '1') and at >= position) then
    -- Also what somebody else wrote under the key: it is of the row as it was.
    if redis.call('DEL', key) == 1 or string.sub(text, -2) == ' -' then
      removed = removed + 1
    end
    redis.call('SET', companion, 'f ' .. ARGV[6] .. ' ' .. position, 'PX', ARGV[7])
    redis.call('ZREM', KEYS[2], key)
  end
end
if not intact then
  return {-1, removed}
end
-- Invalidations are told apart by windows of five seconds: `newest` is of all, `before` of those before this window, and `floor` of
-- all that may lie back for longer than a fence lasts.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local age = now - began
if age >= 5000 then
  local held = age >= 10000 and newest or before
  floor = held > floor and held or floor
  before = newest
  began = string.format('%.0f', now)
end
if ARGV[4] > floor then
  floor = ARGV[4]
end
if ARGV[5] > newest then
  newest = ARGV[5]
end
-- Who was last heard of longest ago is forgotten first, and begins anew.
local kept = {ARGV[2] .. ':' .. string.format('%.0f', count + 1)}
for other, its in string.gmatch(counts, ' (%x+):(%d+)') do
  if other ~= ARGV[2] and #kept < 32 then
    kept[#kept + 1] = other .. ':' .. its
  end
end
redis.call('SET', KEYS[1], table.concat({sequence, floor, before, newest, began, table.concat(kept, ' ')}, ' '))
return {count + 1, removed}
