//! The bytes of a connection: lines and pieces of text from the client, and replies to it, each with a timeout.
//!
//! Limits: [`LINE_BYTES_MAX`], [`COMMAND_TIME_MAX`].

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::reply::Reply;

/// The longest command line, in bytes.
pub const LINE_BYTES_MAX: usize = 2_048;
/// How long a client may stay silent, and how long it may take to read a reply.
pub const COMMAND_TIME_MAX: Duration = Duration::from_secs(60);

/// How long closing a connection may take.
const LINGER: Duration = Duration::from_secs(1);
/// The most bytes per read.
const PIECE_BYTES: usize = 16 * 1024;

/// A connection, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Why nothing more can be read.
#[derive(Debug, PartialEq)]
pub enum ReadError {
    /// The client closed the connection, or it broke.
    Closed,
    TooSlow,
    /// The server is stopping.
    Stopping,
    /// A line that is too long or does not end with CR LF.
    InvalidLine,
}

/// A connection, with the bytes that were read ahead.
pub struct Wire {
    stream: Box<dyn Stream>,
    ahead: Vec<u8>,
    stopping: watch::Receiver<bool>,
}

impl Wire {
    pub fn new(stream: Box<dyn Stream>, stopping: watch::Receiver<bool>) -> Wire {
        Wire { stream, ahead: Vec::new(), stopping }
    }

    /// The next line, without its line break.
    pub async fn line(&mut self) -> Result<Vec<u8>, ReadError> {
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=end).collect();
                let text = line.strip_suffix(b"\r\n").filter(|text| text.len() <= LINE_BYTES_MAX);
                return text.map(<[u8]>::to_vec).ok_or(ReadError::InvalidLine);
            }
            if self.ahead.len() > LINE_BYTES_MAX {
                return Err(ReadError::InvalidLine);
            }
            let piece = self.read().await?;
            self.ahead.extend_from_slice(&piece);
        }
    }

    /// The next bytes, at least one.
    pub async fn piece(&mut self) -> Result<Vec<u8>, ReadError> {
        if self.ahead.is_empty() { self.read().await } else { Ok(std::mem::take(&mut self.ahead)) }
    }

    /// Puts back bytes that were read ahead.
    pub fn unread(&mut self, rest: &[u8]) {
        self.ahead.splice(..0, rest.iter().copied());
    }

    async fn read(&mut self) -> Result<Vec<u8>, ReadError> {
        let mut piece = vec![0; PIECE_BYTES];
        let reading = timeout(COMMAND_TIME_MAX, self.stream.read(&mut piece));
        let length = tokio::select! {
            biased;
            // If the sender is gone, the server is stopping, too.
            _ = self.stopping.wait_for(|stopping| *stopping) => return Err(ReadError::Stopping),
            read = reading => read.map_err(|_| ReadError::TooSlow)?.map_err(|_| ReadError::Closed)?,
        };
        piece.truncate(length);
        if piece.is_empty() { Err(ReadError::Closed) } else { Ok(piece) }
    }

    pub async fn send(&mut self, reply: &Reply) -> Result<(), ReadError> {
        let bytes = reply.to_bytes();
        let writing = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        with_timeout(COMMAND_TIME_MAX, writing).await
    }

    /// Sends the last reply and closes the connection. Remaining input is read for a moment, since otherwise the reply
    /// could be lost.
    pub async fn close(mut self, reply: &Reply) {
        let closing = async {
            self.send(reply).await.ok()?;
            self.stream.shutdown().await.ok()?;
            let mut discarded = vec![0; PIECE_BYTES];
            while self.stream.read(&mut discarded).await.ok()? > 0 {}
            Some(())
        };
        let _ = timeout(LINGER, closing).await;
    }

    /// Upgrades the connection to TLS; `None` if the client sent more before the handshake, which an attacker could
    /// have injected.
    pub async fn with_tls(self, acceptor: &tokio_rustls::TlsAcceptor) -> Option<Wire> {
        if !self.ahead.is_empty() {
            return None;
        }
        let accepting = timeout(COMMAND_TIME_MAX, acceptor.accept(self.stream));
        let stream = accepting.await.ok()?.ok()?;
        Some(Wire { stream: Box::new(stream), ahead: Vec::new(), stopping: self.stopping })
    }
}

async fn with_timeout(time: Duration, writing: impl Future<Output = std::io::Result<()>>) -> Result<(), ReadError> {
    timeout(time, writing).await.map_err(|_| ReadError::TooSlow)?.map_err(|_| ReadError::Closed)
}
