//! CREATE TABLE and CREATE INDEX, in every shape.

use super::{check, wrong};

#[test]
fn tables_with_every_kind_of_column_and_constraint() {
    check(
        "CREATE TABLE public.T (
            id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1 INCREMENT BY 1) PRIMARY KEY,
            n serial, \"Odd Name\" varchar(3) CONSTRAINT odd NOT NULL DEFAULT 'x' UNIQUE,
            price numeric(12,2) DEFAULT 0 CHECK (price >= 0), twice numeric(12,2) GENERATED ALWAYS AS (price * 2) STORED,
            tags text[] DEFAULT '{}', UNIQUE NULLS NOT DISTINCT (price, n), CHECK (price < n), CONSTRAINT c CHECK (n > 0)
        )",
        "t",
        &[
            "id bigint not null Always",
            "n integer not null Serial",
            "Odd Name varchar(3) not null default 'x'",
            "price numeric(12,2) default 0",
            "twice numeric(12,2) as price * 2",
            "tags text[] default '{}'",
            "primary t_pkey (id)",
            "unique t_Odd Name_key (Odd Name)",
            "unique t_price_n_key (price,n) nulls not distinct",
            "check t_price_check price >= 0",
            "check t_check price < n",
            "check c n > 0",
        ],
    );
}

#[test]
fn foreign_keys_with_actions_and_times() {
    check(
        "CREATE TABLE a (x int, y int, PRIMARY KEY (x, y), z text UNIQUE);
         CREATE TABLE b (x int, y int, z varchar(9) REFERENCES a (z) ON DELETE SET NULL ON UPDATE CASCADE,
            up int, id int PRIMARY KEY, FOREIGN KEY (x, y) REFERENCES a DEFERRABLE INITIALLY DEFERRED,
            FOREIGN KEY (up) REFERENCES b (id) ON DELETE RESTRICT DEFERRABLE)",
        "b",
        &[
            "x integer",
            "y integer",
            "z varchar(9)",
            "up integer",
            "id integer not null",
            "primary b_pkey (id)",
            "foreign b_z_fkey (z) a(z) SetNull Cascade No",
            "foreign b_x_y_fkey (x,y) a(x,y) NoAction NoAction InitiallyDeferred",
            "foreign b_up_fkey (up) b(id) Restrict NoAction InitiallyImmediate",
        ],
    );
}

#[test]
fn indexes_of_every_shape() {
    check(
        "CREATE TABLE t (a text, b int, c jsonb);
         CREATE INDEX ON t (a, b DESC NULLS LAST); CREATE INDEX ON t (lower(a)); CREATE INDEX ON t ((b + 1));
         CREATE UNIQUE INDEX u ON t USING btree (b) INCLUDE (a) WHERE a IS NOT NULL;
         CREATE INDEX g ON t USING gin (c jsonb_path_ops); CREATE INDEX IF NOT EXISTS g ON t (b);
         CREATE INDEX ON t (a, b); ALTER INDEX u RENAME TO v",
        "t",
        &[
            "a text",
            "b integer",
            "c jsonb",
            "index t_a_b_idx (a, b desc nulls last)",
            "index t_lower_idx ((lower(a)))",
            "index t_expr_idx (((b + 1)))",
            "unique index v (b) include (a) where a IS NOT NULL",
            "index g using gin (c jsonb_path_ops)",
            "index t_a_b_idx1 (a, b)",
        ],
    );
}

#[test]
fn mysqls_inline_index_is_taken_and_a_column_may_be_called_key() {
    check(
        "CREATE TABLE posts (
            INDEX idx_author_created (author_id, created_at DESC),
            id uuid PRIMARY KEY, author_id uuid NOT NULL, key TEXT NOT NULL, index varchar(3),
            KEY k USING hash (key), INDEX (index),
            created_at timestamp NOT NULL,
            INDEX \"last, one\" (id)
        )",
        "posts",
        &[
            "id uuid not null",
            "author_id uuid not null",
            "key text not null",
            "index varchar(3)",
            "created_at timestamp not null",
            "primary posts_pkey (id)",
            "index idx_author_created (author_id, created_at desc)",
            "index k using hash (key)",
            "index posts_index_idx (index)",
            "index last, one (id)",
        ],
    );
    let mistake = "CREATE TABLE t (a int,\n  INDEX i (b))";
    wrong(mistake, "42703", "0001_t.sql:2:12: column \"b\" of table \"t\" does not exist");
}
