//! `/projections`: what operating them takes. A rebuild that was begun is finished, also when nobody reads its progress.

use std::{sync::Arc, time::Duration};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use brigade::{
    DifferenceKind, Progress, ProjectionStatus, Verification,
    data::{Error, Result},
};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::mpsc;

use crate::{Server, error, error::Refusal, health::write_projection, json, json::Object, shutdown};

/// Lines of progress that wait for their reader. More are left out: the next one tells more.
const PROGRESS_LINES_MAX: usize = 16;

/// How long the answer's head waits for a first word, so that a rebuild that cannot begin is answered with its status.
const FIRST_WORD: Duration = Duration::from_millis(250);

/// Answers `GET /projections`.
pub async fn list(State(server): State<Arc<Server>>) -> Response {
    let mut out = String::new();
    json::list(&mut out, &server.brigade.projections().await, write_projection);
    error::json(out)
}

/// Answers `POST /projections/NAME/pause`.
pub async fn pause(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    Ok(entry(&server.brigade.pause(&name).await?))
}

/// Answers `POST /projections/NAME/resume`.
pub async fn resume(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    Ok(entry(&server.brigade.resume(&name).await?))
}

fn entry(status: &ProjectionStatus) -> Response {
    let mut out = String::new();
    write_projection(&mut out, status);
    error::json(out)
}

/// Answers `POST /projections/NAME/repair`.
pub async fn repair(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let repaired = server.brigade.repair(&name, quiet()).await?;
    Ok(error::json(format!("{{\"repaired\":{repaired}}}")))
}

/// Answers `POST /projections/NAME/verify`.
pub async fn verify(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let found = server.brigade.verify(&name, quiet()).await?;
    let mut out = String::new();
    write_verification(&mut out, &found);
    Ok(error::json(out))
}

fn quiet() -> Progress {
    Arc::new(|_, _| ())
}

fn write_verification(out: &mut String, found: &Verification) {
    let mut object = Object::begin(out);
    object
        .text("projection", &found.projection)
        .quoted("position", found.position)
        .plain("rows", found.rows)
        .plain("equal", found.differences.is_empty() && found.more == 0);
    json::list(object.key("differences"), &found.differences, |out, difference| {
        let mut object = Object::begin(out);
        object.text("table", &difference.table);
        json::record(object.key("key"), difference.key.iter().map(|(name, value)| (name.as_str(), value)));
        object.text(
            "kind",
            match difference.kind {
                DifferenceKind::Missing => "missing",
                DifferenceKind::Extra => "extra",
                DifferenceKind::Different => "different",
            },
        );
        object.end();
    });
    object.plain("more", found.more);
    object.end();
}

/// What a rebuild says.
enum Word {
    /// Rows done, of about so many.
    Progress(u64, u64),
    /// The end.
    End(Result<u64>),
}

/// Answers `POST /projections/NAME/rebuild`: lines of progress, the last one `{"done": true, "rows": n}` or an error.
pub async fn rebuild(State(server): State<Arc<Server>>, Path(name): Path<String>) -> Result<Response, Refusal> {
    let (words, mut heard) = mpsc::channel(PROGRESS_LINES_MAX);
    let told = words.clone();
    let progress: Progress = Arc::new(move |done, all| {
        let _ = told.try_send(Word::Progress(done, all));
    });
    let brigade = server.brigade.clone();
    tokio::spawn(async move {
        let end = brigade.rebuild(&name, progress).await;
        // Nobody may be left to hear it: the work is done all the same.
        let _ = words.send(Word::End(end)).await;
    });
    let first = tokio::time::timeout(FIRST_WORD, heard.recv()).await.ok().flatten();
    if let Some(Word::End(Err(error))) = first {
        return Err(error.into());
    }
    let stopping = server.stopping.clone();
    let lines = stream::unfold((heard, first, false), move |(mut heard, first, ended)| {
        let mut stopping = stopping.clone();
        async move {
            if ended {
                return None;
            }
            let word = match first {
                Some(word) => word,
                None => tokio::select! {
                    word = heard.recv() => word?,
                    () = shutdown::told(&mut stopping) => Word::End(Err(
                        Error::unavailable("the server is shutting down", Duration::from_secs(1))
                            .hint("the old answer stays; rebuild again after the start"),
                    )),
                },
            };
            let ended = matches!(word, Word::End(_));
            Some((Ok::<_, std::convert::Infallible>(Bytes::from(line(word))), (heard, None, ended)))
        }
    });
    Ok(error::typed("application/x-ndjson", Body::from_stream(lines)))
}

fn line(word: Word) -> String {
    let mut out = String::new();
    match word {
        Word::Progress(done, all) => {
            let mut object = Object::begin(&mut out);
            object.plain("done", false).plain("rows", done).plain("of", all);
            object.end();
        }
        Word::End(Ok(rows)) => {
            let mut object = Object::begin(&mut out);
            object.plain("done", true).plain("rows", rows);
            object.end();
        }
        Word::End(Err(error)) => {
            let mut object = Object::begin(&mut out);
            error::write(object.key("error"), &error::with_id(error), false);
            object.end();
        }
    }
    out.push('\n');
    out
}
