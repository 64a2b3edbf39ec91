-- Counts in one window: a plain number under the key of the window, which any program may read.
-- Decides as brigade-core/src/limit/fixed.rs does, on the server's clock.
--
-- KEYS[1]  the key of the window that the caller takes to be now
-- ARGV     quota, cost, window in ms, number of that window, whether the key is for that window alone
-- Answers  admitted (-1: another window is now), time in ms, number of the window, what was counted in it
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local quota, cost, window = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local number = math.floor(now / window)
if number ~= tonumber(ARGV[4]) then
  return {-1, now, number, 0}
end
local count = tonumber(redis.call('GET', KEYS[1]) or '0')
if not count then
  return redis.error_reply('ERR the key holds no number')
end
-- A key for one window may outlive it; one for all windows must end with it. Its end is seen up to some milliseconds late:
-- whose end lies far from that of this window is of the one before.
local left = (number + 1) * window - now
local expiry = redis.call('PTTL', KEYS[1])
if ARGV[5] == '1' then
  left = window
elseif expiry >= 0 and expiry < left / 2 then
  count, expiry = 0, -2
end
local admitted = count + cost <= quota
if admitted and cost > 0 then
  count = count + cost
  if expiry >= 0 then
    redis.call('INCRBY', KEYS[1], ARGV[2])
  else
    -- Also where somebody else made the key: none is to stay for ever.
    redis.call('SET', KEYS[1], string.format('%.0f', count), 'PX', left)
  end
end
return {admitted and 1 or 0, now, number, count}
