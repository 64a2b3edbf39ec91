-- param task text
-- param rank integer
-- write
-- single
UPDATE tasks SET rank = :rank WHERE title = :task RETURNING title, rank, hits AS seen
