//! A session as JSON: how stores of text keep it, and other programs read it there.

use super::{Holder, Session};
use crate::data::{Json, JsonValue, escape_json};

impl Session {
    /// `{"principal":{…},"data":{…},"ttl_ms":…,"vouched":…}`
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(128 + self.data.len());
        out.push_str("{\"principal\":");
        self.holder.write_json(&mut out);
        out.push_str(",\"data\":");
        out.push_str(&self.data);
        out.push_str(&format!(",\"ttl_ms\":{},\"vouched\":{}}}", self.ttl_ms, self.is_vouched));
        out
    }

    /// The session that [`Session::to_json`] wrote; none for anything else.
    pub fn from_json(text: &str) -> Option<Self> {
        let json = Json::parse(text.as_bytes()).ok()?;
        let JsonValue::Number(ttl) = &json.get("ttl_ms")?.value else { return None };
        let data = json.get("data")?;
        matches!(data.value, JsonValue::Object(_)).then_some(())?;
        Some(Self {
            holder: Holder::from_json(json.get("principal")?)?,
            data: data.to_compact(),
            ttl_ms: ttl.parse().ok()?,
            is_vouched: json.get("vouched").is_some_and(|value| value.value == JsonValue::Bool(true)),
        })
    }
}

impl Holder {
    /// `{"id":…,"tenant":…,"tier":…,"roles":[…]}`
    pub fn write_json(&self, out: &mut String) {
        out.push_str("{\"id\":");
        escape_json(&self.id, out);
        for (name, value) in [("tenant", &self.tenant), ("tier", &self.tier)] {
            out.push_str(&format!(",\"{name}\":"));
            match value {
                Some(text) => escape_json(text, out),
                None => out.push_str("null"),
            }
        }
        out.push_str(",\"roles\":[");
        for (i, role) in self.roles.iter().enumerate() {
            if i > 0 {
                out.push(',');
            }
            escape_json(role, out);
        }
        out.push_str("]}");
    }

    /// What [`Holder::write_json`] wrote; none for anything else.
    pub fn from_json(json: &Json) -> Option<Self> {
        let optional = |name: &str| match json.get(name).map(|value| &value.value) {
            None | Some(JsonValue::Null) => Some(None),
            Some(JsonValue::String(text)) => Some(Some(text.clone())),
            Some(_) => None,
        };
        let JsonValue::Array(roles) = &json.get("roles")?.value else { return None };
        let roles = roles.iter().map(|role| role.as_str().map(str::to_owned)).collect::<Option<_>>()?;
        Some(Self {
            id: json.get("id")?.as_str()?.to_owned(),
            tenant: optional("tenant")?,
            tier: optional("tier")?,
            roles,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_nothing_else() {
        let holder = Holder {
            id: "a\"b\u{1f600}".to_owned(),
            tenant: Some("acme".to_owned()),
            tier: None,
            roles: vec!["editor".to_owned(), "x".to_owned()],
        };
        let data = r#"{"n":1.50,"t":["a"]}"#.to_owned();
        let session = Session { holder, data, ttl_ms: 86_400_000, is_vouched: true };
        let text = session.to_json();
        assert_eq!(Session::from_json(&text).as_ref(), Some(&session), "{text}");
        assert!(text.contains(r#""tier":null,"roles":["editor","x"]},"data":{"n":1.50"#), "{text}");
        let unsaid = Session::from_json(&text.replace(",\"vouched\":true", "")).unwrap();
        assert!(!unsaid.is_vouched, "who says nothing vouches for nobody");
        for other in ["", "{}", "1", &text.replace("ttl_ms", "ttl"), &text.replace("{\"n\"", "[{\"n\""), &text[1..]] {
            assert_eq!(Session::from_json(other), None, "{other}");
        }
    }
}
