//! `[access.ROLE]`: `"table" = verbs`, where verbs are `"all"`, a list of them, or a table of them with their columns.

use toml::{Spanned, de::DeValue};

use crate::{
    data::{Error, Result, SERVICE},
    schema::{
        access::{Access, EVERY_TABLE, Open, Rights, Verb},
        place::did_you_mean,
    },
};

use super::{
    Config,
    document::{Section, Source},
};

/// How rights are written.
const FORMS: &str = "write \"all\", a list as [\"select\"], or columns as { select = [\"id\"], delete = true }";

/// Reads what each role may do. Everything is closed from the moment that anybody is asked who they are.
pub(super) fn access(section: &Section<'_>, source: &Source<'_>, config: &mut Config) -> Result<()> {
    if section.is_there() && config.auth.is_none() {
        let error = source.error(section.at, "[access] without [auth] would close nothing");
        return Err(error.hint("add [auth]: without it nobody is asked who they are, and everything is open"));
    }
    let mut access = Access { closed: config.auth.is_some(), ..Access::default() };
    for (role, at) in section.keys() {
        if role == SERVICE || role.is_empty() {
            let error = source.error(at, format_args!("[access.{role}]: the role service may do everything"));
            return Err(error.hint("take the section out, or name another role"));
        }
        let tables = section.section(role)?;
        let rules = access.roles.entry(role.to_owned()).or_default();
        for (table, at) in tables.keys() {
            let Some(value) = tables.get(table) else { continue };
            config.places.insert(format!("access.{role}.{table}"), source.place(at));
            let rights = rights(value, source)?;
            if table == EVERY_TABLE && rights.values().any(|open| *open != Open::All) {
                let error = source.error(at, "\"*\" stands for tables with different columns");
                return Err(error.hint("name verbs alone, as \"*\" = [\"select\"]"));
            }
            rules.insert(table.to_owned(), rights);
        }
    }
    config.access = access;
    Ok(())
}

fn rights(value: &Spanned<DeValue<'_>>, source: &Source<'_>) -> Result<Rights> {
    let wrong = |at: usize| source.error(at, "these are no rights").hint(FORMS);
    match value.get_ref() {
        DeValue::String(text) if text == "all" => Ok(Verb::ALL.iter().map(|(_, verb)| (*verb, Open::All)).collect()),
        DeValue::Array(verbs) => verbs
            .iter()
            .map(|item| match item.get_ref() {
                DeValue::String(word) => Ok((verb(word, item.span().start, source)?, Open::All)),
                _ => Err(wrong(item.span().start)),
            })
            .collect(),
        DeValue::Table(verbs) => {
            let mut rights = Rights::new();
            for (word, value) in verbs {
                let verb = verb(word.get_ref(), word.span().start, source)?;
                if let Some(open) = open(verb, value, source)? {
                    rights.insert(verb, open);
                }
            }
            Ok(rights)
        }
        _ => Err(wrong(value.span().start)),
    }
}

fn verb(word: &str, at: usize, source: &Source<'_>) -> Result<Verb> {
    let found = Verb::ALL.iter().find(|(known, _)| *known == word).map(|(_, verb)| *verb);
    found.ok_or_else(|| {
        let known = Verb::ALL.iter().map(|(known, _)| *known);
        source.error(at, format_args!("unknown verb \"{word}\"")).hint(did_you_mean(word, known))
    })
}

/// Which columns; none where the verb stays closed.
fn open(verb: Verb, value: &Spanned<DeValue<'_>>, source: &Source<'_>) -> Result<Option<Open>> {
    let at = value.span().start;
    let wrong = |at: usize| -> Error {
        let message = format!("{}: no columns", verb.as_str());
        source.error(at, message).hint("write a list of columns, true or false")
    };
    match value.get_ref() {
        DeValue::Boolean(yes) => Ok(yes.then_some(Open::All)),
        DeValue::Array(_) if verb == Verb::Delete => {
            Err(source.error(at, "delete: a row is removed whole").hint("write delete = true"))
        }
        DeValue::Array(columns) => {
            let name = |item: &Spanned<DeValue<'_>>| match item.get_ref() {
                DeValue::String(name) => Ok(name.to_string()),
                _ => Err(wrong(item.span().start)),
            };
            let columns = columns.iter().map(name).collect::<Result<std::collections::BTreeSet<_>>>()?;
            Ok((!columns.is_empty()).then_some(Open::Columns(columns)))
        }
        _ => Err(wrong(at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_their_place_and_mend() {
        for (text, message, hint) in [
            ("[access.anon]\na = \"all\"", "1:2: [access] without [auth] would close nothing", "add [auth]"),
            ("[auth]\n[access.service]\na = \"all\"", "2:9: [access.service]: the role service may do", "another role"),
            ("[auth]\n[access.a]\nt = \"al\"", "3:5: these are no rights", "write \"all\""),
            ("[auth]\n[access.a]\nt = 5", "3:5: these are no rights", "write \"all\""),
            ("[auth]\n[access.a]\nt = [\"slect\"]", "3:6: unknown verb \"slect\"", "did you mean \"select\"?"),
            ("[auth]\n[access.a]\nt = [1]", "3:6: these are no rights", "write \"all\""),
            ("[auth]\n[access.a]\nt = { selct = [\"id\"] }", "3:7: unknown verb \"selct\"", "did you mean \"select\"?"),
            ("[auth]\n[access.a]\nt = { select = \"id\" }", "3:16: select: no columns", "a list of columns"),
            ("[auth]\n[access.a]\nt = { select = [1] }", "3:17: select: no columns", "a list of columns"),
            ("[auth]\n[access.a]\nt = { delete = [\"id\"] }", "3:16: delete: a row is removed whole", "delete = true"),
            ("[auth]\n[access.a]\n\"*\" = { select = [\"id\"] }", "3:1: \"*\" stands for tables", "verbs alone"),
            ("[auth]\n[access]\na = 5", "3:5: \"access.a\" is a section", "[access.a]"),
        ] {
            let error = Config::parse(text, "p", &|_| None).expect_err(text);
            assert_eq!(error.code(), "BRGCFG");
            assert!(error.message().starts_with(&format!("brigade.toml:{message}")), "{text}: {error}");
            assert!(error.get_hint().is_some_and(|h| h.contains(hint)), "{text}: {error:?}");
        }
    }
}
