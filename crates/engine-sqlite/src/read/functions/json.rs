//! JSON that is made of a row's values, and values that are found inside JSON.

use std::sync::Arc;

use brigade_core::data::{Json, JsonValue, escape_json};
use rusqlite::{Error, Result, functions::Context};

use crate::read::row::{Kind, layout};

fn known(context: &Context<'_>) -> Result<Arc<Vec<(String, Kind)>>> {
    context.get_or_create_aux(0, |value| -> std::result::Result<_, Error> {
        Ok(layout(value.as_str().map_err(|e| Error::UserFunctionError(Box::new(e)))?))
    })
}

/// `(layout, values…)`: one JSON object.
pub(super) fn object(context: &Context<'_>) -> Result<String> {
    let layout = known(context)?;
    let mut out = String::with_capacity(layout.len() * 24);
    out.push('{');
    for (i, (name, kind)) in layout.iter().enumerate() {
        out.push_str(if i > 0 { "," } else { "" });
        escape_json(name, &mut out);
        out.push(':');
        kind.write(context.get_raw(i + 1), &mut out);
    }
    out.push('}');
    Ok(out)
}

/// `(layout, value)`: one JSON value.
pub(super) fn value(context: &Context<'_>) -> Result<String> {
    let layout = known(context)?;
    let mut out = String::new();
    layout.first().map_or(Kind::Text, |(_, kind)| *kind).write(context.get_raw(1), &mut out);
    Ok(out)
}

/// A way into JSON.
struct Way {
    steps: Vec<Step>,
    as_text: bool,
}

enum Step {
    Key(String),
    Index(i64),
}

impl Way {
    /// Reads what `value.rs` wrote.
    fn read(text: &str) -> Self {
        let (steps, end) = text.rsplit_once('\0').unwrap_or(("", text));
        let step = |step: &str| match (step.get(..1), step.get(1..)) {
            (Some("i"), Some(digits)) => Step::Index(digits.parse().unwrap_or_default()),
            (_, key) => Step::Key(key.unwrap_or_default().to_owned()),
        };
        Self { steps: steps.split('\0').map(step).collect(), as_text: end == "t" }
    }

    fn follow<'j>(&self, mut json: &'j Json) -> Option<&'j Json> {
        for step in &self.steps {
            json = match (step, &json.value) {
                (Step::Key(key), JsonValue::Object(_)) => json.get(key)?,
                (Step::Index(index), JsonValue::Array(items)) => {
                    let index = if *index < 0 { items.len() as i64 + index } else { *index };
                    items.get(usize::try_from(index).ok()?)?
                }
                _ => return None,
            };
        }
        Some(json)
    }
}

/// `(json, way)`: what is there, as JSON or as text; null where nothing is.
pub(super) fn path(context: &Context<'_>) -> Result<Option<String>> {
    let way = context.get_or_create_aux(1, |value| -> std::result::Result<_, Error> {
        Ok(Way::read(value.as_str().map_err(|e| Error::UserFunctionError(Box::new(e)))?))
    })?;
    let Ok(text) = context.get_raw(0).as_str() else { return Ok(None) };
    let Ok(json) = Json::parse_lenient(text.as_bytes()) else { return Ok(None) };
    Ok(way.follow(&json).and_then(|found| match &found.value {
        JsonValue::Null if way.as_text => None,
        JsonValue::String(text) if way.as_text => Some(text.clone()),
        _ => found.to_jsonb(),
    }))
}
