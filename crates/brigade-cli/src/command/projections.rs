//! `verify`, `repair`, `rebuild`, `pause`, `resume`: looking after projections.

use reqwest::Method;
use serde_json::{Value, json};

use super::{json_line, segment};
use crate::{
    access::Access,
    failure::{Answer, Failure},
    output,
    progress::Progress,
};

/// Compares one projection, or all of them, with the truth.
pub async fn verify(access: &Access, name: Option<&str>, json: bool) -> Result<Answer, Failure> {
    let names = match name {
        Some(name) => vec![name.to_owned()],
        None => names(access).await?,
    };
    let mut found = Vec::new();
    for name in &names {
        let progress = Progress::new(format!("verifying {name}"));
        let answer: Value = progress.during(access.get(post(access, name, "verify"))).await?;
        drop(progress);
        if !json {
            differences(name, &answer)?;
        }
        found.push(answer);
    }
    let equal = found.iter().all(|v| v["equal"] == true);
    match (json, name) {
        (true, Some(_)) => json_line(&found[0])?,
        (true, None) => json_line(&found)?,
        (false, _) if names.is_empty() => output::line("no projections")?,
        (false, _) => {}
    }
    Ok(if equal { Answer::Yes } else { Answer::No })
}

/// Projects the rows that differ anew.
pub async fn repair(access: &Access, name: &str, json: bool) -> Result<Answer, Failure> {
    let progress = Progress::new(format!("repairing {name}"));
    let answer: Value = progress.during(access.get(post(access, name, "repair"))).await?;
    drop(progress);
    if json {
        json_line(&answer)?;
    } else {
        output::line(format!("{name}: {} repaired", output::rows(answer["repaired"].as_u64().unwrap_or(0))))?;
    }
    Ok(Answer::Yes)
}

/// Makes a projection anew; its progress comes line by line.
pub async fn rebuild(access: &Access, name: &str, json: bool) -> Result<Answer, Failure> {
    let progress = Progress::new(format!("rebuilding {name}"));
    let mut lines = access.lines(post(access, name, "rebuild")).await?;
    let mut last = json!({"done": false});
    while let Some(line) = lines.next().await? {
        last = serde_json::from_str(&line).unwrap_or(Value::Null);
        let number = |key: &str| last[key].as_u64().unwrap_or(0);
        progress.at(number("rows"), number("of"), None);
    }
    drop(progress);
    if last["done"] != true {
        return Err(brigade::data::Error::unavailable(
            format!("{name} was not rebuilt: the answer ended early; the old one still serves"),
            std::time::Duration::from_secs(1),
        )
        .into());
    }
    if json {
        json_line(&last)?;
    } else {
        output::line(format!("{name}: rebuilt, {}", output::rows(last["rows"].as_u64().unwrap_or(0))))?;
    }
    Ok(Answer::Yes)
}

/// `pause` or `resume`.
pub async fn switch(access: &Access, name: &str, verb: &str, json: bool) -> Result<Answer, Failure> {
    let answer: Value = access.get(post(access, name, verb)).await?;
    if json {
        json_line(&answer)?;
    } else {
        output::line(format!("{name}: {}", answer["state"].as_str().unwrap_or_default()))?;
    }
    Ok(Answer::Yes)
}

fn post(access: &Access, name: &str, verb: &str) -> reqwest::RequestBuilder {
    access.request(Method::POST, &format!("/projections/{}/{verb}", segment(name)))
}

async fn names(access: &Access) -> Result<Vec<String>, Failure> {
    let all: Value = access.get(access.request(Method::GET, "/projections")).await?;
    let all = all.as_array().or_else(|| all["projections"].as_array()).cloned().unwrap_or_default();
    Ok(all.iter().filter_map(|p| p["name"].as_str().map(str::to_owned)).collect())
}

fn differences(name: &str, answer: &Value) -> Result<(), Failure> {
    let position = answer["position"].as_str().unwrap_or_default();
    if answer["equal"] == true {
        let rows = output::rows(answer["rows"].as_u64().unwrap_or(0));
        return output::line(format!("{name}: equal, {rows} at {position}"));
    }
    let listed = answer["differences"].as_array().map(Vec::as_slice).unwrap_or_default();
    let more = answer["more"].as_u64().unwrap_or(0);
    let all = listed.len() as u64 + more;
    output::line(format!("{name}: {all} of {} rows differ at {position}", answer["rows"]))?;
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    let rows = listed.iter().map(|d| {
        let table = d["table"].as_str().unwrap_or_default().to_owned();
        let key = d["key"].as_object().into_iter().flatten().map(|(k, v)| format!("{k}={}", text(v)));
        vec![table, key.collect::<Vec<_>>().join(" "), text(&d["kind"])]
    });
    output::line(output::table(["table", "key", "kind"], rows.collect()))?;
    if more > 0 {
        output::line(format!("and {more} more"))?;
    }
    output::note(format!("to mend them: brigade repair {name}"));
    Ok(())
}
