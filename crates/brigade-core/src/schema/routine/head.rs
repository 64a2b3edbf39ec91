//! The lines before a query: `-- param NAME TYPE [= DEFAULT]`, `-- write`, `-- single`, `-- role A, B`, `-- tables A, B`.
//! Other comments are for people.

use crate::{
    data::{Result, Value, code},
    schema::{Model, misplaced, nearest, read_type},
};

use super::QueryParam;

const WORDS: [&str; 5] = ["param", "write", "single", "role", "tables"];

/// What the head says.
#[derive(Debug, Default)]
pub(super) struct Head {
    pub params: Vec<QueryParam>,
    pub writes: bool,
    pub single: bool,
    pub roles: Vec<String>,
    pub tables: Vec<String>,
}

pub(super) fn read(file: &str, text: &str, model: &Model) -> Result<Head> {
    let mut head = Head::default();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let begin = at;
        at += line.len();
        let said = line.trim();
        if said.is_empty() {
            continue;
        }
        let Some(said) = said.strip_prefix("--") else { break };
        let said = said.trim();
        let (word, rest) = said.split_once(char::is_whitespace).unwrap_or((said, ""));
        let rest = rest.trim();
        let wrong = |message: String| misplaced(code::CONFIG, file, text, begin, message);
        match word {
            "param" => {
                let param = param(rest, model).map_err(wrong)?;
                if head.params.iter().any(|p| p.name == param.name) {
                    return Err(wrong(format!("the parameter {:?} is there twice", param.name)));
                }
                head.params.push(param);
            }
            "write" if rest.is_empty() => head.writes = true,
            "single" if rest.is_empty() => head.single = true,
            "role" if !rest.is_empty() => head.roles.extend(names(rest)),
            "tables" if !rest.is_empty() => {
                for table in names(rest) {
                    known_table(&table, model).map_err(wrong)?;
                    head.tables.push(table);
                }
            }
            // A word that is nearly one of ours, alone or before a name, is a slip and no remark.
            _ => {
                if let Some(near) = slip(word, rest) {
                    return Err(wrong(format!("{word:?} is no word of a query's head"))
                        .hint(format!("did you mean \"-- {near}\"?")));
                }
            }
        }
    }
    Ok(head)
}

fn names(list: &str) -> impl Iterator<Item = String> {
    list.split(',').map(|name| name.trim().to_owned()).filter(|name| !name.is_empty())
}

fn slip(word: &str, rest: &str) -> Option<&'static str> {
    let near = nearest(word, WORDS)?;
    let near = WORDS.into_iter().find(|w| *w == near)?;
    let words = rest.split_whitespace().count();
    let is_shaped = match near {
        "write" | "single" => words == 0,
        "param" => (2..=4).contains(&words),
        _ => words == 1,
    };
    (is_shaped && word != near).then_some(near)
}

fn known_table(name: &str, model: &Model) -> Result<(), String> {
    if model.tables.contains_key(name) || model.views.contains_key(name) {
        return Ok(());
    }
    Err(match nearest(name, model.tables.keys().map(String::as_str)) {
        Some(near) => format!("there is no table {name:?}: did you mean {near:?}?"),
        None => format!("there is no table {name:?}"),
    })
}

/// `NAME TYPE [= DEFAULT]`
fn param(text: &str, model: &Model) -> Result<QueryParam, String> {
    let (declared, default) = match text.split_once('=') {
        Some((declared, default)) => (declared.trim(), Some(default.trim())),
        None => (text, None),
    };
    let (name, ty) = declared.split_once(char::is_whitespace).ok_or("write: -- param NAME TYPE [= DEFAULT]")?;
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !is_name {
        return Err(format!("{name:?} is no name of a parameter: use small letters, digits and _"));
    }
    let ty = ty.trim().to_lowercase();
    let ty = match read_type(&ty, model.enums.keys().map(String::as_str)) {
        Ok(crate::data::SqlType::Other(_)) | Err(_) => return Err(format!("there is no type {ty:?}")),
        Ok(ty) => ty,
    };
    let default = default.map(|given| read_default(given, &ty, model)).transpose()?;
    Ok(QueryParam { name: name.to_owned(), ty, default })
}

/// A default as SQL writes a literal: `5`, `'a b'`, `null`, `true`.
fn read_default(given: &str, ty: &crate::data::SqlType, model: &Model) -> Result<Value, String> {
    if given.eq_ignore_ascii_case("null") {
        return Ok(Value::Null);
    }
    let text = match given.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\'')) {
        Some(inside) => inside.replace("''", "'"),
        None => given.to_owned(),
    };
    model.read_text(ty, &text).map_err(|error| error.message)
}
