//! What a call gives: by name, in the query string of a GET or in the body of a POST; and which routine of the name takes
//! just that.

use std::sync::Arc;

use axum::http::{HeaderMap, header};
use brigade::query::grammar;
use brigade::{
    data::{Error, Json, JsonValue, Result, SqlType, Value, ValueError, code},
    engine::{Routine, RoutineParam},
    schema::{Model, nearest},
};

/// What is given, before anybody has looked whether it fits.
pub(super) struct Given {
    /// Names with what they are given; a name may come more than once.
    named: Vec<(String, Argument)>,
    /// The whole body, for a routine that takes it as it is.
    body: Option<String>,
    /// The query string without what is given in it.
    rest: Option<String>,
}

/// One thing that is given.
#[derive(Clone, Debug, PartialEq)]
enum Argument {
    Text(String),
    Json(Json),
}

/// A routine, and its values in the order of its parameters.
type Chosen = (Arc<Routine>, Vec<Option<Value>>);

impl Given {
    /// Of a GET: what has the name of a parameter is given, everything else asks of the result.
    pub(super) fn of_query(query: &str, found: &[Arc<Routine>]) -> Result<Self> {
        let is_param = |name: &str| found.iter().any(|routine| routine.params.iter().any(|p| p.name == name));
        let (mut named, mut rest) = (Vec::new(), Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = grammar::decode(name)?;
            if is_param(&name) {
                named.push((name, Argument::Text(grammar::decode(value)?)));
            } else {
                rest.push(pair);
            }
        }
        Ok(Self { named, body: None, rest: Some(rest.join("&")) })
    }

    /// Of a POST: an object, or a form. A routine that takes a whole body is given it as it came.
    pub(super) fn of_body(headers: &HeaderMap, body: &[u8], found: &[Arc<Routine>]) -> Result<Self> {
        let malformed = |message: &str| Error::new("PGRST102", message.to_owned());
        let text = std::str::from_utf8(body).map_err(|_| malformed("the body is no UTF-8"))?;
        let content_type = headers.get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
        let content_type = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let whole = || Some(text.to_owned());
        if found.iter().any(|routine| takes_body(routine)) && (!content_type.contains("form") || text.is_empty()) {
            let named = match Json::parse(body).map(|json| json.value) {
                Ok(JsonValue::Object(entries)) => {
                    entries.into_iter().map(|(key, value)| (key.name, Argument::Json(value))).collect()
                }
                _ => Vec::new(),
            };
            return Ok(Self { named, body: whole(), rest: None });
        }
        let named = match content_type.as_str() {
            "application/x-www-form-urlencoded" => {
                let pair = |pair: &str| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    Ok((grammar::decode(name)?, Argument::Text(grammar::decode(value)?)))
                };
                text.split('&').filter(|pair| !pair.is_empty()).map(pair).collect::<Result<_>>()?
            }
            "" | "*/*" | "application/json" => {
                if text.trim().is_empty() {
                    Vec::new()
                } else {
                    match Json::parse(body).map(|json| json.value) {
                        Ok(JsonValue::Object(entries)) => {
                            entries.into_iter().map(|(key, value)| (key.name, Argument::Json(value))).collect()
                        }
                        _ => return Err(malformed("Empty or invalid json").hint("send an object of named values")),
                    }
                }
            }
            other => return Err(malformed(&format!("Content-Type not acceptable: {other}"))),
        };
        Ok(Self { named, body: None, rest: None })
    }

    /// The query string that asks of the result.
    pub(super) fn rest<'q>(&'q self, query: &'q str) -> &'q str {
        self.rest.as_deref().unwrap_or(query)
    }

    /// The one routine that takes just what is given, and its values.
    ///
    /// # Errors
    /// PGRST202 where there is none, PGRST203 where there are several, 22P02 and its like for a value.
    pub(super) fn choose(
        &self,
        name: &str,
        found: &[Arc<Routine>],
        model: &Model,
        names: impl FnOnce() -> Vec<String>,
    ) -> Result<Chosen> {
        let fitting: Vec<&Arc<Routine>> = found.iter().filter(|routine| self.fits(routine)).collect();
        let whole: Vec<&Arc<Routine>> = found.iter().filter(|routine| takes_body(routine)).collect();
        match (&fitting[..], &whole[..]) {
            ([routine], _) => Ok((Arc::clone(routine), self.values(routine, model)?)),
            ([], [routine]) if self.body.is_some() => {
                let body = self.body.as_deref().unwrap_or_default();
                let value = read(&routine.params[0], &[&Argument::Text(body.to_owned())], model)?;
                Ok((Arc::clone(routine), vec![Some(value)]))
            }
            ([], _) => Err(self.not_found(name, names())),
            (several, _) => Err(ambiguous(name, several)),
        }
    }

    fn fits(&self, routine: &Routine) -> bool {
        let known = |(name, _): &(String, Argument)| routine.params.iter().any(|p| p.name == *name);
        let is_given = |p: &RoutineParam| p.has_default || self.named.iter().any(|(name, _)| *name == p.name);
        !takes_body(routine) && self.named.iter().all(known) && routine.params.iter().all(is_given)
    }

    fn values(&self, routine: &Routine, model: &Model) -> Result<Vec<Option<Value>>> {
        let value = |param: &RoutineParam| {
            let given: Vec<&Argument> =
                self.named.iter().filter(|(name, _)| *name == param.name).map(|(_, argument)| argument).collect();
            if given.is_empty() { Ok(None) } else { read(param, &given, model).map(Some) }
        };
        routine.params.iter().map(value).collect()
    }

    fn not_found(&self, name: &str, names: Vec<String>) -> Error {
        let mut given: Vec<&str> = self.named.iter().map(|(name, _)| name.as_str()).collect();
        given.sort_unstable();
        given.dedup();
        let list = given.join(", ");
        let (shown, with) = match given.len() {
            0 => (format!("public.{name} without parameters"), " without parameters".to_owned()),
            1 => (format!("public.{name}({list})"), format!(" with parameter {list}")),
            _ => (format!("public.{name}({list})"), format!(" with parameters {list}")),
        };
        let error = Error::new("PGRST202", format!("Could not find the function {shown} in the schema cache")).details(
            format!("Searched for the function public.{name}{with}, but no matches were found in the schema cache."),
        );
        match nearest(name, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("Perhaps you meant to call the function public.{near}")),
            None => error,
        }
    }
}

/// Whether a routine takes a whole body: its one parameter has no name.
fn takes_body(routine: &Routine) -> bool {
    matches!(&routine.params[..], [only] if only.name.is_empty())
}

fn ambiguous(name: &str, several: &[&Arc<Routine>]) -> Error {
    let shown = |routine: &&Arc<Routine>| {
        let params: Vec<String> = routine.params.iter().map(|p| format!("{} => {}", p.name, p.ty)).collect();
        format!("public.{name}({})", params.join(", "))
    };
    let candidates: Vec<String> = several.iter().map(shown).collect();
    Error::new(
        "PGRST203",
        format!("Could not choose the best candidate function between: {}", candidates.join(", ")),
    )
    .hint("Try renaming the parameters or the function itself in the database so function overloading can be resolved")
}

/// A value of a parameter's type. A name that comes several times is a list where the routine takes one, else the last counts.
fn read(param: &RoutineParam, given: &[&Argument], model: &Model) -> Result<Value> {
    let of = match &param.ty {
        SqlType::Array(of) if param.is_variadic => Some(&**of),
        _ => None,
    };
    let value = match (of, given) {
        (Some(of), given) if given.len() > 1 || matches!(given, [Argument::Text(text)] if !text.starts_with('{')) => {
            given.iter().map(|argument| one(of, argument, model)).collect::<Result<_, _>>().map(Value::Array)
        }
        (_, [.., last]) => one(&param.ty, last, model),
        (_, []) => Ok(Value::Null),
    };
    value.map_err(|error| {
        let message = match error.code {
            code::INVALID_TEXT | "22007" => format!("invalid input syntax for type {}: {}", param.ty, error.message),
            _ => error.message,
        };
        Error::new(error.code, message).details(format!("parameter {}", param.name))
    })
}

fn one(ty: &SqlType, argument: &Argument, model: &Model) -> Result<Value, ValueError> {
    let json = match argument {
        Argument::Text(text) => return model.read_text(ty, text),
        Argument::Json(json) => json,
    };
    let value = match (&json.value, ty) {
        (JsonValue::Null, _) => return Ok(Value::Null),
        (JsonValue::Array(_), SqlType::Array(_)) => Value::from_json(ty, json)?,
        _ if ty.is_json() => Value::from_json(ty, json)?,
        (JsonValue::String(text) | JsonValue::Number(text), _) => return model.read_text(ty, text),
        (JsonValue::Bool(b), _) => return model.read_text(ty, &b.to_string()),
        _ => return model.read_text(ty, &json.to_compact()),
    };
    model.check_label(ty, value)
}
