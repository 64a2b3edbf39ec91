//! An answer that comes line by line (NDJSON). A line with an `error` key ends it with that error.

use brigade::data::{Error, Result, code};
use reqwest::Response;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::answers;

/// Bytes of one line: a change carries two images of a row, and a row fits a transaction's body.
const LINE_BYTES_MAX: usize = 4 * brigade::limits::BODY_BYTES_MAX;

/// The lines of an answer.
#[derive(Debug)]
pub struct Lines {
    response: Response,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that are known to hold no line end.
    searched: usize,
}

#[derive(Deserialize)]
struct Last<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

impl Lines {
    pub(super) fn new(response: Response) -> Self {
        Self { response, buffer: Vec::new(), searched: 0 }
    }

    /// The next line; none at the end.
    ///
    /// # Errors
    /// What a last line with an `error` key says; BRG503 where the connection broke.
    pub async fn next(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.buffer[self.searched..].iter().position(|&b| b == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=self.searched + end).collect();
                self.searched = 0;
                match text(&line[..line.len() - 1])? {
                    None => continue,
                    line => return Ok(line),
                }
            }
            self.searched = self.buffer.len();
            if self.searched > LINE_BYTES_MAX {
                return Err(Error::new(code::LIMIT, format!("a line of more than {LINE_BYTES_MAX} bytes")));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.buffer.extend_from_slice(&chunk),
                Ok(None) => {
                    self.searched = 0;
                    return text(&std::mem::take(&mut self.buffer));
                }
                Err(error) => {
                    return Err(Error::new(code::UNAVAILABLE, "the server ended the answer early")
                        .hint("go on after the last position that came")
                        .source(error));
                }
            }
        }
    }
}

/// The text of a line; none for an empty one.
fn text(line: &[u8]) -> Result<Option<String>> {
    let line = String::from_utf8_lossy(line).trim().to_owned();
    if line.is_empty() {
        return Ok(None);
    }
    if line.starts_with("{\"error\"") || line.starts_with("{\"code\"") {
        let inner = serde_json::from_str::<Last<'_>>(&line).ok().and_then(|l| l.error.map(|e| e.get().to_owned()));
        if let Some(error) = answers::refusal(inner.as_deref().unwrap_or(&line).as_bytes()) {
            return Err(error);
        }
    }
    Ok(Some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(chunks: &[&'static str]) -> Lines {
        let chunks: Vec<_> = chunks.iter().map(|c| Ok::<_, std::io::Error>(*c)).collect();
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        Lines::new(axum::http::Response::new(body).into())
    }

    #[tokio::test]
    async fn lines_come_whole_however_they_were_cut() {
        let mut lines = lines(&["{\"a\"", ":1}\n{\"b\":2}\n\n", "{\"c\":3}"]);
        for expected in [Some("{\"a\":1}"), Some("{\"b\":2}"), Some("{\"c\":3}"), None] {
            assert_eq!(lines.next().await.unwrap().as_deref(), expected);
        }
    }

    #[tokio::test]
    async fn a_last_line_with_an_error_is_that_error() {
        let mut lines =
            lines(&["{\"error\":{\"code\":\"BRG503\",\"message\":\"too slow\",\"details\":null,\"hint\":null}}\n"]);
        assert_eq!(lines.next().await.unwrap_err().code(), "BRG503");
    }
}
