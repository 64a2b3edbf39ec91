-- param since timestamptz
-- param feeling mood = 'happy'
SELECT id, seen, mood = :feeling AS feels FROM people WHERE seen >= :since ORDER BY id
