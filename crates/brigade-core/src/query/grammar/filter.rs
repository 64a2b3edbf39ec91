//! Filters: `column=operator.value`, and the same inside `or=(…)` and `and=(…)`, where values end at a comma.

use crate::{
    data::{
        Error, Result, code,
        plan::{Comparator, Comparison, Field, Group, Is, Quantifier, Syntax, Test, TextSearch, Tree},
    },
    limits,
};

use super::{cursor::Cursor, select};

const RANGES: [&str; 5] = ["sl", "sr", "nxr", "nxl", "adj"];
const EXPECTING: &str = "\"not\" or operator (eq, gt, ...)";

/// `a.b`: the embeds that a parameter goes through.
pub(super) fn path(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    let mut path = vec![cursor.name("field name")?];
    while cursor.take(".") {
        path.push(cursor.name("field name")?);
    }
    Ok(path)
}

/// `a.b.column->>key`
pub(super) fn path_and_field(cursor: &mut Cursor<'_>) -> Result<(Vec<String>, Field)> {
    let mut path = path(cursor)?;
    let column = path.pop().unwrap_or_default();
    Ok((path, Field { column, path: select::path(cursor)? }))
}

/// The value of a parameter: all of it belongs to the operand.
pub(super) fn scalar(field: Field, value: &str) -> Result<Comparison> {
    let mut cursor = Cursor::new("filter", value);
    let negated = cursor.take("not.");
    let test = test(&mut cursor, &|cursor| {
        let rest = cursor.rest().to_owned();
        cursor.skip(rest.len());
        Ok(rest)
    })?;
    if !cursor.rest().is_empty() {
        return Err(cursor.expected("end of input"));
    }
    Ok(Comparison { field, negated, test })
}

/// `(a.eq.1,not.b.is.null,or(…))`
pub(super) fn parenthesised(cursor: &mut Cursor<'_>) -> Result<Vec<Tree>> {
    cursor.need("(")?;
    trees(cursor, 0)
}

/// What stands behind an opening parenthesis, and the closing one.
fn trees(cursor: &mut Cursor<'_>, depth: usize) -> Result<Vec<Tree>> {
    // The parser calls itself: what nests deeper than any read may is refused before it does.
    if depth > limits::CONDITION_DEPTH_MAX {
        return Err(Error::new(code::LIMIT, "conditions nest too deep")
            .details(format!("CONDITION_DEPTH_MAX is {}", limits::CONDITION_DEPTH_MAX))
            .hint("ask in several parts"));
    }
    let mut of = vec![tree(cursor, depth)?];
    while cursor.take(",") {
        of.push(tree(cursor, depth)?);
    }
    cursor.need(")")?;
    Ok(of)
}

fn tree(cursor: &mut Cursor<'_>, depth: usize) -> Result<Tree> {
    cursor.while_fits(|c| c == ' ');
    for (word, negated, any) in
        [("and(", false, false), ("or(", false, true), ("not.and(", true, false), ("not.or(", true, true)]
    {
        if cursor.take(word) {
            return Ok(Tree::Group(Group { negated, any, of: trees(cursor, depth + 1)? }));
        }
    }
    let before = cursor.take("not.");
    let field = Field { column: cursor.name("field name")?, path: select::path(cursor)? };
    cursor.need(".")?;
    let negated = cursor.take("not.");
    let test = test(cursor, &listed)?;
    Ok(Tree::Compare(Comparison { field, negated: negated != before, test }))
}

/// A value that ends at a comma or a parenthesis, unless it is quoted or in braces.
fn listed(cursor: &mut Cursor<'_>) -> Result<String> {
    if let Some(text) = quoted_alone(cursor) {
        return Ok(text);
    }
    if cursor.sees("{")
        && let Some(length) = braces(cursor.rest())
    {
        let text = cursor.rest()[..length].to_owned();
        cursor.skip(length);
        return Ok(text);
    }
    Ok(cursor.while_fits(|c| !matches!(c, ',' | ')')).to_owned())
}

/// A quoted text that nothing follows but the end of the value.
fn quoted_alone(cursor: &mut Cursor<'_>) -> Option<String> {
    let mut probe = Cursor::new("", cursor.rest());
    let text = probe.quoted("").ok()?;
    let left = probe.rest();
    if !(left.is_empty() || left.starts_with([',', ')'])) {
        return None;
    }
    cursor.skip(cursor.rest().len() - left.len());
    Some(text)
}

/// The length of `{…}` with whatever braces and quotes are in it.
fn braces(text: &str) -> Option<usize> {
    let (mut depth, mut in_quotes, mut escaped) = (0_usize, false, false);
    for (i, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => in_quotes = !in_quotes,
            '{' if !in_quotes => depth += 1,
            '}' if !in_quotes => {
                depth -= 1;
                if depth == 0 {
                    return Some(i + 1);
                }
            }
            _ => {}
        }
    }
    None
}

type Value<'v> = &'v dyn Fn(&mut Cursor<'_>) -> Result<String>;

fn test(cursor: &mut Cursor<'_>, value: Value<'_>) -> Result<Test> {
    let word = {
        let rest = cursor.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        &rest[..length]
    };
    if let Some(by) = Comparator::parse(word) {
        cursor.skip(word.len());
        let quantifier = match by {
            Comparator::Neq => None,
            _ if cursor.take("(any)") => Some(Quantifier::Any),
            _ if cursor.take("(all)") => Some(Quantifier::All),
            _ => None,
        };
        cursor.need(".")?;
        return Ok(Test::Compare { by, quantifier, with: value(cursor)? });
    }
    if let Some(syntax) = Syntax::parse(word) {
        cursor.skip(word.len());
        let language = if cursor.take("(") {
            let name = cursor.name("a language")?;
            cursor.need(")")?;
            Some(name)
        } else {
            None
        };
        cursor.need(".")?;
        return Ok(Test::Search(TextSearch { syntax, language, query: value(cursor)? }));
    }
    if let Some(word) = RANGES.into_iter().find(|r| *r == word) {
        cursor.skip(word.len());
        cursor.need(".")?;
        return Ok(Test::Range(word, value(cursor)?));
    }
    let known = ["in", "is", "isdistinct", "cs", "cd", "ov"].contains(&word);
    if !known {
        return Err(cursor.expected(EXPECTING));
    }
    cursor.skip(word.len());
    cursor.need(".")?;
    Ok(match word {
        "in" => Test::In(list(cursor)?),
        "is" => {
            let word = cursor.while_fits(|c| c.is_ascii_alphabetic() || c == '_');
            Test::Is(Is::parse(word).ok_or_else(|| cursor.expected("null, not_null, true, false or unknown"))?)
        }
        "isdistinct" => Test::IsDistinct(value(cursor)?),
        "cs" => Test::Contains(value(cursor)?),
        "cd" => Test::ContainedBy(value(cursor)?),
        _ => Test::Overlaps(value(cursor)?),
    })
}

/// `(a,"b,c",3)`; `()` holds nothing.
fn list(cursor: &mut Cursor<'_>) -> Result<Vec<String>> {
    cursor.need("(")?;
    let mut values = Vec::new();
    if cursor.take(")") {
        return Ok(values);
    }
    loop {
        let value = match quoted_alone(cursor) {
            Some(text) => text,
            None => cursor.while_fits(|c| !matches!(c, ',' | ')')).to_owned(),
        };
        values.push(value);
        if !cursor.take(",") {
            break;
        }
    }
    cursor.need(")")?;
    Ok(values)
}
