//! Writing JSON by hand: into one string, in one pass, with the exact digits that values carry.

use std::fmt::{Display, Write as _};

use brigade::data::{Value, escape_json};

/// Writes one object. The closing brace comes with [`Object::end`].
pub struct Object<'o> {
    out: &'o mut String,
    first: bool,
}

impl<'o> Object<'o> {
    /// Opens an object.
    pub fn begin(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, first: true }
    }

    /// Writes a key; the caller writes the value into what is returned.
    pub fn key(&mut self, name: &str) -> &mut String {
        if !self.first {
            self.out.push(',');
        }
        self.first = false;
        escape_json(name, self.out);
        self.out.push(':');
        self.out
    }

    /// A string.
    pub fn text(&mut self, name: &str, text: &str) -> &mut Self {
        escape_json(text, self.key(name));
        self
    }

    /// A string or null.
    pub fn text_or_null(&mut self, name: &str, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.text(name, text),
            None => self.plain(name, "null"),
        }
    }

    /// A number, true, false or null: what its own text form is in JSON.
    pub fn plain(&mut self, name: &str, value: impl Display) -> &mut Self {
        write!(self.key(name), "{value}").expect("writing to a string");
        self
    }

    /// Something whose text form needs no escape, as a string: a position.
    pub fn quoted(&mut self, name: &str, value: impl Display) -> &mut Self {
        write!(self.key(name), "\"{value}\"").expect("writing to a string");
        self
    }

    /// A value of a column.
    pub fn value(&mut self, name: &str, value: &Value) -> &mut Self {
        value.write_json(self.key(name));
        self
    }

    /// A list of strings.
    pub fn texts<S: AsRef<str>>(&mut self, name: &str, texts: &[S]) -> &mut Self {
        list(self.key(name), texts, |out, text| escape_json(text.as_ref(), out));
        self
    }

    /// Closes it.
    pub fn end(self) {
        self.out.push('}');
    }
}

/// Writes an array, each item by `write`.
pub fn list<T>(out: &mut String, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    out.push('[');
    for (i, item) in items.into_iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

/// Writes an object of named values.
pub fn record<'v>(out: &mut String, fields: impl IntoIterator<Item = (&'v str, &'v Value)>) {
    let mut object = Object::begin(out);
    for (name, value) in fields {
        object.value(name, value);
    }
    object.end();
}
