//! What a query's file may say, and how a mistake in it is named.

use super::*;

fn read(text: &str) -> Result<NamedQuery> {
    let file = MigrationFile { name: "q.sql".to_owned(), text: text.to_owned() };
    Ok(named_queries(vec![file], &Model::default(), Dialect::Sqlite)?.remove("q").expect("the query"))
}

#[test]
fn a_query_says_what_it_takes_and_where_it_goes() {
    let query = read(
        "-- What is done.\n-- param min_rows integer = 1\n-- param since timestamptz\n-- param word text = 'it''s'\n\
         -- role editor, admin\n-- single\nSELECT ':since', a::text FROM t WHERE a >= :since AND b > :min_rows\n",
    )
    .unwrap();
    let names: Vec<&str> = query.params.iter().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["min_rows", "since", "word"]);
    assert_eq!(query.params[0].default, Some(Value::Int(1)));
    assert_eq!(query.params[1].default, None);
    assert_eq!(query.params[2].default, Some(Value::Text("it's".to_owned())));
    assert!(query.single && !query.writes);
    assert_eq!(query.roles, ["editor", "admin"]);
    let text = |text: &str| Piece::Text(text.to_owned());
    assert_eq!(
        query.statements[0].pieces,
        [
            text("SELECT ':since', a::text FROM t WHERE a >= "),
            Piece::Value(1),
            text(" AND b > "),
            Piece::Value(0),
            text("")
        ]
    );
}

#[test]
fn a_mistake_is_named_with_its_place() {
    for (text, begins) in [
        ("", "queries/q.sql:1:1: there is no statement"),
        ("-- param x\nSELECT 1", "queries/q.sql:1:1: write: -- param"),
        ("-- param X integer\nSELECT 1", "queries/q.sql:1:1: \"X\" is no name"),
        ("-- param x nothing\nSELECT 1", "queries/q.sql:1:1: there is no type"),
        ("-- param x integer = y\nSELECT 1", "queries/q.sql:1:1: "),
        ("-- param x integer\n-- param x text\nSELECT 1", "queries/q.sql:2:1: the parameter \"x\" is there twice"),
        ("-- parm x integer\nSELECT 1", "queries/q.sql:1:1: \"parm\" is no word"),
        ("-- tables nowhere\nSELECT 1", "queries/q.sql:1:1: there is no table"),
        ("-- param y integer\nSELECT\n  :x", "queries/q.sql:3:3: there is no parameter \"x\""),
        ("SELECT 1; SELECT 2", "queries/q.sql:1:11: a query that only reads is one statement"),
        ("UPDATE t SET a = 1", "queries/q.sql:1:1: it changes rows"),
        ("WITH w AS (DELETE FROM t RETURNING a) SELECT a FROM w", "queries/q.sql:1:1: it changes rows"),
        ("-- write\nDROP TABLE t", "queries/q.sql:2:1: a query is made of"),
        ("SELECT id FROM t WHERE", "queries/q.sql:1:"),
    ] {
        let error = read(text).expect_err(text);
        assert!(error.message().starts_with(begins), "{text}: {}", error.message());
    }
}

#[test]
fn a_query_that_writes_may_have_several_statements() {
    let query =
        read("-- write\n-- param x integer\nUPDATE t SET a = :x; DELETE FROM t WHERE a = :x RETURNING a").unwrap();
    let places = query.statements.iter().map(|s| s.pieces.contains(&Piece::Value(0))).collect::<Vec<_>>();
    assert!(query.writes && places == [true, true]);
}

#[test]
fn an_engines_own_text_stands_above_the_common_one() {
    let file = |name: &str, text: &str| MigrationFile { name: name.to_owned(), text: text.to_owned() };
    let files = vec![file("q.sql", "SELECT 1"), file("q.postgres.sql", "SELECT 2"), file("r.sqlite.sql", "SELECT 3")];
    let model = Model::default();
    let of = |dialect| named_queries(files.clone(), &model, dialect).unwrap();
    let texts = |dialect| of(dialect).into_values().map(|q| (q.name, q.text, q.is_own)).collect::<Vec<_>>();
    let expected = |name: &str, text: &str, own| (name.to_owned(), text.to_owned(), own);
    assert_eq!(texts(Dialect::Postgres), [expected("q", "SELECT 2", true)]);
    assert_eq!(texts(Dialect::Sqlite), [expected("q", "SELECT 1", false), expected("r", "SELECT 3", true)]);
    assert!(named_queries(vec![file("a b.sql", "SELECT 1")], &model, Dialect::Sqlite).is_err());
    assert!(named_queries(vec![file("a.mysql.sql", "SELECT 1")], &model, Dialect::Sqlite).is_err());
}
