-- param title text
-- param rank integer = null
-- write
INSERT INTO tasks (title, rank) VALUES (:title, :rank) RETURNING title, rank, state
