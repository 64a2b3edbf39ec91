//! Where in a body something stands: line and column, statement, and the path inside the statement.
//!
//! Every error of the parser is made here, so none can be without its place.

use brigade::data::{Error, Json, JsonKey, JsonValue, Problem, Result, code};

use crate::body::at;

/// A place in a body.
#[derive(Clone, Debug)]
pub struct Place<'b> {
    body: &'b [u8],
    statement: Option<usize>,
    /// Path inside the statement's object: `rows[0].amount`.
    path: String,
}

/// An array with the place where it began.
pub struct Items {
    /// Byte offset.
    pub at: usize,
    /// Its items.
    pub items: Vec<Json>,
}

impl<'b> Place<'b> {
    /// Outside of every statement.
    pub fn top(body: &'b [u8]) -> Self {
        Self { body, statement: None, path: String::new() }
    }

    /// The whole of one statement.
    pub fn in_statement(&self, index: usize) -> Self {
        Self { statement: Some(index), ..self.clone() }
    }

    /// Inside the object of a kind (which the path does not name), or of a bound.
    pub fn within(&self, name: &str) -> Self {
        if matches!(name, "min" | "max") { self.field(name) } else { self.clone() }
    }

    /// One field further in.
    pub fn field(&self, name: &str) -> Self {
        let path = if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) };
        Self { path, ..self.clone() }
    }

    /// BRG400 with line and column, and the problem's statement and field where it lies in one.
    pub fn error(&self, offset: usize, message: impl Into<String>, hint: impl Into<String>) -> Error {
        let (message, hint) = (message.into(), hint.into());
        let error = match self.statement {
            None => Error::new(code::MALFORMED, message).hint(hint),
            Some(statement) => Error::problems(vec![Problem {
                statement,
                field: (!self.path.is_empty()).then(|| self.path.clone()),
                code: code::MALFORMED.into(),
                message,
                hint: Some(hint),
            }]),
        };
        error.details(at(self.body, offset))
    }

    /// What stands here is something else than is wanted.
    pub fn wrong(&self, found: &Json, wanted: &str) -> Error {
        let name = if self.path.is_empty() { "a statement" } else { &self.path };
        self.error(found.at, format!("{name} must be {wanted}, not {}", shown(found)), format!("write {wanted} here"))
    }

    /// An array's items.
    pub fn array(&self, json: Json, name: &str) -> Result<Items> {
        match json.value {
            JsonValue::Array(items) => Ok(Items { at: json.at, items }),
            _ => Err(self.field(name).wrong(&json, "an array")),
        }
    }

    /// A string that is not empty.
    pub fn text(&self, json: Json, name: &str) -> Result<String> {
        match json.value {
            JsonValue::String(text) if !text.is_empty() => Ok(text),
            JsonValue::String(_) => Err(self.field(name).error(json.at, format!("{name} is empty"), "give a name")),
            _ => Err(self.field(name).wrong(&json, "a string")),
        }
    }
}

/// The fields of one object, taken out one by one; what is left in the end is unknown.
pub struct Fields<'p> {
    /// Where the object stands.
    pub place: &'p Place<'p>,
    /// Byte offset of the object.
    pub at: usize,
    what: &'p str,
    known: &'p [&'p str],
    left: Vec<(JsonKey, Json)>,
}

impl<'p> Fields<'p> {
    /// The fields of `what`, an object that may have the keys `known`.
    pub fn of(json: Json, place: &'p Place<'p>, what: &'p str, known: &'p [&'p str]) -> Result<Self> {
        match json.value {
            JsonValue::Object(left) => Ok(Self { place, at: json.at, what, known, left }),
            _ => {
                let message = format!("{what} must be an object, not {}", json.kind());
                Err(place.error(json.at, message, format!("its keys are {}", known.join(", "))))
            }
        }
    }

    /// A field that may be missing.
    pub fn take(&mut self, name: &str) -> Option<Json> {
        let index = self.left.iter().position(|(key, _)| key.name == name)?;
        Some(self.left.swap_remove(index).1)
    }

    /// A field that must be there. A wrong key in its stead is the better message.
    pub fn required(&mut self, name: &str) -> Result<Json> {
        if let Some(json) = self.take(name) {
            return Ok(json);
        }
        self.unknown()?;
        Err(self.place.error(self.at, format!("{} has no {name:?}", self.what), format!("it needs the key {name:?}")))
    }

    /// Nothing else may be there.
    pub fn end(self) -> Result<()> {
        self.unknown()
    }

    fn unknown(&self) -> Result<()> {
        let unknown = |(key, _): &&(JsonKey, Json)| !self.known.contains(&key.name.as_str());
        let Some((key, _)) = self.left.iter().filter(unknown).min_by_key(|(key, _)| key.at) else { return Ok(()) };
        let message = format!("unknown key {:?} in {}", cut(&key.name), self.what);
        Err(self.place.error(key.at, message, nearest(&key.name, self.known)))
    }
}

/// A number or a word as it was written, else what it is.
fn shown(json: &Json) -> String {
    match &json.value {
        JsonValue::Number(digits) => cut(digits).to_owned(),
        JsonValue::String(text) => format!("{:?}", cut(text)),
        _ => json.kind().to_owned(),
    }
}

/// What of a text a message shows.
fn cut(text: &str) -> &str {
    text.char_indices().nth(60).map_or(text, |(end, _)| &text[..end])
}

/// `did you mean "table"?`, or the list of what there is.
pub fn nearest(given: &str, known: &[&str]) -> String {
    let near = known.iter().map(|k| (strsim::damerau_levenshtein(cut(given), k), k)).min();
    match near {
        Some((distance, name)) if distance <= 2.max(name.len() / 3) => format!("did you mean {name:?}?"),
        _ => format!("known: {}", known.join(", ")),
    }
}
