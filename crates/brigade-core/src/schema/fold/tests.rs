//! Folding, by cases: what the model is after a script, and which error a mistake is, place included.

use crate::schema::{Config, Effect, IndexOn, Migration, MigrationFile, Model, Script, Table, fold, migrations};

fn script(text: &str) -> Result<Script, crate::data::Error> {
    let file = MigrationFile { name: "0001_t.sql".to_string(), text: text.to_string() };
    Ok(migrations(vec![file])?.remove(0).common.expect("a script for all engines"))
}

#[track_caller]
fn model(text: &str) -> Model {
    try_model(text).unwrap_or_else(|e| panic!("{e}\n{}", e.get_details().unwrap_or_default()))
}

fn try_model(text: &str) -> Result<Model, crate::data::Error> {
    let script = script(text)?;
    let mut model = Model::default();
    for statement in &script.statements {
        model = fold(&model, &script, statement)?.0;
    }
    Ok(model)
}

/// A table in one line each for its columns, keys and indexes: what the tests compare.
fn shown(table: &Table) -> String {
    let names =
        |columns: &[usize]| columns.iter().map(|&i| table.columns[i].name.as_str()).collect::<Vec<_>>().join(",");
    let mut lines = Vec::new();
    for c in &table.columns {
        let mut line = format!("{} {}", c.name, c.ty);
        line += if c.nullable { "" } else { " not null" };
        line += &c.default.as_ref().map_or(String::new(), |d| format!(" default {}", d.sql));
        line += &c.generated.as_ref().map_or(String::new(), |g| format!(" as {}", g.sql));
        line += &c.identity.map_or(String::new(), |i| format!(" {i:?}"));
        lines.push(line);
    }
    if let Some(k) = &table.primary_key {
        lines.push(format!("primary {} ({})", k.name, names(&k.columns)));
    }
    for k in &table.uniques {
        let nulls = if k.nulls_not_distinct { " nulls not distinct" } else { "" };
        lines.push(format!("unique {} ({}){nulls}", k.name, names(&k.columns)));
    }
    for f in &table.foreign_keys {
        let to = f.references.join(",");
        lines.push(format!(
            "foreign {} ({}) {}({to}) {:?} {:?} {:?}",
            f.name,
            names(&f.columns),
            f.table,
            f.on_delete,
            f.on_update,
            f.deferrable
        ));
    }
    for c in &table.checks {
        lines.push(format!("check {} {}", c.name, c.expression.sql));
    }
    for i in &table.indexes {
        let part = |p: &crate::schema::IndexPart| {
            let of = match &p.of {
                IndexOn::Column(name) => name.clone(),
                IndexOn::Expression(e) => format!("({})", e.sql),
            };
            let class = p.operator_class.as_ref().map_or(String::new(), |c| format!(" {c}"));
            let down = if p.descending { " desc" } else { "" };
            let nulls = p.nulls_first.map_or("", |first| if first { " nulls first" } else { " nulls last" });
            format!("{of}{class}{down}{nulls}")
        };
        let mut line = format!("{}index {} ", if i.unique { "unique " } else { "" }, i.name);
        line += &i.method.as_ref().map_or(String::new(), |m| format!("using {m} "));
        line += &format!("({})", i.parts.iter().map(part).collect::<Vec<_>>().join(", "));
        line += &if i.include.is_empty() { String::new() } else { format!(" include ({})", i.include.join(",")) };
        line += &i.predicate.as_ref().map_or(String::new(), |p| format!(" where {}", p.sql));
        lines.push(line);
    }
    lines.join("\n")
}

#[track_caller]
fn check(text: &str, table: &str, expected: &[&str]) {
    let model = model(text);
    let table = model.tables.get(table).unwrap_or_else(|| panic!("no table {table}"));
    assert_eq!(shown(table), expected.join("\n"));
}

/// A mistake: its code and the whole message; every error shows its line with a caret and says how to mend it.
#[track_caller]
fn wrong(text: &str, code: &str, message: &str) {
    let error = try_model(text).expect_err(text);
    assert_eq!((error.code(), error.message()), (code, message));
    assert!(error.get_details().is_some_and(|d| d.contains('^')), "no caret: {text}");
    assert!(error.get_hint().is_some(), "no hint: {text}");
}

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

#[test]
fn altering_a_table() {
    check(
        "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE t (a int, b int CHECK (b > 0), c text, UNIQUE (a, c));
         ALTER TABLE t ADD COLUMN d int NOT NULL DEFAULT 1 REFERENCES p, ADD COLUMN IF NOT EXISTS a int, DROP COLUMN b;
         ALTER TABLE t ADD PRIMARY KEY (a), ALTER c TYPE varchar(5) USING c::varchar(5), ALTER COLUMN c SET NOT NULL;
         ALTER TABLE t ADD CONSTRAINT positive CHECK (a > 0); ALTER TABLE t RENAME COLUMN a TO z;
         ALTER TABLE t RENAME CONSTRAINT t_a_c_key TO u; ALTER TABLE t ALTER d DROP DEFAULT;
         CREATE INDEX i ON t (z) WHERE z > 1; ALTER TABLE t RENAME TO r; ALTER TABLE IF EXISTS t ADD COLUMN x int;
         ALTER TABLE r DROP CONSTRAINT IF EXISTS nothing; ALTER TABLE p RENAME COLUMN id TO pid;
         CREATE TABLE dropped (a int); DROP TABLE dropped; DROP TABLE IF EXISTS dropped",
        "r",
        &[
            "z integer not null",
            "c varchar(5) not null",
            "d integer not null",
            "primary t_pkey (z)",
            "unique u (z,c)",
            "foreign t_d_fkey (d) p(pid) NoAction NoAction No",
            "check positive z > 0",
            "index i (z) where z > 1",
        ],
    );
}

#[test]
fn dropping_a_column_takes_its_keys_indexes_and_checks() {
    check(
        "CREATE TABLE t (a int PRIMARY KEY, b int, c int, UNIQUE (b, c), CHECK (b < c), CHECK (c > 0));
         CREATE INDEX i ON t (c); CREATE INDEX j ON t (a) WHERE b > 0; CREATE UNIQUE INDEX k ON t ((b + 1));
         CREATE TABLE u (b int REFERENCES t (a)); ALTER TABLE t DROP COLUMN b",
        "t",
        &["a integer not null", "c integer", "primary t_pkey (a)", "check t_c_check c > 0", "index i (c)"],
    );
    let pointed =
        "CREATE TABLE t (a int PRIMARY KEY, b int); CREATE TABLE u (a int REFERENCES t);\nALTER TABLE t DROP a";
    wrong(pointed, "2BP01", "0001_t.sql:2:20: foreign key \"u_a_fkey\" of table \"u\" points at \"t\"");
    check(&format!("{pointed} CASCADE"), "u", &["a integer"]);
    let generated = "CREATE TABLE t (a int, b int, g int GENERATED ALWAYS AS (a + 1) STORED);\nALTER TABLE t DROP a";
    wrong(generated, "2BP01", "0001_t.sql:2:20: generated column \"g\" rests on \"a\"");
    check(&format!("{generated} CASCADE"), "t", &["b integer"]);
}

#[test]
fn enums_grow_and_their_labels_are_renamed() {
    let made = "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE t (m mood NOT NULL DEFAULT 'ok', l mood[]);";
    let grown = format!(
        "{made} ALTER TYPE mood ADD VALUE 'happy'; ALTER TYPE mood ADD VALUE 'so' BEFORE 'ok';
         ALTER TYPE mood ADD VALUE IF NOT EXISTS 'so'; ALTER TYPE mood ADD VALUE 'best' AFTER 'happy';
         ALTER TYPE mood RENAME VALUE 'ok' TO 'fine'; ALTER TYPE mood RENAME TO feeling;"
    );
    check(&grown, "t", &["m feeling not null default 'fine'", "l feeling[]"]);
    assert_eq!(model(&grown).enums["feeling"].labels, ["sad", "so", "fine", "happy", "best"]);
    for (text, code, message) in [
        ("ALTER TYPE mod ADD VALUE 'x'", "42704", "2:12: type \"mod\" does not exist"),
        ("ALTER TYPE mood ADD VALUE 'ok'", "42710", "2:27: enum mood already has the label \"ok\""),
        ("ALTER TYPE mood ADD VALUE 'x' AFTER 'y'", "22023", "2:37: \"y\" is no label of enum mood"),
        (
            "ALTER TABLE t ALTER m SET DEFAULT 'sda'",
            "22P02",
            "2:21: the default of column \"m\": \"sda\" is no label of enum mood",
        ),
        ("DROP TYPE mood", "2BP01", "2:11: column \"m\" of table \"t\" is of type mood"),
        ("CREATE TABLE x (m mooood)", "42704", "2:19: column \"m\": type \"mooood\" does not exist"),
        ("CREATE TYPE mood AS ENUM ('a')", "42710", "2:13: type \"mood\" already exists"),
        ("CREATE TYPE m AS ENUM ('a', 'a')", "42710", "2:29: enum m already has the label \"a\""),
    ] {
        wrong(&format!("{made}\n{text}"), code, &format!("0001_t.sql:{message}"));
    }
}

#[test]
fn views_rest_on_tables_and_views() {
    let made = "CREATE TABLE t (a int, b int, c int); CREATE VIEW v (x) AS SELECT a FROM t;
        CREATE VIEW w AS WITH q AS (SELECT x FROM v) SELECT q.x, count(*) FROM q, generate_series(1, 2) GROUP BY 1;\n";
    let m = model(made);
    assert_eq!((m.views["v"].order, m.views["w"].order), (0, 1));
    assert_eq!(
        (m.views["v"].sql.as_str(), m.views["v"].columns.as_slice()),
        ("SELECT a FROM t", &["x".to_string()][..])
    );
    assert_eq!(model(&format!("{made} DROP VIEW v CASCADE")).views.len(), 0);
    assert_eq!(model(&format!("{made} DROP TABLE t CASCADE")).views.len(), 0);
    assert_eq!(model(&format!("{made} ALTER TABLE t DROP b")).views.len(), 2);
    let replaced = model(&format!("{made} CREATE OR REPLACE VIEW v AS SELECT b AS x FROM t"));
    assert_eq!((replaced.views["v"].order, replaced.views["v"].sql.as_str()), (0, "SELECT b AS x FROM t"));
    for (text, code, message) in [
        ("CREATE VIEW z AS SELECT * FROM tt", "42P01", "3:32: table or view \"tt\" does not exist"),
        ("CREATE OR REPLACE VIEW v AS SELECT x FROM w", "0A000", "3:43: view \"v\" reads view \"w\", which is newer"),
        ("CREATE VIEW v AS SELECT 1", "42P07", "3:13: view \"v\" already exists"),
        ("DROP VIEW v", "2BP01", "3:11: view \"w\" rests on \"v\""),
        ("DROP TABLE t", "2BP01", "3:12: view \"v\" rests on \"t\""),
        ("ALTER TABLE t RENAME a TO z", "2BP01", "3:22: view \"v\" rests on \"a\""),
        ("CREATE MATERIALIZED VIEW z AS SELECT 1", "0A000", "3:1: a materialized view cannot be kept on every engine"),
        ("INSERT INTO t VALUES (1", "42601", "3:25: syntax error: expected ), found the end of the statement"),
    ] {
        wrong(&format!("{made}{text}"), code, &format!("0001_t.sql:{message}"));
    }
}

#[test]
fn every_mistake_has_its_code_place_and_mend() {
    let made = "CREATE TABLE t (id int PRIMARY KEY, a text, b int);\n";
    for (text, code, message) in [
        (
            "CREATE TABLE u (a int,, b int)",
            "42601",
            "2:23: syntax error: expected column name or constraint definition, found ,",
        ),
        ("CRAETE TABLE u (a int)", "42601", "2:1: syntax error: expected an SQL statement, found CRAETE"),
        ("CREATE TABLE t (a int)", "42P07", "2:14: table \"t\" already exists"),
        ("CREATE TABLE u (a int, A int)", "42701", "2:24: column \"a\" of table \"u\" already exists"),
        ("CREATE TABLE u (a itn)", "42704", "2:19: column \"a\": type \"itn\" does not exist"),
        ("CREATE TABLE u (\n  a BLOB)", "42704", "3:5: column \"a\": type \"blob\" does not exist"),
        (
            "CREATE TABLE u (a timestamp(3))",
            "0A000",
            "2:19: column \"a\": timestamp with fewer than six digits of a second is not kept on every engine",
        ),
        ("CREATE TABLE u (a int REFERENCES tt)", "42P01", "2:34: table \"tt\" does not exist"),
        ("CREATE TABLE u (a int REFERENCES t (x))", "42703", "2:37: column \"x\" of table \"t\" does not exist"),
        ("CREATE TABLE u (a int REFERENCES t (b))", "42830", "2:37: table \"t\" has no unique key on (b)"),
        (
            "CREATE TABLE u (a text REFERENCES t)",
            "42804",
            "2:17: column \"a\" is text and points at \"t.id\", which is integer",
        ),
        (
            "CREATE TABLE u (a int, FOREIGN KEY (z) REFERENCES t)",
            "42703",
            "2:37: column \"z\" of table \"u\" does not exist",
        ),
        ("CREATE TABLE u (a int PRIMARY KEY, b int PRIMARY KEY)", "42P16", "2:14: table \"u\" has two primary keys"),
        ("CREATE TABLE u (a int, UNIQUE (b))", "42703", "2:32: column \"b\" of table \"u\" does not exist"),
        ("CREATE TABLE u (a int CHECK (aa > 0))", "42703", "2:30: column \"aa\" of table \"u\" does not exist"),
        (
            "CREATE TABLE u (a text DEFAULT active)",
            "0A000",
            "2:32: the default of column \"a\" names a column, \"active\"",
        ),
        (
            "CREATE TABLE u (a text GENERATED ALWAYS AS IDENTITY)",
            "22023",
            "2:17: identity column \"a\" is of type text",
        ),
        (
            "CREATE TABLE u (a int GENERATED ALWAYS AS IDENTITY (START WITH 10 INCREMENT BY 2))",
            "0A000",
            "2:53: an identity column counts from 1 by 1: other options are not kept on every engine",
        ),
        ("CREATE TABLE app.u (a int)", "3F000", "2:14: schema \"app\": only public is known"),
        ("CREATE UNLOGGED TABLE u (a int)", "0A000", "2:23: an UNLOGGED table is not kept on every engine"),
        ("CREATE TABLE sqlite_u (a int)", "42939", "2:14: \"sqlite_u\": names that begin with sqlite_ are reserved"),
        ("CREATE INDEX i ON t (c)", "42703", "2:22: column \"c\" of table \"t\" does not exist"),
        ("CREATE INDEX t_pkey ON t (a)", "42P07", "2:14: \"t_pkey\" already exists, of table \"t\""),
        ("CREATE INDEX i ON tt (a)", "42P01", "2:19: table \"tt\" does not exist"),
        (
            "CREATE INDEX CONCURRENTLY i ON t (a)",
            "25001",
            "2:14: CONCURRENTLY cannot run inside the transaction that a migration is",
        ),
        ("DROP INDEX t_pkey", "2BP01", "2:12: index \"t_pkey\" belongs to a constraint of table \"t\""),
        ("DROP INDEX nothing", "42704", "2:12: index \"nothing\" does not exist"),
        ("DROP TABLE u", "42P01", "2:12: table \"u\" does not exist"),
        ("ALTER TABLE u ADD a int", "42P01", "2:13: table \"u\" does not exist"),
        ("ALTER TABLE t ADD a int", "42701", "2:19: column \"a\" of table \"t\" already exists"),
        ("ALTER TABLE t DROP c", "42703", "2:20: column \"c\" of table \"t\" does not exist"),
        ("ALTER TABLE t RENAME a TO b", "42701", "2:27: column \"b\" of table \"t\" already exists"),
        ("ALTER TABLE t DROP CONSTRAINT c", "42704", "2:31: constraint \"c\" of table \"t\" does not exist"),
        (
            "ALTER TABLE t ALTER a TYPE int USING length(a)",
            "0A000",
            "2:21: column \"a\": USING with more than a cast of the column itself",
        ),
        (
            "ALTER TABLE t ALTER id DROP NOT NULL",
            "42P16",
            "2:21: column \"id\" is part of the primary key or an identity",
        ),
        (
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
            "0A000",
            "2:1: ALTER TABLE … ENABLE ROW LEVEL SECURITY cannot be kept on every engine",
        ),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$",
            "0A000",
            "2:1: CREATE FUNCTION cannot be kept on every engine",
        ),
        ("DO $$ BEGIN END $$", "0A000", "2:1: DO cannot be kept on every engine"),
        ("CREATE POLICY p ON t USING (true)", "0A000", "2:1: CREATE POLICY cannot be kept on every engine"),
        ("CREATE SEQUENCE s", "0A000", "2:1: CREATE SEQUENCE cannot be kept on every engine"),
        ("BEGIN", "25001", "2:1: BEGIN in a migration"),
        ("  COMMIT", "25001", "2:3: COMMIT in a migration"),
        ("SAVEPOINT a", "25001", "2:1: SAVEPOINT in a migration"),
        ("VACUUM t", "25001", "2:1: VACUUM in a migration"),
    ] {
        wrong(&format!("{made}{text}"), code, &format!("0001_t.sql:{message}"));
    }
}

#[test]
fn effects_tell_the_engine_what_to_do() {
    let text = "CREATE EXTENSION IF NOT EXISTS citext; COMMENT ON TABLE t IS 'x'; GRANT SELECT ON t TO anon; SET statement_timeout = 0;
        ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO anon; CREATE TABLE t (a int); INSERT INTO t VALUES (1);
        UPDATE t SET a = 2; DELETE FROM t; SELECT 1; ALTER TABLE t OWNER TO me; TRUNCATE t";
    let script = script(text).unwrap();
    let mut model = Model::default();
    let mut effects = Vec::new();
    for statement in &script.statements {
        let (next, effect) = fold(&model, &script, statement).unwrap_or_else(|e| panic!("{e}"));
        (model, effects) = (next, [effects, vec![effect]].concat());
    }
    use Effect::{Nothing, Rows, Schema};
    let expected = [Nothing, Nothing, Nothing, Nothing, Nothing, Schema, Rows, Rows, Rows, Rows, Nothing, Rows];
    assert_eq!(effects, expected);
}

#[test]
fn settings_are_laid_over_the_model() {
    let m = model("CREATE TABLE links (id int PRIMARY KEY, updated_at timestamptz, n int)");
    let config = |text: &str| Config::parse(text, "p", &|_| None).unwrap();
    let laid = m.with_settings(&config("[tables.links]\ntouch = \"updated_at\"")).unwrap();
    assert_eq!(laid.tables["links"].settings.touch.as_deref(), Some("updated_at"));
    assert_eq!(laid.with_settings(&config("")).unwrap(), m);
    for (text, message, hint) in [
        (
            "[tables.linsk]\ntouch = \"n\"",
            "brigade.toml:1:9: [tables.linsk]: there is no table \"linsk\"",
            "did you mean \"links\"?",
        ),
        (
            "[tables.links]\ntouch = \"updatedat\"",
            "brigade.toml:2:1: touch: table \"links\" has no column \"updatedat\"",
            "did you mean \"updated_at\"?",
        ),
        (
            "[tables.links]\ntouch = \"n\"",
            "brigade.toml:2:1: touch: column \"n\" of table \"links\" is integer",
            "it must be a timestamptz or timestamp that is not generated",
        ),
        ("[copy.b]\ntables = [\"x\"]", "brigade.toml:1:7: [copy.b]: there is no table \"x\"", "known: links"),
    ] {
        let error = m.with_settings(&config(text)).unwrap_err();
        assert_eq!((error.message(), error.get_hint()), (message, Some(hint)));
    }
}

#[test]
fn the_applications_schemas_fold() {
    let apps = concat!(env!("CARGO_MANIFEST_DIR"), "/../../apps");
    let mut seen = 0;
    for app in std::fs::read_dir(apps).into_iter().flatten() {
        let folder = app.unwrap().path().join("migrations");
        let Ok(files) = std::fs::read_dir(&folder) else { continue };
        let read = |file: std::io::Result<std::fs::DirEntry>| {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            MigrationFile::from_bytes(&name, std::fs::read(&path).unwrap()).unwrap()
        };
        let migrations: Vec<Migration> =
            migrations(files.map(read).collect()).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
        let fold = |m: Model, migration: &Migration| {
            m.apply(migration).unwrap_or_else(|e| panic!("{folder:?}: {e}\n{}", e.get_details().unwrap_or_default()))
        };
        let model = migrations.iter().fold(Model::default(), fold);
        assert!(!model.tables.is_empty(), "{folder:?}");
        assert_eq!(model.version as usize, migrations.len());
        seen += 1;
    }
    assert!(seen >= 4, "{apps}");
}
