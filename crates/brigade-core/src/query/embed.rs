//! Which relationship an embed means: by the name of the relation, of a foreign key or of its column, made certain by a
//! hint where there are several.

use std::sync::Arc;

use crate::{
    data::{
        Error, Result, escape_json,
        plan::{Embed, Join},
    },
    engine::{CheckedEmbed, Link},
    limits,
    schema::{Cardinality, Relation, Relationship, Way, access::denied},
};

use super::{
    check::{Checker, past},
    unknown,
};

impl Checker<'_> {
    pub(super) fn embed(&mut self, embed: &Embed, parent: &Arc<Relation>, depth: usize) -> Result<CheckedEmbed> {
        self.embeds += 1;
        if depth > limits::EMBED_DEPTH_MAX {
            return Err(past("embeds nest too deep", "EMBED_DEPTH_MAX", limits::EMBED_DEPTH_MAX));
        }
        if self.embeds > limits::EMBEDS_MAX {
            return Err(past("too many embeds", "EMBEDS_MAX", limits::EMBEDS_MAX));
        }
        let relations = self.relations;
        let links = relations.links_of(parent);
        let fitting: Vec<&Relationship> = links.iter().filter(|link| fits(link, embed)).collect();
        let found: Vec<&Relationship> = fitting.iter().copied().filter(|link| self.is_open(link)).collect();
        let link = match found[..] {
            [link] => link,
            // Closed and not there are refused alike.
            [] if !fitting.is_empty() || !self.grants.may_read(&embed.target, &[]) => {
                return Err(denied(&embed.target).details("not open: select, or the columns by which it is embedded"));
            }
            [] => return Err(self.none_found(embed, parent)),
            _ => return Err(ambiguous(embed, parent, &found)),
        };
        let node = self.node(&embed.node, &link.to, depth)?;
        Ok(CheckedEmbed {
            node,
            outer: Arc::clone(parent),
            link: columns(link),
            is_one: link.is_one(),
            is_inner: embed.join == Some(Join::Inner),
        })
    }

    /// Whether the columns that meet may be read, also those of a junction: which rows belong together is data.
    fn is_open(&self, link: &Relationship) -> bool {
        let open = |relation: &Relation, columns: &mut dyn Iterator<Item = usize>| {
            let columns: Vec<&str> = columns.map(|c| relation.columns[c].name.as_str()).collect();
            self.grants.may_read(&relation.name, &columns)
        };
        if !self.grants.are_limited() {
            return true;
        }
        match &link.way {
            Way::Direct { columns, .. } => {
                open(&link.from, &mut columns.iter().map(|p| p.0)) && open(&link.to, &mut columns.iter().map(|p| p.1))
            }
            Way::Through { junction, near, far, .. } => {
                let middle = &mut near.iter().map(|p| p.1).chain(far.iter().map(|p| p.0));
                open(&link.from, &mut near.iter().map(|p| p.0))
                    && open(junction, middle)
                    && open(&link.to, &mut far.iter().map(|p| p.1))
            }
        }
    }

    fn none_found(&self, embed: &Embed, parent: &Relation) -> Error {
        let (from, to) = (&parent.name, &embed.target);
        let with_hint = embed.hint.as_ref().map_or_else(String::new, |hint| format!(" using the hint '{hint}'"));
        let message = format!("Could not find a relationship between '{from}' and '{to}' in the schema cache");
        let details = format!(
            "Searched for a foreign key relationship between '{from}' and '{to}'{with_hint} in the schema 'public', \
             but no matches were found."
        );
        let error = Error::new("PGRST200", message).details(details);
        let related = self.relations.links_of(parent).iter().map(|link| link.to.name.as_str());
        let related = related.filter(|name| name != to && self.grants.may_read(name, &[]));
        match unknown::alike(to, related) {
            Some(near) => error.hint(format!("Perhaps you meant '{near}' instead of '{to}'.")),
            None => error,
        }
    }
}

/// Whether a relationship is one that the embed may mean. From a table to itself there are always two: its name means the
/// way back (to many), the foreign key's column the way there (to one).
fn fits(link: &Relationship, embed: &Embed) -> bool {
    let is_self = link.from.name == link.to.name;
    let by_name = link.to.name == embed.target && !(is_self && link.key_is_here());
    match &embed.hint {
        Some(hint) => by_name && is_hinted(link, hint),
        None => by_name || (link.key_is_here() && !link.to.is_view && is_key(link, &embed.target)),
    }
}

fn is_key(link: &Relationship, name: &str) -> bool {
    let is_constraint = matches!(&link.way, Way::Direct { constraint, .. } if constraint == name);
    is_constraint || link.key_column() == Some(name)
}

fn is_hinted(link: &Relationship, hint: &str) -> bool {
    match &link.way {
        Way::Direct { .. } => is_key(link, hint),
        Way::Through { junction, .. } => junction.name == hint,
    }
}

fn columns(link: &Relationship) -> Link {
    match &link.way {
        Way::Direct { columns, .. } => Link::Direct(columns.clone()),
        Way::Through { junction, near, far, .. } => {
            Link::Through { junction: Arc::clone(junction), near: near.clone(), far: far.clone() }
        }
    }
}

/// PGRST201; its details are JSON: one object for each candidate.
fn ambiguous(embed: &Embed, parent: &Relation, found: &[&Relationship]) -> Error {
    let (from, to) = (&parent.name, &embed.target);
    let mut details = String::from("[");
    let mut choices: Vec<String> = Vec::with_capacity(found.len());
    for (i, link) in found.iter().enumerate() {
        details.push_str(if i > 0 { "," } else { "" });
        details.push_str("{\"cardinality\":");
        escape_json(cardinality(link.cardinality), &mut details);
        details.push_str(",\"embedding\":");
        escape_json(&format!("{from} with {}", link.to.name), &mut details);
        details.push_str(",\"relationship\":");
        escape_json(&described(link), &mut details);
        details.push('}');
        let hint = match &link.way {
            Way::Direct { constraint, .. } => constraint,
            Way::Through { junction, .. } => &junction.name,
        };
        choices.push(format!("'{to}!{hint}'"));
    }
    details.push(']');
    let message = format!("Could not embed because more than one relationship was found for '{from}' and '{to}'");
    Error::new("PGRST201", message).details(details).hint(format!(
        "Try changing '{to}' to one of the following: {}. Find the desired relationship in the 'details' key.",
        choices.join(", ")
    ))
}

fn cardinality(cardinality: Cardinality) -> &'static str {
    match cardinality {
        Cardinality::ManyToOne => "many-to-one",
        Cardinality::OneToMany => "one-to-many",
        Cardinality::OneToOne { .. } => "one-to-one",
        Cardinality::ManyToMany => "many-to-many",
    }
}

fn described(link: &Relationship) -> String {
    let names = |relation: &Relation, columns: &mut dyn Iterator<Item = usize>| {
        let names: Vec<&str> = columns.map(|c| relation.columns[c].name.as_str()).collect();
        format!("{}({})", relation.name, names.join(", "))
    };
    match &link.way {
        Way::Direct { constraint, columns } => format!(
            "{constraint} using {} and {}",
            names(&link.from, &mut columns.iter().map(|p| p.0)),
            names(&link.to, &mut columns.iter().map(|p| p.1))
        ),
        Way::Through { junction, constraints, near, far } => format!(
            "{} using {}({}) and {}({})",
            junction.name,
            constraints.0,
            near.iter().map(|p| junction.columns[p.1].name.as_str()).collect::<Vec<_>>().join(", "),
            constraints.1,
            far.iter().map(|p| junction.columns[p.0].name.as_str()).collect::<Vec<_>>().join(", ")
        ),
    }
}
