-- param task text
-- write
DELETE FROM tasks WHERE title = :task
