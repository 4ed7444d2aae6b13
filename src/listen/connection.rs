//! A connection as the HTTP server sees it: its byte stream, monitored on the way.
//!
//! For HTTP/1.1, the library limits only the time for the head of the first request of a connection; before later
//! requests, an occasional byte would keep it open forever. So here a connection that has begun to send a request must
//! complete its head within [`HEAD_TIME_MAX`] or twice that, however many bytes it sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use actix_http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::HEAD_TIME_MAX;
use super::exchange::Exchanges;
use super::frames::Frames;
use super::peers::PeerSlot;

/// A connection, counted for its peer.
pub struct Connection {
    wire: Wire,
    monitor: Monitor,
    exchanges: Exchanges,
    _slot: PeerSlot,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What is monitored.
enum Monitor {
    Http1(IdleTimer),
    Http2(Box<Frames>),
}

impl Connection {
    /// `keep_alive` is how long the connection may be idle between requests.
    pub fn plain(socket: TcpStream, slot: PeerSlot, keep_alive: Duration) -> Connection {
        Connection::new(Wire::Plain(socket), Monitor::Http1(IdleTimer::new(keep_alive)), slot)
    }

    /// As [`plain`](Connection::plain), with TLS.
    pub fn tls(stream: TlsStream<TcpStream>, slot: PeerSlot, keep_alive: Duration) -> Connection {
        Connection::new(Wire::Tls(Box::new(stream)), Monitor::Http1(IdleTimer::new(keep_alive)), slot)
    }

    pub fn http_2(stream: TlsStream<TcpStream>, slot: PeerSlot) -> Connection {
        Connection::new(Wire::Tls(Box::new(stream)), Monitor::Http2(Box::default()), slot)
    }

    fn new(wire: Wire, monitor: Monitor, slot: PeerSlot) -> Connection {
        Connection { wire, monitor, exchanges: Exchanges::default(), _slot: slot }
    }

    /// Makes the connection's exchanges available to its requests.
    pub fn introduce(&self, extensions: &mut Extensions) {
        extensions.insert(self.exchanges.clone());
    }
}

impl Wire {
    fn reader(&mut self) -> Pin<&mut (dyn AsyncRead + Unpin)> {
        Pin::new(match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => stream,
        })
    }

    fn writer(&mut self) -> Pin<&mut (dyn AsyncWrite + Unpin)> {
        Pin::new(match self {
            Wire::Plain(socket) => socket,
            Wire::Tls(stream) => stream,
        })
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let before = buffer.filled().len();
        let read = this.wire.reader().poll_read(context, buffer);
        match &mut this.monitor {
            // The timer must be polled only if nothing else will wake the task.
            Monitor::Http1(timer) if read.is_pending() => timer.check(&this.exchanges, context)?,
            Monitor::Http1(timer) if buffer.filled().len() > before => timer.read(&this.exchanges),
            Monitor::Http1(_) => {}
            Monitor::Http2(frames) => frames.received(&buffer.filled()[before..])?,
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let frames = match &mut this.monitor {
            Monitor::Http1(timer) => {
                timer.has_written = true;
                return this.wire.writer().poll_write(context, bytes);
            }
            Monitor::Http2(frames) => frames,
        };
        if let Some(taken) = frames.take_settings(bytes) {
            return Poll::Ready(Ok(taken));
        }
        ready!(frames.poll_settings(this.wire.writer(), context))?;
        let written = ready!(this.wire.writer().poll_write(context, bytes))?;
        frames.sent(&bytes[..written]);
        Poll::Ready(Ok(written))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Monitor::Http2(frames) = &mut this.monitor {
            ready!(frames.poll_settings(this.wire.writer(), context))?;
        }
        this.wire.writer().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.writer().poll_shutdown(context)
    }
}

/// Closes a connection that makes no progress. A single timer checks periodically, so requests need not reset one.
struct IdleTimer {
    timer: Pin<Box<Sleep>>,
    keep_alive: Duration,
    /// When the last check found progress.
    progress_at: Instant,
    /// The number of requests at the last check.
    seen: Option<u64>,
    /// Whether anything was written since then.
    has_written: bool,
    /// The number of requests when something was last read between two of them.
    read_at: Option<u64>,
    /// Whether the last check found that a request had begun to arrive.
    was_arriving: bool,
}

impl IdleTimer {
    fn new(keep_alive: Duration) -> IdleTimer {
        IdleTimer {
            timer: Box::pin(sleep(HEAD_TIME_MAX)),
            keep_alive,
            progress_at: Instant::now(),
            seen: None,
            has_written: false,
            read_at: None,
            was_arriving: false,
        }
    }

    /// Notes that something was read. Within a request, it belongs to the body.
    fn read(&mut self, exchanges: &Exchanges) {
        if !exchanges.is_any() {
            self.read_at = Some(exchanges.begun());
        }
    }

    /// Checks the connection, if the timer has elapsed.
    ///
    /// # Errors
    /// If a request has begun to arrive, and its head was not complete for one to two times [`HEAD_TIME_MAX`]; if
    /// there was no progress for much longer than the connection may be idle.
    fn check(&mut self, exchanges: &Exchanges, context: &mut Context<'_>) -> io::Result<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            let (begun, is_any, now) = (exchanges.begun(), exchanges.is_any(), Instant::now());
            if self.seen != Some(begun) || is_any || self.has_written {
                self.progress_at = now;
            }
            let is_arriving = self.read_at == Some(begun) && !is_any;
            let is_late = is_arriving && self.was_arriving && self.seen == Some(begun);
            // The library ends idle connections; this is for those in which it waits for the rest of a head.
            let is_over = now.duration_since(self.progress_at) > self.keep_alive + 2 * HEAD_TIME_MAX;
            if is_late || is_over {
                return Err(io::ErrorKind::TimedOut.into());
            }
            (self.seen, self.has_written, self.was_arriving) = (Some(begun), false, is_arriving);
            self.timer.as_mut().reset(now + HEAD_TIME_MAX);
        }
        Ok(())
    }
}
