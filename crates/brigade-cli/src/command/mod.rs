//! What each command does, one file each. Every one that needs the stores goes through [`Access`].

mod changes;
mod init;
mod keys;
mod load;
mod migrate;
mod projections;
mod serve;
mod sql;
mod status;

use crate::{
    access::Access,
    arguments::{Arguments, Command, KeysAction},
    failure::{Answer, Failure},
    output,
    place::{Place, split, split_optional},
};

/// Does what the command line asks for.
///
/// # Errors
/// Why it could not run, or was refused.
pub async fn run(arguments: Arguments) -> Result<Answer, Failure> {
    let json = arguments.json;
    match &arguments.command {
        Command::Init { dir } => init::run(dir, json),
        Command::Serve { project, listen } => {
            serve::run(&Place::find(&arguments, project.as_deref())?, listen, json).await
        }
        Command::Migrate { action, project, check } => {
            let place = Place::find(&arguments, project.as_deref())?;
            with(&place, false, async |access| migrate::run(access, *action, *check, json).await).await
        }
        Command::Sql { arguments: words, write, limit } => {
            let (project, rest) = split(words, 1);
            let place = Place::find(&arguments, project)?;
            let sql = sql::statement(&rest[0])?;
            with(&place, false, async |access| sql::run(access, &sql, *write, *limit, json).await).await
        }
        Command::Status { project } => {
            let place = Place::find(&arguments, project.as_deref())?;
            with(&place, false, async |access| status::run(access, json).await).await
        }
        Command::Changes { project, after, table, limit, follow } => {
            let place = Place::find(&arguments, project.as_deref())?;
            let wanted = changes::Wanted { after, table, limit: *limit, follow: *follow };
            with(&place, true, async |access| changes::run(access, &wanted, json).await).await
        }
        Command::Load { arguments: words, upsert, on, format, batch } => {
            let (project, rest) = split(words, 2);
            let place = Place::find(&arguments, project)?;
            let wanted = load::Wanted {
                table: &rest[0],
                file: &rest[1],
                upsert: *upsert,
                on,
                format: *format,
                batch_rows: *batch as usize,
            };
            let file = load::open(&wanted)?;
            with(&place, false, async |access| load::run(access, &wanted, file, json).await).await
        }
        Command::Verify { arguments: words } => {
            let (project, name) = split_optional(words);
            let place = Place::find(&arguments, project)?;
            with(&place, true, async |access| projections::verify(access, name, json).await).await
        }
        Command::Repair(named) => {
            let (project, rest) = split(&named.arguments, 1);
            let place = Place::find(&arguments, project)?;
            with(&place, true, async |access| projections::repair(access, &rest[0], json).await).await
        }
        Command::Rebuild(named) => {
            let (project, rest) = split(&named.arguments, 1);
            let place = Place::find(&arguments, project)?;
            with(&place, true, async |access| projections::rebuild(access, &rest[0], json).await).await
        }
        Command::Pause(named) | Command::Resume(named) => {
            let (project, rest) = split(&named.arguments, 1);
            let place = Place::find(&arguments, project)?;
            let verb = if matches!(arguments.command, Command::Pause(_)) { "pause" } else { "resume" };
            with(&place, true, async |access| projections::switch(access, &rest[0], verb, json).await).await
        }
        Command::Keys { action } => keys(&arguments, action).await,
    }
}

async fn keys(arguments: &Arguments, action: &KeysAction) -> Result<Answer, Failure> {
    let json = arguments.json;
    match action {
        KeysAction::Create { project, role, name, tenant, tier } => {
            let place = Place::find(arguments, project.as_deref())?;
            let [name, tenant, tier] = [name, tenant, tier].map(Option::as_deref);
            let wanted = keys::Wanted { role, name, tenant, tier };
            with(&place, false, async |access| keys::create(access, &wanted, json).await).await
        }
        KeysAction::List { project } => {
            let place = Place::find(arguments, project.as_deref())?;
            with(&place, false, async |access| keys::list(access, json).await).await
        }
        KeysAction::Revoke { arguments: words } => {
            let (project, rest) = split(words, 1);
            let place = Place::find(arguments, project)?;
            with(&place, false, async |access| keys::revoke(access, &rest[0], json).await).await
        }
    }
}

/// Runs a command on the stores, and gives them back however it ends.
async fn with(
    place: &Place,
    run: bool,
    command: impl AsyncFnOnce(&Access) -> Result<Answer, Failure>,
) -> Result<Answer, Failure> {
    let access = Access::open(place, run).await.map_err(Failure::NotOpened)?;
    let answer = command(&access).await;
    access.close().await;
    answer
}

/// A path segment as it stands in a URL.
pub fn segment(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Writes an answer as one line of JSON.
fn json_line(value: &impl serde::Serialize) -> Result<(), Failure> {
    output::line(serde_json::to_string(value).expect("no map with keys that are no strings"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_segment_cannot_leave_its_place() {
        assert_eq!(super::segment("copy.a/../b ü"), "copy.a%2F..%2Fb%20%C3%BC");
    }
}
