CREATE TYPE mood AS ENUM ('sad', 'fine', 'happy');

CREATE TABLE countries (
    code text PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE people (
    id          integer PRIMARY KEY,
    name        text NOT NULL,
    age         integer,
    mood        mood,
    country     text REFERENCES countries (code),
    boss        integer REFERENCES people (id),
    data        jsonb,
    tags        text[],
    born        date,
    seen        timestamptz,
    score       numeric(6, 2),
    height      double precision,
    active      boolean,
    token       uuid,
    photo       bytea,
    "Full Name" text
);

CREATE TABLE profiles (
    person integer PRIMARY KEY REFERENCES people (id),
    bio    text
);

CREATE TABLE posts (
    id     integer PRIMARY KEY,
    author integer NOT NULL REFERENCES people (id),
    editor integer REFERENCES people (id),
    title  text NOT NULL,
    rating numeric
);

CREATE TABLE labels (
    id   integer PRIMARY KEY,
    name text NOT NULL
);

CREATE TABLE post_labels (
    post  integer NOT NULL REFERENCES posts (id),
    label integer NOT NULL REFERENCES labels (id),
    PRIMARY KEY (post, label)
);

CREATE VIEW adults AS
    SELECT p.id, p.name AS called, p.country, p.age >= 40 AS is_older, p.age * 2 AS twice, upper(p.name) AS loud
    FROM people p WHERE p.age IS NOT NULL;

CREATE VIEW posts_by_author AS
    SELECT a.id AS author, count(*) AS posts, max(p.rating) AS best
    FROM people a JOIN posts p ON p.author = a.id GROUP BY a.id;

INSERT INTO countries (code, name) VALUES ('de', 'Germany'), ('fr', 'France'), ('jp', 'Japan');

INSERT INTO people
    (id, name, age, mood, country, boss, data, tags, born, seen, score, height, active, token, photo, "Full Name")
VALUES
    (1, 'Ada', 36, 'happy', 'de', NULL, '{"k": {"n": [10, 20]}, "s": "x", "t": 5}', '{a,b}', '1990-05-17',
     '2026-01-02 03:04:05.5+00', 12.50, 1.75, true, '6f9619ff-8b86-d011-b42d-00cf4fc964ff', '\x00ff', 'Ada, L.'),
    (2, 'Bob', 41, 'sad', 'fr', 1, '{"s": "y"}', '{b,"c d"}', '1985-01-01', '2026-01-02 03:04:05+00', 9.00, 1.8, false,
     NULL, NULL, NULL),
    (3, 'ada', NULL, 'fine', NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'x "y"'),
    (4, 'Émile (50%)', 36, NULL, 'fr', 2, '[1, {"a": null}]', '{}', '2001-12-31', '2025-12-31 23:59:59.123456+00', 100.25,
     0.1, true, NULL, NULL, 'E_M');

INSERT INTO profiles (person, bio) VALUES (1, 'first'), (2, NULL);

INSERT INTO posts (id, author, editor, title, rating) VALUES
    (10, 1, 2, 'Hello', 4.5), (11, 1, NULL, 'Again', 10), (12, 2, 1, 'World', 9.25), (13, 4, NULL, 'Last', NULL);

INSERT INTO labels (id, name) VALUES (1, 'news'), (2, 'fun'), (3, 'unused');

INSERT INTO post_labels (post, label) VALUES (10, 1), (10, 2), (12, 2);
