//! The requests in progress on a connection.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::ServiceRequest;
use actix_web::http::Version;
use bytes::Bytes;

/// The most headers of an HTTP/2 request. For HTTP/1.1 the library has the same limit.
pub const HEADERS_MAX: usize = 96;
/// The largest total size of the names and values of those headers and the path, in bytes.
pub const HEAD_BYTES_MAX: usize = 64 * 1024;

/// The requests of a connection.
#[derive(Clone, Default)]
pub struct Exchanges(Rc<Counts>);

#[derive(Default)]
struct Counts {
    begun: Cell<u64>,
    ended: Cell<u64>,
}

impl Exchanges {
    /// How many requests have started.
    pub fn begun(&self) -> u64 {
        self.0.begun.get()
    }

    /// Whether any request is in progress.
    pub fn is_any(&self) -> bool {
        self.0.begun.get() > self.0.ended.get()
    }
}

/// A request in progress, until dropped.
pub struct Exchange(Exchanges);

/// A response body; the request is in progress until it ends, which may take an hour.
pub struct ResponseBody<B> {
    body: B,
    _exchange: Option<Exchange>,
}

/// The head of a request exceeds its size limit.
#[derive(Clone, Copy, Debug)]
pub struct HeadTooLarge;

impl Exchange {
    /// Starts a request; `None` if it did not come over one of this server's connections.
    ///
    /// # Errors
    /// If its head is too large.
    pub fn begin(request: &ServiceRequest) -> Result<Option<Exchange>, HeadTooLarge> {
        if request.version() == Version::HTTP_2 && is_too_large(request) {
            return Err(HeadTooLarge);
        }
        let Some(exchanges) = request.conn_data::<Exchanges>() else { return Ok(None) };
        exchanges.0.begun.update(|count| count + 1);
        Ok(Some(Exchange(exchanges.clone())))
    }
}

impl<B> ResponseBody<B> {
    pub fn new(body: B, exchange: Option<Exchange>) -> ResponseBody<B> {
        ResponseBody { body, _exchange: exchange }
    }
}

impl<B: MessageBody + Unpin> MessageBody for ResponseBody<B> {
    type Error = B::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Bytes, B::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.0.0.ended.update(|count| count + 1);
    }
}

fn is_too_large(request: &ServiceRequest) -> bool {
    let sizes = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len());
    let (count, bytes) = sizes.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size));
    let address = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    count > HEADERS_MAX || bytes + address > HEAD_BYTES_MAX
}
