//! Changes that a projection gives up on, one by one, so that the rest goes on. Each is noted durably, with the reason,
//! before its place is passed; too many of them are no accident of a few rows, and the projection stops.

use super::{DeadLetter, line::Line, runner::Attempt};
use crate::data::{Change, Error, Kind};

/// Why giving up on single changes does not help.
pub(crate) struct Surplus(pub String);

/// Finds the changes that the store refuses, by halves, and notes them as dead letters. The store's checkpoint stays:
/// the runner applies again from there, without them.
pub(crate) async fn isolate(line: &Line, attempt: &mut Attempt, changes: Vec<Change>) -> Result<(), Surplus> {
    let Ok(refused) = find(line, &changes).await else {
        // The store went away meanwhile: the runner waits for it, then begins again.
        return Ok(());
    };
    let count = line.known.borrow().dead_letters + refused.len() as u64;
    if count > line.options.dead_letters_max {
        let reason = refused.first().map_or_else(String::new, |(_, e)| format!(", the last one because: {e}"));
        return Err(Surplus(format!("more than {} dead letters{reason}", line.options.dead_letters_max)));
    }
    for (change, error) in refused {
        let letter = DeadLetter {
            position: change.position,
            table: change.layout.table.clone(),
            key: change.key().unwrap_or_default(),
            reason: error.to_string(),
        };
        if line.sources.notes.add_dead_letter(line.name(), &letter).await.is_err() {
            // Not noted, so not given up.
            return Ok(());
        }
        tracing::error!(projection = line.name(), position = %letter.position, reason = letter.reason, "dead letter");
        metrics::counter!("brigade_projection_dead_letters_total", "projection" => line.name().to_owned()).increment(1);
        attempt.skip.insert(change.position);
        line.update(|known| known.dead_letters += 1);
    }
    Ok(())
}

/// Tries the halves of what fails until single changes are left.
async fn find<'a>(line: &Line, changes: &'a [Change]) -> Result<Vec<(&'a Change, Error)>, Error> {
    let _turn = line.turn().await;
    let mut refused = Vec::new();
    let mut open = vec![changes];
    while let Some(part) = open.pop() {
        match line.projection.apply(part, None).await {
            Ok(()) => {}
            Err(error) if error.kind() == Kind::World => return Err(error),
            Err(error) if part.len() <= 1 => refused.extend(part.first().map(|change| (change, error))),
            Err(_) => {
                let (left, right) = part.split_at(part.len() / 2);
                open.extend([right, left]);
            }
        }
    }
    Ok(refused)
}
