//! Under which name somebody is counted: `rate:{identifier}:{window_bucket}`, filled in.
//!
//! Invariant: who differs has different names. What stands in for a variable of an application's own has no `:`, so it cannot
//! run into its neighbours; the identifier stands as it is, since other programs look for it.

use std::{collections::BTreeMap, fmt::Write as _};

/// The variables that brigade fills in; others are given with each check.
pub const VARIABLES: [&str; 3] = ["identifier", "window_bucket", "user_id"];

/// What precedes the id of a user in an identifier.
const USER: &str = "user:";

/// The pattern of names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    WindowBucket,
    Variable(String),
}

/// A name, with the place where a window's start belongs, if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitKey {
    text: String,
    bucket_at: Option<usize>,
}

impl Template {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is wrong, and how to mend it.
    pub fn parse(text: &str) -> Result<Self, (String, String)> {
        let example = || "as \"rate:{identifier}:{window_bucket}\"".to_owned();
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            if !rest[..at].is_empty() {
                parts.push(Part::Text(rest[..at].to_owned()));
            }
            let after = &rest[at..];
            let Some((name, left)) = after.strip_prefix('{').and_then(|after| after.split_once('}')) else {
                return Err(("a brace without its other".to_owned(), example()));
            };
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            if name.is_empty() || !name.chars().all(fits) {
                return Err((format!("{{{name}}} is no variable: a name has a-z, 0-9 and _"), example()));
            }
            parts.push(if name == "window_bucket" { Part::WindowBucket } else { Part::Variable(name.to_owned()) });
            rest = left;
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if !parts.iter().any(|part| matches!(part, Part::Variable(_))) {
            return Err(("all would be counted together: no variable says who".to_owned(), example()));
        }
        if parts.iter().filter(|part| **part == Part::WindowBucket).count() > 1 {
            return Err(("{window_bucket} stands here twice".to_owned(), example()));
        }
        if parts.windows(2).any(|pair| !pair.iter().any(|part| matches!(part, Part::Text(_)))) {
            return Err(("nothing stands between two variables, so they run into each other".to_owned(), example()));
        }
        Ok(Self(parts))
    }

    /// The variables that say who, each once.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(&**name),
            _ => None,
        })
    }

    /// The pattern with all variables alike: two limits with the same one would count under the same names.
    pub fn outline(&self) -> String {
        self.0.iter().map(|part| if let Part::Text(text) = part { text } else { "{}" }).collect()
    }

    /// The name of one who is counted.
    ///
    /// # Errors
    /// The variable that is not given, or not known.
    pub fn fill(&self, identifier: &str, given: &BTreeMap<String, String>) -> Result<LimitKey, Unfilled> {
        if let Some(strange) = given.keys().find(|name| !self.variables().any(|known| known == *name)) {
            return Err(Unfilled::Strange(strange.clone()));
        }
        let mut key = LimitKey { text: String::with_capacity(64), bucket_at: None };
        for part in &self.0 {
            match part {
                Part::Text(text) => key.text.push_str(text),
                Part::WindowBucket => key.bucket_at = Some(key.text.len()),
                Part::Variable(name) => match (given.get(name), name.as_str()) {
                    (Some(value), _) => encode(value, &mut key.text),
                    (None, "identifier") => key.text.push_str(identifier),
                    (None, "user_id") => encode(identifier.strip_prefix(USER).unwrap_or(identifier), &mut key.text),
                    (None, name) => return Err(Unfilled::Missing(name.to_owned())),
                },
            }
        }
        Ok(key)
    }
}

/// Why a name cannot be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfilled {
    /// The pattern has a variable that was not given.
    Missing(String),
    /// A variable was given that the pattern does not have.
    Strange(String),
}

impl LimitKey {
    /// The name without a window's start: the same in every window.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has a place for a window's start.
    pub fn has_bucket(&self) -> bool {
        self.bucket_at.is_some()
    }

    /// The name with a window's start, where it has a place for it.
    pub fn with_bucket(&self, bucket: impl std::fmt::Display) -> String {
        let Some((before, after)) = self.bucket_at.and_then(|at| self.text.split_at_checked(at)) else {
            return self.text.clone();
        };
        format!("{before}{bucket}{after}")
    }
}

/// `:` and `%`, and what no program likes in a name, become `%XX`.
pub fn encode(value: &str, into: &mut String) {
    for c in value.chars() {
        if matches!(c, ':' | '%') || c.is_control() {
            let mut bytes = [0; 4];
            for byte in c.encode_utf8(&mut bytes).bytes() {
                let _ = write!(into, "%{byte:02X}");
            }
        } else {
            into.push(c);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(given: &[(&str, &str)]) -> BTreeMap<String, String> {
        given.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect()
    }

    #[test]
    fn names_are_filled_in() {
        for (template, identifier, given, expected) in [
            ("rate:{identifier}:{window_bucket}", "user:42", vec![], "rate:user:42:7"),
            ("{window_bucket}/{identifier}", "ip:::1", vec![], "7/ip:::1"),
            (
                "rate_limit:{user_id}:{endpoint}",
                "user:a:b",
                vec![("endpoint", "GET /x:y")],
                "rate_limit:a%3Ab:GET /x%3Ay",
            ),
            ("rate_limit:{user_id}", "apikey:9", vec![("user_id", "100%\n")], "rate_limit:100%25%0A"),
        ] {
            let key = Template::parse(template).unwrap().fill(identifier, &vars(&given)).unwrap();
            assert_eq!(key.with_bucket(7), expected, "{template}");
        }
        let template = Template::parse("a:{endpoint}").unwrap();
        assert_eq!(template.fill("x", &vars(&[])), Err(Unfilled::Missing("endpoint".to_owned())));
        let given = vars(&[("endpoint", ""), ("user", "")]);
        assert_eq!(template.fill("x", &given), Err(Unfilled::Strange("user".to_owned())));
    }

    #[test]
    fn patterns_that_tell_nobody_apart_are_refused() {
        for (template, why) in [
            ("rate", "no variable says who"),
            ("rate:{window_bucket}", "no variable says who"),
            ("rate:{identifier", "a brace without its other"),
            ("rate:identifier}", "a brace without its other"),
            ("rate:{}", "no variable"),
            ("rate:{User}", "no variable"),
            ("{identifier}{endpoint}", "run into each other"),
            ("{window_bucket}:{identifier}:{window_bucket}", "twice"),
        ] {
            let (message, hint) = Template::parse(template).expect_err(template);
            assert!(message.contains(why) && hint.contains("{identifier}"), "{template}: {message}");
        }
    }
}
