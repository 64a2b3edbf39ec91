-- A session and how long it still lasts, in one step. KEYS: the session.
return {redis.call('GET', KEYS[1]), redis.call('PTTL', KEYS[1])}
