//! Names that nobody knows, each with the one that may have been meant: a guess is offered only where it is near enough to
//! be useful.

use crate::{
    data::{Error, code},
    schema::{Relation, Relations, access::Grants},
};

/// How alike two names must be for the one to be offered for the other.
const ALIKE: f64 = 0.75;

/// The name that is most alike, if one is alike enough.
pub(super) fn alike<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    known
        .map(|k| (strsim::normalized_damerau_levenshtein(&name, &k.to_lowercase()), k))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, k)| k)
}

/// No table or view has this name. Another is offered only to who may read it.
pub fn relation(name: &str, relations: &Relations, grants: Grants<'_>) -> Error {
    let error = Error::new("PGRST205", format!("Could not find the table 'public.{name}' in the schema cache"));
    match alike(name, relations.names().filter(|name| grants.may_read(name, &[]))) {
        Some(near) => error.hint(format!("Perhaps you meant the table 'public.{near}'")),
        None => error,
    }
}

/// The relation has no such column.
pub(super) fn column(name: &str, relation: &Relation) -> Error {
    let message = format!("column {}.{name} does not exist", relation.name);
    let error = Error::new(code::UNKNOWN_COLUMN, message);
    match alike(name, relation.columns.iter().map(|c| c.name.as_str())) {
        Some(near) => error.hint(format!("Perhaps you meant to reference the column \"{}.{near}\".", relation.name)),
        None => error,
    }
}

/// A filter, order or limit for a relation that the request does not embed.
pub(super) fn not_embedded(name: &str) -> Error {
    Error::new("PGRST108", format!("'{name}' is not an embedded resource in this request"))
        .hint(format!("Verify that '{name}' is included in the 'select' query parameter."))
}

/// A part of the conventions that is not there, on any engine.
pub(super) fn not_there(what: &str) -> Error {
    Error::new("PGRST127", format!("Feature not implemented: {what}"))
}
