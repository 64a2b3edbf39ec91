//! `migrate plan|apply|status`: the numbered files of `migrations/` and what the truth has applied of them.

use brigade::data::{Error, code};
use reqwest::Method;

use super::json_line;
use crate::{
    access::{Access, AppliedMigration},
    arguments::MigrateAction,
    failure::{Answer, Failure},
    output,
    progress::Progress,
};

/// Shows or applies migrations.
pub async fn run(access: &Access, action: MigrateAction, check: bool, json: bool) -> Result<Answer, Failure> {
    if action == MigrateAction::Apply && check {
        return Err(Error::new(code::CONFIG, "--check changes nothing, and apply does")
            .hint("use `migrate plan --check` or `migrate status --check`")
            .into());
    }
    let shown: Vec<AppliedMigration> = match action {
        MigrateAction::Apply => {
            let progress = Progress::new("migrating");
            progress.during(access.get(access.request(Method::POST, "/admin/migrate"))).await
        }
        _ => access.get(access.request(Method::GET, "/admin/migrations")).await,
    }
    // A migration that cannot be applied is one, whether opening the project finds it or this.
    .map_err(Failure::NotOpened)?;
    let pending = shown.iter().filter(|m| m.state == "pending").count();
    let shown: Vec<_> = shown.into_iter().filter(|m| action != MigrateAction::Plan || m.state == "pending").collect();
    if json {
        json_line(&shown)?;
    } else if shown.is_empty() {
        output::line(match action {
            MigrateAction::Status => "no migrations",
            _ => "nothing is pending",
        })?;
    } else {
        let rows = shown.iter().map(|m| {
            vec![format!("{:04}", m.number), m.name.clone(), m.state.clone(), m.applied_at.clone().unwrap_or_default()]
        });
        output::line(output::table(["number", "name", "state", "applied at"], rows.collect()))?;
    }
    Ok(if check && pending > 0 { Answer::No } else { Answer::Yes })
}
