-- param person integer
-- single
SELECT id, name, active, tags, score, seen, mood FROM people WHERE id = :person
