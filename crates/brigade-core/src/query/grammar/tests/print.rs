//! A read's node as a query string: what the parser must read back just so.

use std::fmt::Write as _;

use crate::data::plan::{Comparison, Embed, Field, Group, Item, Join, Node, Order, Place, Quantifier, Test, Tree};

/// The query string of a node.
pub(super) fn query(node: &Node) -> String {
    let mut parameters = vec![("select".to_owned(), items(&node.select))];
    rest(node, "", &mut parameters);
    let pairs = parameters.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
    pairs.collect::<Vec<_>>().join("&")
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b' ' => out.push('+'),
            byte if byte.is_ascii_alphanumeric() => out.push(byte.into()),
            byte => write!(out, "%{byte:02X}").expect("writing to a string"),
        }
        out
    })
}

/// Filters, orders and pages of a node and of those embedded in it, each under its path.
fn rest(node: &Node, path: &str, parameters: &mut Vec<(String, String)>) {
    for tree in &node.filters {
        parameters.push(match tree {
            Tree::Group(group) => (format!("{path}{}", word(group)), group_of(group)),
            Tree::Compare(c) => (format!("{path}{}", field(&c.field)), comparison(c, false)),
        });
    }
    if !node.order.is_empty() {
        let parts: Vec<String> = node.order.iter().map(order).collect();
        parameters.push((format!("{path}order"), parts.join(",")));
    }
    for (name, number) in [("limit", node.limit), ("offset", node.offset)] {
        parameters.extend(number.map(|n| (format!("{path}{name}"), n.to_string())));
    }
    for item in &node.select {
        if let Item::Embed(embed) = item {
            rest(&embed.node, &format!("{path}{}.", name(embed.known_as())), parameters);
        }
    }
}

fn name(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !name.is_empty();
    if is_plain { name.to_owned() } else { quoted(name) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn field(field: &Field) -> String {
    let mut out = name(&field.column);
    for step in &field.path {
        out.push_str(if step.as_text { "->>" } else { "->" });
        match &step.to {
            Place::Key(key) => out.push_str(&quoted(key)),
            Place::Index(index) => write!(out, "{index}").expect("writing to a string"),
        }
    }
    out
}

fn items(items: &[Item]) -> String {
    items.iter().map(item).collect::<Vec<_>>().join(",")
}

fn item(item: &Item) -> String {
    let aliased = |alias: &Option<String>| alias.as_ref().map_or_else(String::new, |alias| format!("{}:", name(alias)));
    let cast = |cast: &Option<String>| cast.as_ref().map_or_else(String::new, |cast| format!("::{cast}"));
    match item {
        Item::All => "*".to_owned(),
        Item::Count { alias, cast: to } => format!("{}count(){}", aliased(alias), cast(to)),
        Item::Field(of) => {
            let aggregate = of.aggregate.map_or_else(String::new, |a| format!(".{}()", a.as_str()));
            let (before, after) = (cast(&of.cast), cast(&of.aggregate_cast));
            format!("{}{}{before}{aggregate}{after}", aliased(&of.alias), field(&of.field))
        }
        Item::Embed(Embed { alias, target, hint, join, spread, node }) => {
            let spread = if *spread { "..." } else { "" };
            let hint = hint.as_ref().map_or_else(String::new, |hint| format!("!{}", name(hint)));
            let join = match join {
                Some(Join::Inner) => "!inner",
                Some(Join::Left) => "!left",
                None => "",
            };
            format!("{spread}{}{}{hint}{join}({})", aliased(alias), name(target), items(&node.select))
        }
    }
}

fn order(order: &Order) -> String {
    let of = field(&order.field);
    let of = order.embed.as_ref().map_or_else(|| of.clone(), |embed| format!("{}({of})", name(embed)));
    let nulls = match order.nulls_first {
        Some(true) => ".nullsfirst",
        Some(false) => ".nullslast",
        None => "",
    };
    format!("{of}{}{nulls}", if order.descending { ".desc" } else { "" })
}

fn word(group: &Group) -> String {
    format!("{}{}", if group.negated { "not." } else { "" }, if group.any { "or" } else { "and" })
}

fn group_of(group: &Group) -> String {
    let of: Vec<String> = group.of.iter().map(tree).collect();
    format!("({})", of.join(","))
}

fn tree(tree: &Tree) -> String {
    match tree {
        Tree::Group(group) => format!("{}{}", word(group), group_of(group)),
        Tree::Compare(c) => format!("{}.{}", field(&c.field), comparison(c, true)),
    }
}

/// Inside a list a value is quoted; alone it is all there is.
fn comparison(comparison: &Comparison, listed: bool) -> String {
    let value = |text: &str| if listed { quoted(text) } else { text.to_owned() };
    let negated = if comparison.negated { "not." } else { "" };
    let test = match &comparison.test {
        Test::Compare { by, quantifier, with } => {
            let quantifier = match quantifier {
                Some(Quantifier::Any) => "(any)",
                Some(Quantifier::All) => "(all)",
                None => "",
            };
            format!("{}{quantifier}.{}", by.as_str(), value(with))
        }
        Test::In(values) => {
            let values: Vec<String> = values.iter().map(|v| quoted(v)).collect();
            format!("in.({})", values.join(","))
        }
        Test::Is(is) => format!("is.{}", is.as_str()),
        Test::IsDistinct(with) => format!("isdistinct.{}", value(with)),
        Test::Contains(with) => format!("cs.{}", value(with)),
        Test::ContainedBy(with) => format!("cd.{}", value(with)),
        Test::Overlaps(with) => format!("ov.{}", value(with)),
        Test::Search(search) => {
            let language = search.language.as_ref().map_or_else(String::new, |l| format!("({})", name(l)));
            format!("{}{language}.{}", search.syntax.as_str(), value(&search.query))
        }
        Test::Range(word, with) => format!("{word}.{}", value(with)),
    };
    format!("{negated}{test}")
}
