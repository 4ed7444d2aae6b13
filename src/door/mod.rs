//! The door: where hook requests arrive.
//!
//! A request passes these steps: find the hook, read the body within limits, verify it, inflate and parse it
//! ([`receive`]); store it together with a run for each workflow that listens ([`intake`]); respond once that is on
//! disk, or when the hook's settings say ([`respond`]). Of a refused request only a count of its reason is stored and,
//! for some, an excerpt to find out why ([`refusals`]).
//!
//! Public keys of senders are fetched when a request needs them ([`published_keys`]).
//!
//! Mails that arrive by SMTP go the same way, behind a listener of their own ([`smtp`]).
//!
//! Limits: see [`body`]. At most [`BYTES_IN_FLIGHT_MAX`] bytes of bodies are held at a time over all requests; beyond
//! that, and when the store's queue is full, the response is 503 with `Retry-After`. Each peer may hold only a part of
//! that in incomplete bodies ([`unfinished`]).

pub mod body;
mod captcha;
mod challenge;
mod cors;
mod headers;
mod intake;
mod peer;
mod published_keys;
mod rate_limit;
mod receive;
mod refusal;
mod refusals;
mod refused;
mod respond;
mod seen_keys;
pub mod smtp;
mod subscription;
mod unfinished;

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use tokio::sync::Semaphore;

use captcha::Checks;
pub use intake::DUPLICATE;
pub use peer::TrustedProxies;
use published_keys::PublishedKeys;
pub use rate_limit::RateLimiters;
pub use receive::{receive, receive_odd, receive_of_org};
pub use refusal::{Reason, Refusal};
pub use refusals::{CHALLENGE, Refusals};
pub use refused::{BODY_BYTES_MAX as REFUSED_BODY_BYTES_MAX, WHOLE_BYTES_MAX as WHOLE_BODY_BYTES_MAX};
pub use respond::ReceiptView;
pub use seen_keys::forget_seen_keys;

use crate::catalog::Catalog;
use crate::engine::EngineHandle;
use crate::hook::{self, HookKind, transaction};
use crate::outbound::Performer;
use crate::store::Store;
use unfinished::Unfinished;

/// The most bytes of bodies in memory, over all requests that wait for their commit.
pub const BYTES_IN_FLIGHT_MAX: usize = 64 * 1024 * 1024;

/// The resources of the door; cheap to clone.
#[derive(Clone)]
pub struct Door {
    pub store: Store,
    pub catalog: Catalog,
    pub engine: EngineHandle,
    pub refusals: Refusals,
    pub limits: Limits,
    pub proxies: TrustedProxies,
    pub rate_limiters: RateLimiters,
    /// The URL at which senders reach this server; some of them sign it.
    pub public_url: Arc<str>,
    bytes_in_flight: Arc<Semaphore>,
    unfinished: Unfinished,
    /// Permits for requests that wait for their runs.
    waiting: Arc<Semaphore>,
    checks: Checks,
    published_keys: PublishedKeys,
}

/// The largest bodies.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// As received, in bytes.
    pub body_bytes: usize,
    /// Once the content encoding is undone, in bytes.
    pub inflated_bytes: usize,
}

impl Door {
    pub fn new(
        store: Store,
        catalog: Catalog,
        (engine, performer): (EngineHandle, Performer),
        limits: Limits,
        proxies: TrustedProxies,
        rate_limiters: RateLimiters,
        public_url: &str,
    ) -> Door {
        let bytes_in_flight = Arc::new(Semaphore::new(BYTES_IN_FLIGHT_MAX));
        let unfinished = Unfinished::new(limits.body_bytes);
        let (refusals, public_url) = (Refusals::default(), public_url.into());
        let waiting = Arc::new(Semaphore::new(respond::WAITING_MAX));
        let published_keys = PublishedKeys::new(performer.clone());
        let checks = Checks::new(performer);
        Door {
            store,
            catalog,
            engine,
            checks,
            published_keys,
            refusals,
            limits,
            proxies,
            rate_limiters,
            public_url,
            bytes_in_flight,
            unfinished,
            waiting,
        }
    }

    /// The client's address, as determined behind trusted proxies.
    pub fn peer(&self, request: &HttpRequest) -> Option<IpAddr> {
        request.peer_addr().map(|connected| self.proxies.peer(connected.ip(), request.headers()))
    }

    /// The request as expressions in a hook's settings see it.
    fn context<'a>(&self, kind: HookKind, request: &'a HttpRequest) -> hook::Request<'a> {
        hook::Request {
            method: request.method().as_str(),
            path: transaction::path(kind),
            headers: request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
            query: request.query_string(),
            peer: self.peer(request).map(|peer| peer.to_string()),
            signed_id: None,
        }
    }
}
