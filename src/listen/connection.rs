//! A connection as the HTTP server sees it: its bytes, watched on their way.
//!
//! With HTTP/1.1, the library gives a time to the head of the first request of a connection only; before the next one,
//! a byte now and then would keep it open for ever. So here a connection has to come to a request now and then, or to be sent an
//! answer, however many bytes it sends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_http::Extensions;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};
use tokio_rustls::server::TlsStream;

use super::HEAD_TIME_MAX;
use super::exchange::Exchanges;
use super::frames::Frames;
use super::peers::Place;

/// A connection, counted as one of its peer's.
pub struct Connection {
    wire: Wire,
    watch: Watch,
    exchanges: Exchanges,
    _place: Place,
}

enum Wire {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What is looked after.
enum Watch {
    Http1(Patience),
    Http2(Box<Frames>),
}

impl Connection {
    pub fn plain(socket: TcpStream, place: Place) -> Connection {
        Connection::new(Wire::Plain(socket), Watch::Http1(Patience::new()), place)
    }

    pub fn tls(stream: TlsStream<TcpStream>, place: Place) -> Connection {
        Connection::new(Wire::Tls(Box::new(stream)), Watch::Http1(Patience::new()), place)
    }

    pub fn http_2(stream: TlsStream<TcpStream>, place: Place) -> Connection {
        Connection::new(Wire::Tls(Box::new(stream)), Watch::Http2(Box::default()), place)
    }

    fn new(wire: Wire, watch: Watch, place: Place) -> Connection {
        Connection { wire, watch, exchanges: Exchanges::default(), _place: place }
    }

    /// Makes the connection's exchanges known to its requests.
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
        match &mut this.watch {
            // The timer has to know whom to wake only if nothing else will.
            Watch::Http1(patience) if read.is_pending() => patience.check(&this.exchanges, context)?,
            Watch::Http1(_) => {}
            Watch::Http2(frames) => frames.received(&buffer.filled()[before..])?,
        }
        read
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let frames = match &mut this.watch {
            Watch::Http1(patience) => {
                patience.has_written = true;
                return this.wire.writer().poll_write(context, bytes);
            }
            Watch::Http2(frames) => frames,
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
        if let Watch::Http2(frames) = &mut this.watch {
            ready!(frames.poll_settings(this.wire.writer(), context))?;
        }
        this.wire.writer().poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.writer().poll_shutdown(context)
    }
}

/// How long a connection may do nothing of use. One timer looks now and then, so that nothing has to be set for a request.
struct Patience {
    timer: Pin<Box<Sleep>>,
    /// How many requests there had been when the timer last looked.
    seen: Option<u64>,
    /// Whether something was written since then.
    has_written: bool,
}

impl Patience {
    fn new() -> Patience {
        Patience { timer: Box::pin(sleep(HEAD_TIME_MAX)), seen: None, has_written: false }
    }

    /// Looks at the connection, if it is time.
    ///
    /// # Errors
    /// If nothing happened on it for between one and two times [`HEAD_TIME_MAX`].
    fn check(&mut self, exchanges: &Exchanges, context: &mut Context<'_>) -> io::Result<()> {
        while self.timer.as_mut().poll(context).is_ready() {
            let begun = exchanges.begun();
            if self.seen == Some(begun) && !exchanges.is_any() && !self.has_written {
                return Err(io::ErrorKind::TimedOut.into());
            }
            (self.seen, self.has_written) = (Some(begun), false);
            self.timer.as_mut().reset(Instant::now() + HEAD_TIME_MAX);
        }
        Ok(())
    }
}
