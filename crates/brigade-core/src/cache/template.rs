//! Key templates, as `link:{uid}`: a row's values make a key, and a key tells the values again.
//!
//! A key is a list of segments with `:` between them. A segment holds one name at most, and values have their `:` and `%`
//! percent-encoded, so a key is read back in one way only, and two templates can be held against each other.

use std::{borrow::Cow, fmt, str::FromStr};

/// A key template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    text: String,
    segments: Vec<Segment>,
}

/// What stands between two `:`.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Text(String),
    Name { before: String, name: String, after: String },
}

/// What is wrong with a template, and how to mend it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong.
    pub what: String,
    /// How to mend it.
    pub hint: String,
}

impl Template {
    /// The names in it, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Name { name, .. } => Some(name.as_str()),
            Segment::Text(_) => None,
        })
    }

    /// The key of values; none where one of them is null, for which `value` gives none.
    pub fn key<'v>(&self, mut value: impl FnMut(&str) -> Option<Cow<'v, str>>) -> Option<String> {
        self.join(&self.segments, &mut value)
    }

    /// What all keys begin with whose values are these, as far as they are known from the front: `feed:7:` of
    /// `feed:{user}:{page}`, where the page is not known. A whole key where all are.
    pub fn prefix<'v>(&self, mut value: impl FnMut(&str) -> Option<Cow<'v, str>>) -> Prefix {
        let known = self.segments.iter().position(|segment| match segment {
            Segment::Name { name, .. } => value(name).is_none(),
            Segment::Text(_) => false,
        });
        match known {
            None => Prefix::Key(self.join(&self.segments, &mut value).unwrap_or_default()),
            Some(unknown) => {
                let mut begin = self.join(&self.segments[..unknown], &mut value).unwrap_or_default();
                begin.push_str(if unknown > 0 { ":" } else { "" });
                if let Segment::Name { before, .. } = &self.segments[unknown] {
                    begin.push_str(before);
                }
                Prefix::All(begin)
            }
        }
    }

    fn join<'v>(&self, segments: &[Segment], value: &mut impl FnMut(&str) -> Option<Cow<'v, str>>) -> Option<String> {
        let mut key = String::with_capacity(self.text.len() + 32);
        for (i, segment) in segments.iter().enumerate() {
            key.push_str(if i > 0 { ":" } else { "" });
            match segment {
                Segment::Text(text) => key.push_str(text),
                Segment::Name { before, name, after } => {
                    key.push_str(before);
                    encode(&value(name)?, &mut key);
                    key.push_str(after);
                }
            }
        }
        Some(key)
    }

    /// The values of a key, in the order of the names; none for a key that it does not make.
    pub fn values(&self, key: &str) -> Option<Vec<String>> {
        let mut parts = key.split(':');
        let mut values = Vec::new();
        for segment in &self.segments {
            let part = parts.next()?;
            match segment {
                Segment::Text(text) => (part == text).then_some(())?,
                Segment::Name { before, after, .. } => {
                    values.push(decode(part.strip_prefix(before.as_str())?.strip_suffix(after.as_str())?)?);
                }
            }
        }
        parts.next().is_none().then_some(values)
    }

    /// Whether there is a key that both make.
    pub fn meets(&self, other: &Self) -> bool {
        let nested = |a: &str, b: &str, begins: bool| {
            let within = |long: &str, short: &str| if begins { long.starts_with(short) } else { long.ends_with(short) };
            within(a, b) || within(b, a)
        };
        let fits = |before: &str, after: &str, text: &str| {
            text.len() >= before.len() + after.len() && text.starts_with(before) && text.ends_with(after)
        };
        let meet = |(mine, theirs): (&Segment, &Segment)| match (mine, theirs) {
            (Segment::Text(a), Segment::Text(b)) => a == b,
            (Segment::Name { before, after, .. }, Segment::Text(text))
            | (Segment::Text(text), Segment::Name { before, after, .. }) => fits(before, after, text),
            (Segment::Name { before: a, after: x, .. }, Segment::Name { before: b, after: y, .. }) => {
                nested(a, b, true) && nested(x, y, false)
            }
        };
        self.segments.len() == other.segments.len() && self.segments.iter().zip(&other.segments).all(meet)
    }
}

/// Which keys: see [`Template::prefix`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// This one.
    Key(String),
    /// All that begin so.
    All(String),
}

impl FromStr for Template {
    type Err = Mistake;

    fn from_str(text: &str) -> Result<Self, Mistake> {
        let mistake = |what: String, hint: &str| Mistake { what, hint: hint.to_owned() };
        const FORM: &str = "as \"link:{slug}\": text, and names of columns in braces";
        if text.is_empty() || text.chars().any(char::is_control) {
            return Err(mistake("an empty key, or one with control characters".to_owned(), FORM));
        }
        let mut segments = Vec::new();
        for part in text.split(':') {
            let segment = match part.split_once('{') {
                None => Segment::Text(part.to_owned()),
                Some((before, rest)) => {
                    let (name, after) =
                        rest.split_once('}').ok_or_else(|| mistake("a { without its }".to_owned(), FORM))?;
                    if after.contains('{') {
                        return Err(mistake(
                            "two names without a : between them: the key could be read in two ways".to_owned(),
                            "put a : between the names, as \"feed:{user_id}:{page}\"",
                        ));
                    }
                    let fits = |c: char| c.is_alphanumeric() || c == '_';
                    if name.is_empty() || !name.chars().all(fits) {
                        return Err(mistake(format!("{{{name}}} names nothing"), FORM));
                    }
                    Segment::Name { before: before.to_owned(), name: name.to_owned(), after: after.to_owned() }
                }
            };
            let texts = match &segment {
                Segment::Text(text) => [text.as_str(), ""],
                Segment::Name { before, after, .. } => [before.as_str(), after.as_str()],
            };
            if texts.iter().any(|text| text.contains(['}', '%'])) {
                return Err(mistake("a } or % outside of a name".to_owned(), FORM));
            }
            segments.push(segment);
        }
        let template = Self { text: text.to_owned(), segments };
        let names: Vec<&str> = template.names().collect();
        match names.iter().enumerate().find(|(i, name)| names[..*i].contains(name)) {
            Some((_, twice)) => Err(mistake(format!("{{{twice}}} stands twice"), "name each column once")),
            None => Ok(template),
        }
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn encode(value: &str, key: &mut String) {
    for part in value.split_inclusive([':', '%']) {
        match part.strip_suffix([':', '%']) {
            Some(text) => {
                key.push_str(text);
                key.push_str(if part.ends_with(':') { "%3A" } else { "%25" });
            }
            None => key.push_str(part),
        }
    }
}

/// The value that [`encode`] wrote; none for what it does not write.
fn decode(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut value = parts.next()?.to_owned();
    for part in parts {
        value.push(match part.get(..2)? {
            "3A" => ':',
            "25" => '%',
            _ => return None,
        });
        value.push_str(&part[2..]);
    }
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> Template {
        text.parse().unwrap_or_else(|mistake: Mistake| panic!("{text}: {}", mistake.what))
    }

    #[test]
    fn a_key_is_read_back() {
        let feed = template("feed:u{user}-:{page}");
        for values in [["7", "1"], ["a:b%c", "%3A"], ["", "ü {x}"], ["-", ":"]] {
            let key = feed.key(|name| Some(values[usize::from(name == "page")].into())).unwrap();
            assert_eq!(feed.values(&key).unwrap(), values, "{key}");
            assert_eq!(key.matches(':').count(), 2, "{key}");
        }
        assert_eq!(feed.key(|name| (name == "user").then(|| "7".into())), None, "a null makes no key");
        for other in ["feed:u7-", "feed:u7-:1:2", "feed:7-:1", "feed:u7-:%41", "feed:u7-:%3", "food:u7-:1", ""] {
            assert_eq!(feed.values(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_known_from_the_front_is_a_prefix() {
        let feed = template("feed:{user}:p{page}");
        let prefix = |known: &[(&str, &str)]| {
            feed.prefix(|name| known.iter().find(|(n, _)| *n == name).map(|(_, value)| Cow::from((*value).to_owned())))
        };
        assert_eq!(prefix(&[("user", "7"), ("page", "2")]), Prefix::Key("feed:7:p2".to_owned()));
        assert_eq!(prefix(&[("user", "7")]), Prefix::All("feed:7:p".to_owned()));
        assert_eq!(prefix(&[("page", "2")]), Prefix::All("feed:".to_owned()));
    }

    #[test]
    fn templates_that_make_the_same_key_are_found() {
        for (a, b, meet) in [
            ("link:{uid}", "link:{slug}", true),
            ("link:{uid}", "user:{id}", false),
            ("link:{uid}", "link:{uid}:x", false),
            ("link:{uid}", "link:all", true),
            ("link:a{uid}", "link:b{uid}", false),
            ("link:a{uid}", "link:ab{uid}c", true),
            ("link:{uid}x", "link:{uid}y", false),
            ("link:{a}", "{b}:1", true),
            ("link:aba{x}aba", "link:aba", false),
            ("a:b", "a:b", true),
        ] {
            assert_eq!(template(a).meets(&template(b)), meet, "{a} {b}");
            assert_eq!(template(b).meets(&template(a)), meet, "{b} {a}");
        }
    }

    #[test]
    fn mistakes_are_told() {
        for (text, what) in [
            ("", "an empty key, or one with control characters"),
            ("a:{b", "a { without its }"),
            ("a:{}", "{} names nothing"),
            ("a:{b c}", "{b c} names nothing"),
            ("a:{b}{c}", "two names without a : between them: the key could be read in two ways"),
            ("a:{b}:{b}", "{b} stands twice"),
            ("a:b}", "a } or % outside of a name"),
            ("a%:{b}", "a } or % outside of a name"),
        ] {
            assert_eq!(text.parse::<Template>().unwrap_err().what, what, "{text}");
        }
    }
}
