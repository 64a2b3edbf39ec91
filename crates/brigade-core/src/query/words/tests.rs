//! What can be said without a server: whatever is written, nothing panics, and time grows with length alone. That the answers are
//! PostgreSQL's is for the differential tests in `engine-postgres` to say.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

fn fits(syntax: Syntax, query: &str, text: &str) -> bool {
    Search::parse(syntax, "english", query).expect("a query").fits(text)
}

#[test]
fn a_search_finds_what_a_word_comes_from() {
    for (syntax, query, text, expected) in [
        (Syntax::Standard, "cat & !dog", "The CATS sat", true),
        (Syntax::Standard, "fat <-> cat", "cat, fat", false),
        (Syntax::Plain, "the", "the cat", false),
        (Syntax::Phrase, "sat on the mat", "cats sitting; they sat on a mat", true),
        (Syntax::Web, "\"fat cat\" or dog", "dogs", true),
    ] {
        assert_eq!(fits(syntax, query, text), expected, "{query:?} in {text:?}");
    }
}

#[test]
fn json_has_words_in_its_texts_and_no_phrase_goes_from_one_into_the_next() {
    let json = Json::parse(br#"{"cat": "the dog", "list": ["barks", {"deep": "at night"}], "n": 5}"#).expect("json");
    for (query, expected) in [("dog", true), ("night", true), ("cat", false), ("5", false), ("dog <-> bark", false)] {
        let search = Search::parse(Syntax::Standard, "english", query).expect("a query");
        assert_eq!(search.fits_json(&json), expected, "{query}");
    }
}

#[test]
fn an_unknown_language_is_named_with_those_there_are() {
    let error = Search::parse(Syntax::Plain, "klingon", "a").expect_err("no language");
    assert_eq!((error.code(), error.message()), ("42704", "text search configuration \"klingon\" does not exist"));
    assert!(error.get_hint().is_some_and(|hint| hint.contains("simple, arabic") && hint.contains("turkish")));
    for name in ["", "0", "a b", "a'b", "-", "a.b.c", "1english", "a\0"] {
        assert_eq!(language_name(name).expect_err(name).code(), "42704", "{name}");
    }
    assert_eq!(language_name("English").expect("a name"), "english");
}

#[test]
fn the_longest_and_the_deepest_query_are_read_on_a_small_stack() {
    let deepest = format!("{}a{}", "(!".repeat(limits::SEARCH_DEPTH_MAX / 2), ")".repeat(limits::SEARCH_DEPTH_MAX / 2));
    let many = |between: &str| vec!["cat"; limits::SEARCH_BYTES_MAX / (3 + between.len())].join(between);
    let run = move || {
        for query in [deepest, many("&"), many("|"), many("<->"), many(" "), "a:*&".repeat(400) + "a"] {
            for (syntax, _) in Syntax::ALL {
                if let Ok(search) = Search::parse(syntax, "english", &query) {
                    search.fits("cat cat dog");
                }
            }
        }
        let too_deep = format!("{}a", "!".repeat(limits::SEARCH_DEPTH_MAX + 1));
        assert_eq!(check(Syntax::Standard, &too_deep).expect_err("too deep").code(), code::LIMIT);
        let too_long = "a".repeat(limits::SEARCH_BYTES_MAX + 1);
        assert_eq!(check(Syntax::Plain, &too_long).expect_err("too long").code(), code::LIMIT);
    };
    std::thread::Builder::new().stack_size(1 << 20).spawn(run).expect("a thread").join().expect("no overflow");
}

/// Texts that a splitter with a look ahead could go through again and again.
#[test]
fn time_grows_with_length_alone() {
    let search = Search::parse(Syntax::Standard, "english", "cat & dog:*").expect("a query");
    for piece in [
        "a_", "a-", "a.", "a.b-", "1.", "+1.", "<!--", "<a \"", "<a '\"", "&a", "a@", "a:/", "~/", "/.", "..",
        "<script ", "'", "1e5", "é-", "a/~", "http://", "<", "&#", "a1-", "a_b@",
    ] {
        let text = piece.repeat(200_000 / piece.len());
        let begin = Instant::now();
        search.fits(&text);
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(5), "{piece:?} took {took:?}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(query in ".{0,60}", text in ".{0,200}", syntax in 0..4_usize) {
        crate::fuzz::search(format!("{syntax}{query}\n{text}").as_bytes());
    }

    #[test]
    fn nothing_panics_on_what_looks_like_a_query(
        query in "[ab'\"\\\\&|!()<>:*\\- 0-9é]{0,40}", text in "[ab'<>/.@_&;:~!\\-+ 0-9é]{0,80}", syntax in 0..4_usize,
    ) {
        crate::fuzz::search(format!("{syntax}{query}\n{text}").as_bytes());
    }
}
