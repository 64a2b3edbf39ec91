-- Counts debt: two numbers, the time of the last admission and what was missing from a full bucket then.
-- Decides as brigade-core/src/limit/token.rs does, on the server's clock.
--
-- KEYS[1]  the key
-- ARGV     quota, cost, window in ms, burst
-- Answers  admitted, time in ms, time that the debt is of, debt
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local quota, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local window, burst = tonumber(ARGV[3]), tonumber(ARGV[4])
local at, debt = now, 0
local kept = redis.call('GET', KEYS[1])
if kept then
  local last, owed = string.match(kept, '^(%d+) (%d+)$')
  if last then
    at = math.max(now, tonumber(last))
    debt = math.max(0, tonumber(owed) - (at - tonumber(last)) * quota)
  end
end
local after = debt + cost * window
local admitted = after <= burst * window
if admitted and cost > 0 then
  debt = after
  redis.call('SET', KEYS[1], string.format('%.0f %.0f', at, debt), 'PX', at - now + math.ceil(debt / quota))
end
return {admitted and 1 or 0, now, at, debt}
