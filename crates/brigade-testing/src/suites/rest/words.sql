CREATE TABLE writers (
    id   integer PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE notes (
    id     integer PRIMARY KEY,
    writer integer REFERENCES writers (id),
    body   text,
    title  varchar(80),
    data   jsonb,
    rank   integer,
    tags   text[]
);

CREATE INDEX notes_words ON notes USING gin (to_tsvector('english', body));

INSERT INTO writers (id, name) VALUES (1, 'Ada Lovelace'), (2, 'Bob the Builder'), (3, 'Nobody');

INSERT INTO notes (id, writer, body, title, data, rank, tags) VALUES
    (1, 1, 'The fat cats sat on the mat', 'Cats', '{"text": "A dog barks", "deep": ["loudly", {"cats": "at night"}], "n": 5}', 1, '{a}'),
    (2, 1, 'A cat is fat, and a fat rat ran', 'Rats', NULL, 2, '{}'),
    (3, 2, 'State-of-the-art e-mail for well-known people', 'E-mail', '["dogs", "and cats"]', 3, NULL),
    (4, 2, NULL, NULL, '"Ünïcode naïve-café"', 4, NULL),
    (5, 2, 'Mail me@example.com; see example.com/a, covid-19 and 3.14', 'Contact', '{}', 5, NULL),
    (6, NULL, 'Die größten Hunde laufen, the dogs ran', 'Hunde', NULL, 6, NULL),
    (7, NULL, '', '', NULL, NULL, NULL);
