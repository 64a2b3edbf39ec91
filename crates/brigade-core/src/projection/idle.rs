//! A projection looked at while nobody runs it: what its store and the log say of it, without touching either.

use std::sync::Arc;

use super::{Projection, ProjectionStatus, RunnerOptions, Sources, State, line::Line};
use crate::data::code;

/// The state of a projection without a runner: waiting for one, paused, or in need of a rebuild.
pub async fn look(projection: Arc<dyn Projection>, sources: Sources) -> ProjectionStatus {
    let paused = sources.notes.paused(projection.name()).await.unwrap_or_default();
    let line = Line::new(projection, sources, RunnerOptions::default(), paused);
    let (state, reason) = match line.reload().await {
        Ok(()) => judge(&line, paused).await,
        Err(error) => (State::Waiting, Some(error.to_string())),
    };
    line.update(|known| (known.state, known.last_error) = (state, reason));
    line.status().await
}

async fn judge(line: &Line, paused: bool) -> (State, Option<String>) {
    let waiting = |reason: &str| (State::Waiting, Some(reason.to_owned()));
    if let Some(checkpoint) = line.checkpoint() {
        match line.sources.log.check(checkpoint.position).await {
            Err(error) if [code::POSITION_GONE, code::OTHER_HISTORY].contains(&error.code()) => {
                return (State::Stopped, Some(format!("rebuild needed: {error}")));
            }
            Err(error) => return waiting(&error.to_string()),
            Ok(()) if paused => return (State::Paused, None),
            Ok(()) if !line.fits(&line.model()) => {
                return waiting("the schema has changed: it is made anew when a server runs");
            }
            Ok(()) => return waiting("no server runs"),
        }
    }
    if paused { (State::Paused, None) } else { waiting("it is filled when a server runs") }
}
