//! JSON merge patch (RFC 7396): what a patch has is set, what is null in it is removed.

use crate::data::{Json, JsonValue};

/// Lays a patch over a value.
pub fn merge(target: Option<Json>, patch: &Json) -> Json {
    let JsonValue::Object(changes) = &patch.value else { return patch.clone() };
    let mut entries = match target {
        Some(Json { value: JsonValue::Object(entries), .. }) => entries,
        _ => Vec::new(),
    };
    for (key, change) in changes {
        let at = entries.iter().position(|(known, _)| known.name == key.name);
        match (at, &change.value) {
            (Some(at), JsonValue::Null) => drop(entries.remove(at)),
            (None, JsonValue::Null) => {}
            (Some(at), _) => {
                let before = std::mem::replace(&mut entries[at].1, Json::new(JsonValue::Null));
                entries[at].1 = merge(Some(before), change);
            }
            (None, _) => entries.push((key.clone(), merge(None, change))),
        }
    }
    Json::new(JsonValue::Object(entries))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_of_the_standard() {
        for (target, patch, merged) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"a":null}"#, "{}"),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"c"}"#, r#"{"a":["b"]}"#, r#"{"a":["b"]}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"{"a":[{"b":"c"}]}"#, r#"{"a":[1]}"#, r#"{"a":[1]}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"b"}"#, r#"["c"]"#, r#"["c"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            let [before, change] = [target, patch].map(|text| Json::parse(text.as_bytes()).expect(text));
            assert_eq!(merge(Some(before), &change).to_compact(), merged, "{target} {patch}");
        }
    }
}
