-- Plain PostgreSQL. It runs as it is on PostgreSQL and is translated for SQLite.
-- A migration that was applied is never edited: write 0002_what_changes.sql instead.

CREATE TABLE notes (
    id         uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    title      varchar(200) NOT NULL,
    body       text NOT NULL DEFAULT '',
    done       boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX notes_open ON notes (created_at DESC) WHERE NOT done;
