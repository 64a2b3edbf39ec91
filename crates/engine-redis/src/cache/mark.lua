-- Enters a process into the mark of a place, with no invalidations yet.
--
-- KEYS     the mark
-- ARGV     sequence, process, floor
local mark = redis.call('GET', KEYS[1]) or ''
local sequence, floor, rest, counts = string.match(mark, '^(%x+) (%S+) (%S+ %S+ %d+)(.*)$')
if sequence ~= ARGV[1] then
  local time = redis.call('TIME')
  local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
  floor = ARGV[3]
  rest = floor .. ' ' .. floor .. ' ' .. now
  counts = ''
elseif ARGV[3] > floor then
  floor = ARGV[3]
end
local kept = {ARGV[2] .. ':0'}
for other, its in string.gmatch(counts, ' (%x+):(%d+)') do
  if other ~= ARGV[2] and #kept < 32 then
    kept[#kept + 1] = other .. ':' .. its
  end
end
redis.call('SET', KEYS[1], table.concat({ARGV[1], floor, rest, table.concat(kept, ' ')}, ' '))
return 1
