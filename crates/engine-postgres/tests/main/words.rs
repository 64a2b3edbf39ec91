//! What brigade means by a text search on SQLite, beside what PostgreSQL itself answers: the same texts and queries, chosen
//! and invented, are given to both.

use std::collections::BTreeSet;

use brigade_core::{
    data::plan::Syntax,
    query::words::{self, Search},
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use tokio_postgres::{Client, NoTls};

use crate::world::shared;

/// A connection to a database that is never written.
async fn connect() -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(&shared()?.url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    Some(client)
}

/// As many seeds as a test is content with; `BRIGADE_SEEDS` asks for more.
fn seeds(few: u64) -> std::ops::Range<u64> {
    0..std::env::var("BRIGADE_SEEDS").ok().and_then(|n| n.parse().ok()).unwrap_or(few)
}

fn function(syntax: Syntax) -> &'static str {
    match syntax {
        Syntax::Standard => "to_tsquery",
        Syntax::Plain => "plainto_tsquery",
        Syntax::Phrase => "phraseto_tsquery",
        Syntax::Web => "websearch_to_tsquery",
    }
}

/// What PostgreSQL answers: whether each text fits, or its error's code and message.
async fn asked(client: &Client, language: &str, syntax: Syntax, pairs: &[(&str, &str)]) -> Result<Vec<bool>, String> {
    let sql = format!(
        "SELECT to_tsvector('{language}'::regconfig, t) @@ {}('{language}'::regconfig, q) FROM unnest($1::text[], $2::text[]) \
         WITH ORDINALITY AS p(t, q, n) ORDER BY n",
        function(syntax)
    );
    let (texts, queries): (Vec<&str>, Vec<&str>) = pairs.iter().copied().unzip();
    match client.query(&sql, &[&texts, &queries]).await {
        Ok(rows) => Ok(rows.iter().map(|row| row.get(0)).collect()),
        Err(error) => {
            let error = error.as_db_error().expect("an error of the server's");
            Err(format!("{}: {}", error.code().code(), error.message()))
        }
    }
}

fn judged(language: &str, syntax: Syntax, text: &str, query: &str) -> Result<bool, String> {
    let search = Search::parse(syntax, language, query).map_err(|e| format!("{}: {}", e.code(), e.message()))?;
    Ok(search.fits(text))
}

/// Compares the two over many pairs of a text and a query.
async fn compare(client: &Client, language: &str, syntax: Syntax, pairs: &[(&str, &str)]) {
    let told = asked(client, language, syntax, pairs).await.expect("queries that can be read");
    for ((text, query), told) in pairs.iter().zip(told) {
        let ours = judged(language, syntax, text, query);
        assert_eq!(ours, Ok(told), "{language} {}: {query:?} in {text:?}", function(syntax));
    }
}

const TEXTS: &str = include_str!("words/texts.txt");

const STANDARD: &str = include_str!("words/standard.txt");

const TYPED: &str = include_str!("words/typed.txt");

#[tokio::test]
async fn chosen_queries_find_what_they_find_on_postgresql() {
    let Some(client) = connect().await else { return };
    for language in ["english", "simple"] {
        for (syntax, queries) in [
            (Syntax::Standard, STANDARD),
            (Syntax::Plain, STANDARD),
            (Syntax::Phrase, STANDARD),
            (Syntax::Web, STANDARD),
            (Syntax::Plain, TYPED),
            (Syntax::Phrase, TYPED),
            (Syntax::Web, TYPED),
            (Syntax::Plain, TEXTS),
            (Syntax::Phrase, TEXTS),
            (Syntax::Web, TEXTS),
        ] {
            let pairs: Vec<(&str, &str)> =
                TEXTS.lines().flat_map(|text| queries.lines().map(move |q| (text, q))).collect();
            compare(&client, language, syntax, &pairs).await;
        }
    }
}

#[tokio::test]
async fn a_query_that_cannot_be_read_is_refused_in_the_same_words() {
    let Some(client) = connect().await else { return };
    for query in include_str!("words/broken.txt").lines().chain(["a <-> ", "  )"]) {
        let told = asked(&client, "english", Syntax::Standard, &[("a", query)]).await.map(|all| all[0]);
        assert_eq!(judged("english", Syntax::Standard, "a", query), told, "{query:?}");
    }
}

/// Pieces of which texts are made that a splitter may stumble over.
const PIECES: [&str; 52] = [
    "foo",
    "bar",
    "a",
    "x1",
    "12",
    "3",
    "com",
    "été",
    "ß",
    "1e5",
    "e",
    "the",
    "_",
    "-",
    ".",
    "/",
    "@",
    ":",
    "://",
    "&",
    "amp;",
    "<",
    ">",
    "\"",
    "'",
    "b",
    "~",
    "+",
    "#",
    "?",
    "=",
    " ",
    " ",
    " ",
    ",",
    "2nd",
    "http",
    "script",
    "!",
    "%",
    "日本",
    "(",
    ")",
    "٣",
    "e\u{301}",
    "--",
    "<b>",
    "</b>",
    "well-known",
    "example.com",
    "-7",
    "\n",
];

/// Strange ways to split that are not imitated: see `docs/differences.md`.
fn is_strange(text: &str) -> bool {
    text.contains("/..") || text.contains("~") && text.contains('/') || text.contains("<!")
}

#[tokio::test]
async fn any_text_has_the_same_words_in_the_same_places() {
    let Some(client) = connect().await else { return };
    let sql = "SELECT n::int, lexeme, place FROM unnest($2::text[]) WITH ORDINALITY AS d(t, n), \
               unnest(to_tsvector($1::text::regconfig, t)) AS v, unnest(v.positions) AS place";
    for seed in seeds(20) {
        let random = &mut StdRng::seed_from_u64(seed);
        let one = |random: &mut StdRng| -> String {
            let length = random.random_range(1..12);
            (0..length).map(|_| *PIECES.choose(random).expect("pieces")).collect()
        };
        let texts: Vec<String> = (0..500).map(|_| one(random)).filter(|text| !is_strange(text)).collect();
        // Newer releases cut German words that are none in another way.
        let language = ["english", "simple", "russian"][seed as usize % 3];
        let mut told = vec![BTreeSet::new(); texts.len()];
        for row in client.query(sql, &[&language, &texts]).await.expect("an answer") {
            let (n, lexeme, place): (i32, String, i16) = (row.get(0), row.get(1), row.get(2));
            told[n as usize - 1].insert((lexeme, place as u16));
        }
        for (text, told) in texts.iter().zip(told) {
            let ours: BTreeSet<_> = words::lexemes(language, text).expect("a language").into_iter().collect();
            assert_eq!(ours, told, "seed {seed}, {language}: {text:?}");
        }
    }
}

const VOCABULARY: [&str; 16] = [
    "cat",
    "cats",
    "dog",
    "the",
    "of",
    "fat",
    "run",
    "running",
    "well-known",
    "e-mail",
    "rat",
    "it's",
    "a",
    "12",
    "x.com",
    "not",
];

fn text(random: &mut StdRng) -> String {
    let length = random.random_range(0..9);
    let words: Vec<&str> = (0..length).map(|_| *VOCABULARY.choose(random).expect("words")).collect();
    words.join(" ")
}

/// A query with operators that can be read.
fn query(random: &mut StdRng, depth: usize) -> String {
    let word = |random: &mut StdRng| *VOCABULARY.choose(random).expect("words");
    if depth == 0 {
        return match random.random_range(0..8) {
            0 => format!("'{} {}'", word(random).replace('\'', "''"), word(random).replace('\'', "''")),
            1 => format!("{}:*", word(random)),
            2 => format!("{}:{}", word(random), ["A", "D", "AB*", "bd"].choose(random).expect("weights")),
            _ => word(random).to_owned(),
        };
    }
    let part = |random: &mut StdRng| query(random, depth - 1);
    match random.random_range(0..7) {
        0 => format!("!{}", part(random)),
        1 => format!("({} & {})", part(random), part(random)),
        2 => format!("({} | {})", part(random), part(random)),
        3 | 4 => format!("({} <-> {})", part(random), part(random)),
        5 => format!("({} <{}> {})", part(random), random.random_range(0..4), part(random)),
        _ => part(random),
    }
}

#[tokio::test]
async fn invented_queries_find_what_they_find_on_postgresql() {
    let Some(client) = connect().await else { return };
    for seed in seeds(40) {
        let random = &mut StdRng::seed_from_u64(seed);
        let standard: Vec<(String, String)> = (0..400).map(|i| (text(random), query(random, i % 5))).collect();
        let typed: Vec<(String, String)> = (0..200)
            .map(|_| {
                let pieces = ["\"", "-", " or ", " ", " ", " ", "(", ":", "!", "\\"];
                let piece = |random: &mut StdRng| {
                    let word = VOCABULARY.choose(random).expect("words");
                    format!(
                        "{}{}{word}",
                        pieces.choose(random).expect("pieces"),
                        pieces.choose(random).expect("pieces")
                    )
                };
                (text(random), (0..random.random_range(1..5)).map(|_| piece(random)).collect())
            })
            .collect();
        for (syntax, pairs) in
            [(Syntax::Standard, &standard), (Syntax::Web, &typed), (Syntax::Plain, &typed), (Syntax::Phrase, &typed)]
        {
            let pairs: Vec<(&str, &str)> = pairs.iter().map(|(text, query)| (text.as_str(), query.as_str())).collect();
            compare(&client, "english", syntax, &pairs).await;
        }
    }
}

#[tokio::test]
async fn every_language_has_the_stems_and_the_stop_words_of_postgresql() {
    let Some(client) = connect().await else { return };
    for (language, text) in [
        ("arabic", "الكتب والمدارس في المدينة الكبيرة"),
        ("danish", "Katterne løber hurtigere end hundene og musene"),
        ("dutch", "De katten lopen sneller dan de honden en muizen"),
        ("english", "The cats are running faster than the generous dogs"),
        ("finnish", "Kissat juoksevat nopeammin kuin koirat ja hiiret"),
        ("french", "Les chats couraient plus rapidement que les chiens généreux"),
        ("german", "Die Katzen laufen schneller als die größten Hunde und Mäuse"),
        ("greek", "Οι γάτες τρέχουν πιο γρήγορα από τους σκύλους έως είτε"),
        ("hungarian", "A macskák gyorsabban futnak mint a kutyák és az egerek"),
        ("italian", "I gatti correvano più velocemente dei cani generosi"),
        ("norwegian", "Kattene løper raskere enn hundene og musene"),
        ("portuguese", "Os gatos corriam mais rapidamente do que os cães generosos"),
        ("romanian", "Pisicile aleargă mai repede decât câinii și șoarecii"),
        ("russian", "Кошки бегали быстрее собак, берётся учётная запись; the running dogs"),
        ("spanish", "Los gatos corrían más rápidamente que los perros generosos"),
        ("swedish", "Katterna springer snabbare än hundarna och mössen"),
        ("tamil", "பூனைகள் நாய்களை விட வேகமாக ஓடுகின்றன"),
        ("turkish", "Kediler köpeklerden daha hızlı koşuyorlar ve leri siniz"),
        ("simple", "The Cats ARE Running"),
        ("pg_catalog.english", "The cats"),
    ] {
        let sql =
            "SELECT lexeme, place FROM unnest(to_tsvector($1::text::regconfig, $2)) AS v, unnest(v.positions) AS place";
        let rows = client.query(sql, &[&language, &text]).await.expect("an answer");
        let told: BTreeSet<(String, u16)> = rows.iter().map(|row| (row.get(0), row.get::<_, i16>(1) as u16)).collect();
        let ours: BTreeSet<_> = words::lexemes(language, text).expect("a language").into_iter().collect();
        assert_eq!(ours, told, "{language}");
    }
}
