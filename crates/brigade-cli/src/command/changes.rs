//! `changes`: the log. The lines of the HTTP API as they are for programs, aligned ones for people.

use brigade::data::{Json, JsonValue};
use reqwest::Method;

use super::segment;
use crate::{
    access::Access,
    failure::{Answer, Failure},
    output,
};

/// Characters of one value shown to people.
const SHOWN_MAX: usize = 60;

/// Which changes.
pub struct Wanted<'a> {
    pub after: &'a Option<String>,
    pub table: &'a Option<String>,
    pub limit: Option<u64>,
    pub follow: bool,
}

/// Shows changes until the newest, or for ever.
pub async fn run(access: &Access, wanted: &Wanted<'_>, json: bool) -> Result<Answer, Failure> {
    let route = format!("/changes?{}", query(wanted));
    let request = access.request(Method::GET, &route).header("accept", "application/x-ndjson");
    let mut lines = access.lines(request).await?;
    let mut widths = Widths::default();
    let mut newest = None;
    while let Some(line) = lines.next().await? {
        if json {
            output::line(&line)?;
            continue;
        }
        match Json::parse_lenient(line.as_bytes()) {
            Ok(change) => {
                output::line(widths.align(&change))?;
                newest = change.get("position").and_then(Json::as_str).map(str::to_owned);
            }
            Err(_) => output::line(&line)?,
        }
    }
    if let Some(position) = newest {
        output::note(format!("for what comes next: --after {position}"));
    }
    Ok(Answer::Yes)
}

fn query(wanted: &Wanted<'_>) -> String {
    let limit = wanted.limit.map(|n| n.to_string());
    let named = [("after", wanted.after), ("table", wanted.table), ("limit", &limit)];
    let mut parts: Vec<String> =
        named.iter().filter_map(|(name, value)| Some(format!("{name}={}", segment(value.as_ref()?)))).collect();
    if wanted.follow {
        parts.push("follow=true".to_owned());
    }
    parts.join("&")
}

/// Columns grow with what came, since what will come is not known.
#[derive(Default)]
struct Widths {
    table: usize,
    key: usize,
}

impl Widths {
    fn align(&mut self, change: &Json) -> String {
        let text = |name: &str| change.get(name).and_then(Json::as_str).unwrap_or_default();
        let key = change.get("key").map(pairs).unwrap_or_default();
        let key = key.iter().map(|(k, v)| format!("{k}={}", shown(v))).collect::<Vec<_>>().join(" ");
        let table = text("table");
        self.table = self.table.max(table.chars().count());
        self.key = self.key.max(key.chars().count());
        // Every time is as wide as the widest, whatever its fractional digits.
        let time = text("time").replace("+00:00", "").replace('T', " ");
        let line = format!(
            "{time:<26}  {op:<8}  {table:<t$}  {key:<k$}  {what}",
            op = text("op"),
            t = self.table,
            k = self.key,
            what = what(change)
        );
        line.trim_end().to_owned()
    }
}

/// What happened to the row: its values for a new one, what differs for an update.
fn what(change: &Json) -> String {
    let [before, after, key] = ["before", "after", "key"].map(|n| change.get(n).map(pairs).unwrap_or_default());
    let old = |name: &str| before.iter().find(|(k, _)| *k == name).map(|(_, v)| *v);
    let parts: Vec<String> = match change.get("op").and_then(Json::as_str) {
        Some("update") => after
            .iter()
            .filter(|(name, new)| old(name).is_none_or(|o| o.to_compact() != new.to_compact()))
            .map(|(name, new)| match old(name) {
                Some(old) => format!("{name}: {} -> {}", shown(old), shown(new)),
                None => format!("{name}: {}", shown(new)),
            })
            .collect(),
        Some("schema") => {
            let migration = change.get("schema").map(pairs).unwrap_or_default();
            migration.iter().map(|(name, value)| format!("{name}={}", shown(value))).collect()
        }
        _ => after
            .iter()
            .filter(|(name, _)| !key.iter().any(|(k, _)| k == name))
            .map(|(name, new)| format!("{name}={}", shown(new)))
            .collect(),
    };
    parts.join(" ")
}

fn pairs(json: &Json) -> Vec<(&str, &Json)> {
    match &json.value {
        JsonValue::Object(entries) => entries.iter().map(|(k, v)| (k.name.as_str(), v)).collect(),
        _ => Vec::new(),
    }
}

/// A value in a few characters, without line ends or anything that moves a terminal's cursor.
fn shown(json: &Json) -> String {
    let text = match json.as_str() {
        Some(text) if !text.is_empty() && !text.contains([' ', '=', '"']) && !text.chars().any(char::is_control) => {
            text.to_owned()
        }
        _ => json.to_compact(),
    };
    let text: String = text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().count() <= SHOWN_MAX {
        return text;
    }
    format!("{}…", text.chars().take(SHOWN_MAX - 1).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_say_what_happened() {
        let line = |text: &str| Widths::default().align(&Json::parse(text.as_bytes()).unwrap());
        for (change, expected) in [
            (
                r#"{"table":"t","op":"insert","key":{"id":1},"before":null,"after":{"id":1,"a":"x y"},"time":"2026-11-21T10:00:00.123456+00:00"}"#,
                "2026-11-21 10:00:00.123456  insert    t  id=1  a=\"x y\"",
            ),
            (
                r#"{"table":"t","op":"update","key":{"id":1},"before":{"id":1,"a":1,"b":2},"after":{"id":1,"a":1,"b":3},"time":"2026-11-21T10:00:00+00:00"}"#,
                "2026-11-21 10:00:00         update    t  id=1  b: 2 -> 3",
            ),
            (
                r#"{"table":"t","op":"delete","key":{"id":1},"before":{"id":1},"after":null,"time":"2026-11-21T10:00:00+00:00"}"#,
                "2026-11-21 10:00:00         delete    t  id=1",
            ),
            (
                r#"{"table":null,"op":"schema","key":null,"before":null,"after":null,"schema":{"number":1,"name":"init"},"time":"2026-11-21T10:00:00+00:00"}"#,
                "2026-11-21 10:00:00         schema        number=1 name=init",
            ),
        ] {
            assert_eq!(line(change), expected);
        }
    }

    #[test]
    fn values_stay_short_and_harmless() {
        let long = format!("\"{}\"", "é".repeat(100));
        assert_eq!(shown(&Json::parse(long.as_bytes()).unwrap()).chars().count(), SHOWN_MAX);
        assert_eq!(shown(&Json::parse(br#""a\u009bb""#).unwrap()), "\"a\u{fffd}b\"");
    }

    #[test]
    fn only_what_was_asked_for_is_asked() {
        let (after, table) = (Some("now".to_owned()), Some("a,b".to_owned()));
        let all = Wanted { after: &after, table: &table, limit: Some(3), follow: true };
        assert_eq!(query(&all), "after=now&table=a%2Cb&limit=3&follow=true");
        assert_eq!(query(&Wanted { after: &None, table: &None, limit: None, follow: false }), "");
    }
}
