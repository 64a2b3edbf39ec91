//! `status`: the stores, the log, every projection, and whether all is well.

use reqwest::Method;
use serde_json::{Value, json};

use super::json_line;
use crate::{
    access::Access,
    failure::{Answer, Failure},
    output,
};

/// Shows `/status` together with `/readyz`.
pub async fn run(access: &Access, json: bool) -> Result<Answer, Failure> {
    let mut status: Value = access.get(access.request(Method::GET, "/status")).await?;
    let answer = access.send(access.request(Method::GET, "/readyz")).await?;
    let body = answer.bytes().await.unwrap_or_default();
    let readiness: Value =
        serde_json::from_slice(&body).unwrap_or_else(|_| json!({"ready": false, "reasons": ["no answer"]}));
    let is_ready = readiness["ready"] == true;
    for key in ["ready", "reasons", "degraded"] {
        if !readiness[key].is_null() {
            status[key] = readiness[key].clone();
        }
    }
    if json {
        json_line(&status)?;
    } else {
        people(&status)?;
    }
    Ok(if is_ready { Answer::Yes } else { Answer::No })
}

fn people(status: &Value) -> Result<(), Failure> {
    let shown = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let facts = |of: &Value, keys: &[&str]| {
        let facts = keys.iter().filter(|k| !of[**k].is_null()).map(|k| format!("{k} {}", shown(&of[*k])));
        facts.collect::<Vec<_>>().join(", ")
    };
    output::line(format!("auth     {}", auth(&status["auth"])))?;
    let truth = &status["truth"];
    let log = &status["log"];
    output::line(format!("project  {} (brigade {})", shown(&status["project"]), shown(&status["version"])))?;
    output::line(format!("ready    {}", if status["ready"] == true { "yes" } else { "no" }))?;
    for key in ["reasons", "degraded"] {
        for reason in status[key].as_array().into_iter().flatten() {
            output::line(format!("         {key}: {}", shown(reason)))?;
        }
    }
    output::line(format!("truth    {}: {}", shown(&truth["engine"]), facts(truth, &["url", "durability", "history"])))?;
    output::line(format!("         {}", facts(truth, &["position"])))?;
    for note in truth["notes"].as_array().into_iter().flatten() {
        output::line(format!("         note: {}", shown(note)))?;
    }
    for replica in truth["replicas"].as_array().into_iter().flatten() {
        let lag =
            replica["lag_seconds"].as_f64().map_or_else(|| "unknown".to_owned(), |lag| format!("{lag:.1} s at most"));
        let why = replica["why_not"].as_str().map(|why| format!(", not used: {why}")).unwrap_or_default();
        output::line(format!("         replica {}: lag {lag}{why}", shown(&replica["name"])))?;
    }
    let size = ["bytes", "budget_bytes"].map(|k| log[k].as_u64().map_or_else(|| "-".to_owned(), bytes));
    output::line(format!(
        "log      {}: {} of {}, then {}",
        shown(&log["engine"]),
        size[0],
        size[1],
        shown(&log["budget_action"])
    ))?;
    output::line(format!("         {}", facts(log, &["oldest"])))?;
    let projections = status["projections"].as_array().map(Vec::as_slice).unwrap_or_default();
    if projections.is_empty() {
        return Ok(());
    }
    let rows = projections.iter().map(|p| {
        let seconds = p["lag_seconds"].as_f64().unwrap_or_default();
        let lag = format!("{} changes, {seconds:.1} s", shown(&p["lag_changes"]));
        let keys = ["name", "engine", "state"].map(|k| shown(&p[k]));
        keys.into_iter().chain([lag, shown(&p["dead_letters"]), shown(&p["last_error"])]).collect()
    });
    output::line("")?;
    output::line(output::table(["projection", "engine", "state", "lag", "dead letters", "last error"], rows.collect()))
}

/// Who may come in.
fn auth(auth: &Value) -> String {
    if auth["on"] != true {
        return "off: everything is open, on this machine alone".to_owned();
    }
    let strangers = match auth["anonymous"].as_str() {
        Some(role) => format!("strangers have the role {role}"),
        None => "strangers are refused".to_owned(),
    };
    format!("on: {} API keys; {strangers}", auth["api_keys"].as_u64().unwrap_or_default())
}

fn bytes(n: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let step = (n.max(1).ilog2() / 10).min(4) as usize;
    if step == 0 {
        format!("{n} B")
    } else {
        format!("{:.1} {}", n as f64 / (1_u64 << (10 * step)) as f64, units[step])
    }
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn sizes_are_short() {
        assert_eq!([0, 1023, 1536, 8 << 30].map(bytes), ["0 B", "1023 B", "1.5 KiB", "8.0 GiB"]);
    }
}
