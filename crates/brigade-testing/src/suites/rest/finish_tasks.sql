-- Several statements are one transaction, and the last one's rows are the answer.
-- param above integer
-- write
UPDATE tasks SET state = 'done' WHERE rank > :above;
UPDATE tasks SET hits = hits + 1 WHERE state = 'done';
SELECT title, hits FROM tasks WHERE rank > :above
