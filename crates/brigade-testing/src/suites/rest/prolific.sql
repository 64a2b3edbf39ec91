-- Who has written how much.
-- param min_posts integer = 1
-- param land text = null
SELECT a.id, a.name, count(*) AS posts, max(p.rating) AS best
FROM people a JOIN posts p ON p.author = a.id
WHERE (:land IS NULL OR a.country = :land)
GROUP BY a.id, a.name
HAVING count(*) >= :min_posts
