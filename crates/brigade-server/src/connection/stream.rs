//! An answer that goes on, written to its socket without hyper: the head, then each piece as it comes, for as long as the
//! peer is there.
//!
//! It owns what an idle reader costs: no buffer is kept between two pieces. The connection ends with the answer.

use std::{io, time::Duration};

use axum::{body::Body, http::HeaderValue, response::Response};
use bytes::{Buf, Bytes};
use http_body_util::BodyExt as _;
use hyper::{Version, header};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{error::Elapsed, timeout},
};

use crate::metrics::{self, Limit};

/// How many bytes behind its request a peer may send unheard. Past them nothing more is read, and only a write notices that
/// it is gone.
const UNHEARD_BYTES: usize = 64 << 10;

/// See the file's head.
pub struct Stream {
    stream: TcpStream,
    write_timeout: Duration,
    head: Vec<u8>,
    body: Body,
    is_chunked: bool,
    /// Bytes that the peer sent and nobody heard.
    unheard: usize,
}

impl Stream {
    /// Takes a socket whose request has been read and not been answered.
    pub fn new(stream: TcpStream, write_timeout: Duration, version: Version, response: Response) -> Self {
        // Before HTTP/1.1 the end of the connection is the end of the answer.
        let is_chunked = version >= Version::HTTP_11;
        let (head, body) = head(response, is_chunked);
        Self { stream, write_timeout, head, body, is_chunked, unheard: 0 }
    }

    /// Writes it to its end, or the peer's.
    pub async fn run(mut self) {
        if let Err(error) = self.write_all().await {
            tracing::debug!(%error, "an answer that goes on ended early");
        }
    }

    async fn write_all(&mut self) -> io::Result<()> {
        let head = std::mem::take(&mut self.head);
        self.write(Bytes::from(head)).await?;
        while let Some(piece) = self.next().await? {
            if !piece.is_empty() {
                self.write_piece(piece).await?;
            }
        }
        if self.is_chunked {
            self.write(&b"0\r\n\r\n"[..]).await?;
        }
        self.stream.shutdown().await
    }

    /// The next piece; none at the end.
    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        tokio::select! {
            biased;
            frame = self.body.frame() => match frame {
                Some(Ok(frame)) => Ok(Some(frame.into_data().unwrap_or_default())),
                Some(Err(error)) => Err(io::Error::other(error)),
                None => Ok(None),
            },
            gone = gone(&self.stream, &mut self.unheard) => Err(gone),
        }
    }

    async fn write_piece(&mut self, piece: Bytes) -> io::Result<()> {
        if !self.is_chunked {
            return self.write(piece).await;
        }
        let size = format!("{:x}\r\n", piece.len());
        self.write(Bytes::from(size).chain(piece).chain(&b"\r\n"[..])).await
    }

    /// A peer that takes no byte for the time of the limit is cut off, as hyper's are by their socket.
    async fn write(&mut self, mut bytes: impl Buf) -> io::Result<()> {
        while bytes.has_remaining() {
            let written = timeout(self.write_timeout, self.stream.write_buf(&mut bytes)).await;
            if written.map_err(|_: Elapsed| too_slow())?? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }
}

fn too_slow() -> io::Error {
    metrics::reached(Limit::WriteTimeout);
    io::Error::new(io::ErrorKind::TimedOut, "the peer takes no bytes")
}

/// Ends when the peer is gone. What it sends is not heard.
async fn gone(stream: &TcpStream, unheard: &mut usize) -> io::Error {
    while *unheard < UNHEARD_BYTES {
        if let Err(error) = stream.readable().await {
            return error;
        }
        match stream.try_read(&mut [0; 1024]) {
            Ok(0) => return io::ErrorKind::UnexpectedEof.into(),
            Ok(read) => *unheard += read,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return error,
        }
    }
    std::future::pending().await
}

/// The head as hyper would write it, for the last answer of a connection.
fn head(response: Response, is_chunked: bool) -> (Vec<u8>, Body) {
    let (mut parts, body) = response.into_parts();
    let headers = &mut parts.headers;
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    if is_chunked {
        headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    if let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(std::time::SystemTime::now())) {
        headers.insert(header::DATE, date);
    }
    let version = if is_chunked { "1.1" } else { "1.0" };
    let reason = parts.status.canonical_reason().unwrap_or_default();
    let mut head = format!("HTTP/{version} {} {reason}\r\n", parts.status.as_str()).into_bytes();
    for (name, value) in &parts.headers {
        for bytes in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(bytes);
        }
    }
    head.extend_from_slice(b"\r\n");
    (head, body)
}
