-- Counts in sub-buckets: numbers with spaces between them, first that of the newest sub-bucket, then what was admitted in
-- each place of the ring. Decides as brigade-core/src/limit/sliding.rs does, on the server's clock.
--
-- KEYS[1]  the key
-- ARGV     quota, cost, sub-bucket in ms, sub-buckets that are counted
-- Answers  admitted, time in ms, number of the newest sub-bucket, the ring
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local quota, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local width, ring = tonumber(ARGV[3]), tonumber(ARGV[4])
local number = math.floor(now / width)
local kept = redis.call('GET', KEYS[1])
local counts, newest = {}, 0
if kept then
  for word in string.gmatch(kept, '%d+') do
    counts[#counts + 1] = tonumber(word)
  end
  newest = table.remove(counts, 1)
end
-- Of another shape, or none: as if nobody had asked.
if #counts ~= ring then
  counts, newest = {}, number
  for place = 1, ring do
    counts[place] = 0
  end
end
number = math.max(number, newest)
for pushed = math.max(newest + 1, number - ring + 1), number do
  counts[pushed % ring + 1] = 0
end
local sum = 0
for place = 1, ring do
  sum = sum + counts[place]
end
local admitted = sum + cost <= quota
if admitted and cost > 0 then
  local place = number % ring + 1
  counts[place] = counts[place] + cost
  local text = string.format('%.0f', number) .. ' ' .. table.concat(counts, ' ')
  redis.call('SET', KEYS[1], text, 'PX', (number + ring) * width - now)
end
return {admitted and 1 or 0, now, number, unpack(counts)}
