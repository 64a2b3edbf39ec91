//! The grammar of query strings: text in, a read's node out. Nothing here knows a table.
//!
//! In reading order: [`parse`] takes the parameters apart and lays each where it belongs; `select`, `filter` and `order`
//! read their values with the `cursor`.

mod cursor;
mod filter;
mod order;
mod select;

use crate::data::{
    Error, Result,
    plan::{Group, Item, Node, Order, Tree},
};

use cursor::Cursor;

/// What a query string asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Asked {
    /// What is asked of the table and of what is embedded.
    pub node: Node,
    /// `columns=`: the columns that a write gives.
    pub columns: Option<Vec<String>>,
    /// `on_conflict=`: the columns that an upsert meets rows by.
    pub on_conflict: Option<Vec<String>>,
}

/// What a parameter other than `select` is, with the embeds that it goes through.
enum Parameter {
    Filter(Tree),
    Order(Vec<Order>),
    Limit(Option<u64>),
    Offset(Option<u64>),
}

/// Reads a query string, as it stands in the URL.
///
/// # Errors
/// PGRST100 with the place, PGRST108 for a relation that is not embedded.
pub fn parse(query: &str) -> Result<Asked> {
    let mut asked = Asked { node: Node { select: vec![Item::All], ..Node::default() }, ..Asked::default() };
    let mut parameters = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (name, value) = (decode(name)?, decode(value)?);
        match name.as_str() {
            "select" => asked.node.select = select(&value)?,
            "columns" => asked.columns = Some(names("columns parameter", &value)?),
            "on_conflict" => asked.on_conflict = Some(names("on_conflict parameter", &value)?),
            _ => parameters.push(parameter(&name, &value)?),
        }
    }
    for (path, parameter) in parameters {
        place(&mut asked.node, &path, parameter)?;
    }
    Ok(asked)
}

/// Reads what rows show, as a `select` parameter says it: `id,author:users(name)`.
///
/// # Errors
/// PGRST100 with the place.
pub fn select(text: &str) -> Result<Vec<Item>> {
    Cursor::new("select parameter", text).whole(select::items)
}

/// A list of names.
fn names(what: &'static str, text: &str) -> Result<Vec<String>> {
    Cursor::new(what, text).whole(|cursor| {
        let mut names = vec![cursor.name("column name")?];
        while cursor.take(",") {
            names.push(cursor.name("column name")?);
        }
        Ok(names)
    })
}

fn parameter(name: &str, value: &str) -> Result<(Vec<String>, Parameter)> {
    let (path, last) = split(name);
    let parameter = match last {
        "order" => Parameter::Order(Cursor::new("order parameter", value).whole(order::parts)?),
        "limit" => Parameter::Limit(number("limit", value)?),
        "offset" => Parameter::Offset(number("offset", value)?),
        "and" | "or" | "not.and" | "not.or" => {
            let any = last.ends_with("or");
            let of = Cursor::new("logic tree", value).whole(filter::parenthesised)?;
            Parameter::Filter(Tree::Group(Group { negated: last.starts_with("not"), any, of }))
        }
        _ => {
            let (path, field) = Cursor::new("filter", name).whole(filter::path_and_field)?;
            let comparison = filter::scalar(field, value)?;
            return Ok((path, Parameter::Filter(Tree::Compare(comparison))));
        }
    };
    let path = match path {
        "" => Vec::new(),
        path => Cursor::new("filter", path).whole(filter::path)?,
    };
    Ok((path, parameter))
}

/// `a.b.order` is `a.b` and `order`; `a.not.or` is `a` and `not.or`.
fn split(name: &str) -> (&str, &str) {
    const WORDS: [&str; 7] = ["not.and", "not.or", "order", "limit", "offset", "and", "or"];
    for word in WORDS {
        if name == word {
            return ("", word);
        }
        if let Some(path) = name.strip_suffix(word).and_then(|rest| rest.strip_suffix('.')) {
            return (path, word);
        }
    }
    ("", "")
}

fn number(what: &str, text: &str) -> Result<Option<u64>> {
    match text.parse::<i64>() {
        Ok(n) if n < 0 && what == "limit" => Err(Error::new("PGRST103", "Requested range not satisfiable")
            .details("Limit should be greater than or equal to zero.")),
        Ok(n) => Ok(Some(n.max(0) as u64)),
        Err(_) if text.is_empty() => Ok(None),
        Err(_) => {
            Err(Error::new("PGRST100", format!("\"failed to parse {what} parameter ({text})\" (line 1, column 1)"))
                .details("expecting a whole number"))
        }
    }
}

/// Lays a parameter into the node that it is about.
fn place(node: &mut Node, path: &[String], parameter: Parameter) -> Result<()> {
    let Some((first, rest)) = path.split_first() else {
        match parameter {
            Parameter::Filter(tree) => node.filters.push(tree),
            Parameter::Order(order) => node.order = order,
            Parameter::Limit(limit) => node.limit = limit,
            Parameter::Offset(offset) => node.offset = offset,
        }
        return Ok(());
    };
    let embed = node.select.iter_mut().find_map(|item| match item {
        Item::Embed(embed) if embed.known_as() == first => Some(embed),
        _ => None,
    });
    let embed = embed.ok_or_else(|| {
        Error::new("PGRST108", format!("'{first}' is not an embedded resource in this request"))
            .hint(format!("Verify that '{first}' is included in the 'select' query parameter."))
    })?;
    place(&mut embed.node, rest, parameter)
}

/// Percent-decodes; `+` is a space.
pub fn decode(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || rest.next().and_then(|b| char::from(b).to_digit(16));
                match (digit(), digit()) {
                    (Some(high), Some(low)) => (high * 16 + low) as u8,
                    _ => return Err(undecodable(text)),
                }
            }
            byte => byte,
        });
    }
    match String::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') => Ok(text),
        _ => Err(undecodable(text)),
    }
}

/// Percent-encodes all but what needs no encoding anywhere in a URL.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => out.push(char::from(byte)),
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

fn undecodable(text: &str) -> Error {
    let shown: String = text.chars().take(80).collect();
    Error::new("PGRST100", "the query string is no percent-encoded UTF-8").details(shown)
}

#[cfg(test)]
mod tests;
