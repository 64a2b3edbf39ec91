//! `select=`: columns with alias, JSON path, cast and aggregate; embeds with alias, hint, join and spread.

use crate::data::{
    Result,
    plan::{Aggregate, Embed, Field, FieldItem, Item, Join, Node, Place, Step},
};
use crate::limits;

use super::cursor::Cursor;

/// The items of a select; none is a select too.
pub(super) fn items(cursor: &mut Cursor<'_>) -> Result<Vec<Item>> {
    nested(cursor, 0)
}

fn nested(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    if cursor.rest().trim().is_empty() {
        cursor.skip(cursor.rest().len());
        return Ok(items);
    }
    if cursor.sees(")") {
        return Ok(items);
    }
    loop {
        items.push(item(cursor, depth)?);
        if !cursor.take(",") {
            return Ok(items);
        }
    }
}

fn item(cursor: &mut Cursor<'_>, depth: usize) -> Result<Item> {
    cursor.while_fits(|c| c == ' ');
    if cursor.take("*") {
        return Ok(Item::All);
    }
    let spread = cursor.take("...");
    let expecting = "\"...\", field name (* or [a..z0..9_$])";
    let mut name = cursor.name(expecting)?;
    let mut alias = None;
    if cursor.sees(":") && !cursor.sees("::") {
        cursor.skip(1);
        alias = Some(name);
        name = cursor.name(expecting)?;
    }
    if name == "count" && cursor.take("()") {
        return Ok(Item::Count { alias, cast: cast(cursor)? });
    }
    if cursor.sees("!") || cursor.sees("(") {
        return embed(cursor, alias, name, spread, depth);
    }
    if spread {
        return Err(cursor.expected("\"(\""));
    }
    let field = Field { column: name, path: path(cursor)? };
    let before = cast(cursor)?;
    let aggregate = aggregate(cursor)?;
    let aggregate_cast = if aggregate.is_some() { cast(cursor)? } else { None };
    Ok(Item::Field(FieldItem { alias, field, cast: before, aggregate, aggregate_cast }))
}

fn embed(cursor: &mut Cursor<'_>, alias: Option<String>, target: String, spread: bool, depth: usize) -> Result<Item> {
    let mut embed = Embed { alias, target, spread, ..Embed::default() };
    while cursor.take("!") {
        match cursor.name("a hint, inner or left")?.as_str() {
            "inner" => embed.join = Some(Join::Inner),
            "left" => embed.join = Some(Join::Left),
            hint => embed.hint = Some(hint.to_owned()),
        }
    }
    cursor.need("(")?;
    // The parser calls itself: what nests deeper than any read may is refused before it does.
    if depth > limits::EMBED_DEPTH_MAX {
        return Err(cursor.expected("fewer embeds inside embeds"));
    }
    embed.node = Node { select: nested(cursor, depth + 1)?, ..Node::default() };
    cursor.need(")")?;
    Ok(Item::Embed(embed))
}

/// `->a->>b`, `->0`
pub(super) fn path(cursor: &mut Cursor<'_>) -> Result<Vec<Step>> {
    let mut path = Vec::new();
    while cursor.take("->") {
        let as_text = cursor.take(">");
        let to = match index(cursor.rest()) {
            Some((index, length)) => {
                cursor.skip(length);
                Place::Index(index)
            }
            None => Place::Key(cursor.name("a key or an index")?),
        };
        path.push(Step { to, as_text });
    }
    Ok(path)
}

/// A number that is a step by itself.
fn index(text: &str) -> Option<(i32, usize)> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let sign = text.len() - digits.len();
    let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let after = digits[length..].chars().next();
    let ends = after.is_none_or(|c| matches!(c, '-' | ':' | '.' | ',' | ')' | ' '));
    if length == 0 || !ends {
        return None;
    }
    text[..sign + length].parse().ok().map(|index| (index, sign + length))
}

fn cast(cursor: &mut Cursor<'_>) -> Result<Option<String>> {
    if !cursor.take("::") {
        return Ok(None);
    }
    let name = cursor.while_fits(|c| c.is_alphanumeric() || matches!(c, '_' | ' ' | '[' | ']')).trim();
    if name.is_empty() { Err(cursor.expected("a type")) } else { Ok(Some(name.to_owned())) }
}

fn aggregate(cursor: &mut Cursor<'_>) -> Result<Option<Aggregate>> {
    if !cursor.take(".") {
        return Ok(None);
    }
    let word = cursor.while_fits(|c| c.is_ascii_alphabetic());
    let found = Aggregate::parse(word).ok_or_else(|| cursor.expected("sum(), avg(), count(), max() or min()"))?;
    cursor.need("()")?;
    Ok(Some(found))
}
