-- Takes a session away, and says what it was. KEYS: the session.
local kept = redis.call('GET', KEYS[1])
redis.call('DEL', KEYS[1])
return kept
