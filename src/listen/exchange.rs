//! Requests that are being answered, as far as their connection has to know of them.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, MessageBody};
use actix_web::dev::ServiceRequest;
use actix_web::http::Version;
use bytes::Bytes;

/// The most headers of a request with HTTP/2. With HTTP/1.1 the library has the same limit.
pub const HEADERS_MAX: usize = 96;
/// The most bytes of the names and values of those headers, and the address.
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
    /// How many have begun to be answered.
    pub fn begun(&self) -> u64 {
        self.0.begun.get()
    }

    /// Whether one is being answered.
    pub fn is_any(&self) -> bool {
        self.0.begun.get() > self.0.ended.get()
    }
}

/// A request that is being answered until this is dropped.
pub struct Exchange(Exchanges);

/// The body of an answer, during which the request counts as being answered: some answers go on for an hour.
pub struct Answering<B> {
    body: B,
    _exchange: Option<Exchange>,
}

/// The head of a request is larger than it may be.
#[derive(Clone, Copy, Debug)]
pub struct HeadTooLarge;

impl Exchange {
    /// Begins to answer a request; none if it came over no connection of this server's.
    ///
    /// # Errors
    /// If it should not be answered.
    pub fn begin(request: &ServiceRequest) -> Result<Option<Exchange>, HeadTooLarge> {
        if request.version() == Version::HTTP_2 && is_too_large(request) {
            return Err(HeadTooLarge);
        }
        let Some(exchanges) = request.conn_data::<Exchanges>() else { return Ok(None) };
        exchanges.0.begun.update(|count| count + 1);
        Ok(Some(Exchange(exchanges.clone())))
    }
}

impl<B> Answering<B> {
    pub fn new(body: B, exchange: Option<Exchange>) -> Answering<B> {
        Answering { body, _exchange: exchange }
    }
}

impl<B: MessageBody + Unpin> MessageBody for Answering<B> {
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
