-- Puts one text in the place of another if it is still there. KEYS: the session. ARGV: the one and the other. Its end stays.
local kept = redis.call('GET', KEYS[1])
if not kept then
    return 0
end
if kept ~= ARGV[1] then
    return 2
end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
