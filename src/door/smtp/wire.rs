//! The connection's bytes: lines and pieces of text from the client, answers to it, each within its time.
//!
//! Limits: [`LINE_BYTES_MAX`], [`COMMAND_TIME_MAX`].

use std::future::Future;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;

use super::reply::Reply;

/// The longest command line.
pub const LINE_BYTES_MAX: usize = 2_048;
/// How long a client may say nothing, and how long it may take to read an answer.
pub const COMMAND_TIME_MAX: Duration = Duration::from_secs(60);

/// How long a connection that is closed may take for it.
const LINGER: Duration = Duration::from_secs(1);
/// How much is read at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// A connection, with or without TLS.
pub trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Stream for T {}

/// Why nothing more can be read.
#[derive(Debug, PartialEq)]
pub enum Gone {
    /// The client has closed the connection, or it is broken.
    Closed,
    TooSlow,
    /// The server is being stopped.
    Stopping,
    /// A line that doesn't end, or not with CR LF.
    NoLine,
}

/// A connection with what was read of it too early.
pub struct Wire {
    stream: Box<dyn Stream>,
    ahead: Vec<u8>,
    stopping: watch::Receiver<bool>,
}

impl Wire {
    pub fn new(stream: Box<dyn Stream>, stopping: watch::Receiver<bool>) -> Wire {
        Wire { stream, ahead: Vec::new(), stopping }
    }

    /// A line without its line break.
    pub async fn line(&mut self) -> Result<Vec<u8>, Gone> {
        loop {
            if let Some(end) = self.ahead.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.ahead.drain(..=end).collect();
                let text = line.strip_suffix(b"\r\n").filter(|text| text.len() <= LINE_BYTES_MAX);
                return text.map(<[u8]>::to_vec).ok_or(Gone::NoLine);
            }
            if self.ahead.len() > LINE_BYTES_MAX {
                return Err(Gone::NoLine);
            }
            let piece = self.read().await?;
            self.ahead.extend_from_slice(&piece);
        }
    }

    /// What comes next, at least a byte.
    pub async fn piece(&mut self) -> Result<Vec<u8>, Gone> {
        if self.ahead.is_empty() { self.read().await } else { Ok(std::mem::take(&mut self.ahead)) }
    }

    /// Gives back what was read too early.
    pub fn unread(&mut self, rest: &[u8]) {
        self.ahead.splice(..0, rest.iter().copied());
    }

    async fn read(&mut self) -> Result<Vec<u8>, Gone> {
        let mut piece = vec![0; PIECE_BYTES];
        let reading = timeout(COMMAND_TIME_MAX, self.stream.read(&mut piece));
        let length = tokio::select! {
            biased;
            // Whoever could say so is gone if it fails.
            _ = self.stopping.wait_for(|stopping| *stopping) => return Err(Gone::Stopping),
            read = reading => read.map_err(|_| Gone::TooSlow)?.map_err(|_| Gone::Closed)?,
        };
        piece.truncate(length);
        if piece.is_empty() { Err(Gone::Closed) } else { Ok(piece) }
    }

    pub async fn say(&mut self, reply: &Reply) -> Result<(), Gone> {
        let bytes = reply.to_bytes();
        let writing = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        within(COMMAND_TIME_MAX, writing).await
    }

    /// Says the last answer, and closes the connection. What the client still sends is read for a moment: otherwise the
    /// answer could be lost on its way.
    pub async fn close(mut self, reply: &Reply) {
        let closing = async {
            self.say(reply).await.ok()?;
            self.stream.shutdown().await.ok()?;
            let mut unheard = vec![0; PIECE_BYTES];
            while self.stream.read(&mut unheard).await.ok()? > 0 {}
            Some(())
        };
        let _ = timeout(LINGER, closing).await;
    }

    /// The connection with TLS; none if the client said more before that, which anybody in between could have put there.
    pub async fn with_tls(self, acceptor: &tokio_rustls::TlsAcceptor) -> Option<Wire> {
        if !self.ahead.is_empty() {
            return None;
        }
        let accepting = timeout(COMMAND_TIME_MAX, acceptor.accept(self.stream));
        let stream = accepting.await.ok()?.ok()?;
        Some(Wire { stream: Box::new(stream), ahead: Vec::new(), stopping: self.stopping })
    }
}

async fn within(time: Duration, writing: impl Future<Output = std::io::Result<()>>) -> Result<(), Gone> {
    timeout(time, writing).await.map_err(|_| Gone::TooSlow)?.map_err(|_| Gone::Closed)
}
