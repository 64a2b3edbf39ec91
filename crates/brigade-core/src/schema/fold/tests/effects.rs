//! What a statement means to the engine, and what brigade.toml lays over the tables.

use crate::schema::{Config, Effect, Model, fold};

use super::{model, script};

#[test]
fn effects_tell_the_engine_what_to_do() {
    let text = "CREATE EXTENSION IF NOT EXISTS citext; COMMENT ON TABLE t IS 'x'; GRANT SELECT ON t TO anon; SET statement_timeout = 0; SET search_path = public;
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
    let expected =
        [Nothing, Nothing, Nothing, Nothing, Nothing, Nothing, Schema, Rows, Rows, Rows, Rows, Nothing, Rows];
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
