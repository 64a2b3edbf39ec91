//! `keys`: API keys are made, listed and taken back. A new key is all that stands on standard output, so that a script can
//! take it; it is shown this once and never again.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::{json_line, segment};
use crate::{
    access::Access,
    failure::{Answer, Failure},
    output,
};

/// What a new key is to be.
pub struct Wanted<'w> {
    pub role: &'w str,
    pub name: Option<&'w str>,
    pub tenant: Option<&'w str>,
    pub tier: Option<&'w str>,
}

/// Makes a key and shows it.
pub async fn create(access: &Access, wanted: &Wanted<'_>, json: bool) -> Result<Answer, Failure> {
    let facts = [("name", wanted.name), ("tenant", wanted.tenant), ("tier", wanted.tier), ("role", Some(wanted.role))];
    let body: Map<String, Value> =
        facts.into_iter().filter_map(|(what, text)| Some((what.to_owned(), text?.into()))).collect();
    let body = Value::Object(body).to_string();
    let request = access.request(Method::POST, "/admin/keys").header("content-type", "application/json").body(body);
    let made: Value = access.get(request).await?;
    if json {
        json_line(&made)?;
    } else {
        output::line(made["key"].as_str().unwrap_or_default())?;
        output::note(format!("id {}: keep the key now, it is not shown again", shown(&made["id"])));
    }
    Ok(Answer::Yes)
}

/// Shows every key without what makes it one.
pub async fn list(access: &Access, json: bool) -> Result<Answer, Failure> {
    let keys: Vec<Value> = access.get(access.request(Method::GET, "/admin/keys")).await?;
    if json {
        json_line(&keys)?;
    } else if keys.is_empty() {
        output::line("no API keys")?;
    } else {
        let columns = ["id", "name", "role", "tenant", "tier", "created_at"];
        let rows = keys.iter().map(|key| columns.map(|column| shown(&key[column])).to_vec());
        output::line(output::table(columns, rows.collect()))?;
    }
    Ok(Answer::Yes)
}

/// Takes a key back: from now on it is unknown.
pub async fn revoke(access: &Access, id: &str, json: bool) -> Result<Answer, Failure> {
    access.done(access.request(Method::DELETE, &format!("/admin/keys/{}", segment(id)))).await?;
    if json {
        json_line(&json!({"revoked": id}))?;
    } else {
        output::line(format!("{id} revoked"))?;
    }
    Ok(Answer::Yes)
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) if !text.is_empty() => text.clone(),
        _ => "-".to_owned(),
    }
}
