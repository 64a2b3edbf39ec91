-- Stores an entry, unless its key was invalidated past it or a newer entry is there.
--
-- KEYS     the public key, its companion, the mark and the index of its place
-- ARGV     value, '1' (or '0': there is nothing), lifetime in ms, companion, the server's time in ms after which this is too
--          late, invalidations that the mark must tell of, lifetime of the companion in ms, sequence, process, '1' where
--          what processes left that made entries of something else counts too
-- Answers  1 stored, 0 refused, -1 the mark is not the one that was left, -2 too late; then the time in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- A server that stood still runs what lies in its buffers, long after anybody waits for it and after fences have expired.
if now > tonumber(ARGV[5]) then
  return {-2, now}
end
local mark = redis.call('GET', KEYS[3]) or ''
local sequence, floor, before, newest, began = string.match(mark, '^(%x+) (%S+) (%S+) (%S+) (%d+)')
local count = tonumber(string.match(mark, ' ' .. ARGV[9] .. ':(%d+)'))
if sequence ~= ARGV[8] or not count or count < tonumber(ARGV[6]) then
  return {-1, now}
end
-- Another process may be so far behind that the fences of what it has not heard of have expired.
local held = (now - began >= 10000 and newest) or (now - began >= 5000 and before) or floor
if held > floor then
  floor = held
end
local _, own, position = string.match(ARGV[4], '^(%a) (%x+) (%S+)')
local _, of, at = string.match(redis.call('GET', KEYS[2]) or '', '^(%a) (%x+) (%S+)')
if position < floor or (at and (of == own or ARGV[10] == '1') and at > position) then
  return {0, now}
end
if ARGV[2] == '1' then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
else
  redis.call('DEL', KEYS[1])
end
-- The companion outlives the value as a fence: it may have taken the place of one.
redis.call('SET', KEYS[2], ARGV[4], 'PX', ARGV[7])
redis.call('ZADD', KEYS[4], 0, KEYS[1])
return {1, now}
