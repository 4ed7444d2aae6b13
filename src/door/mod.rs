//! The door: where hooks arrive.
//!
//! A request is taken in this order: find the hook, read the body within its limits, verify it, inflate and
//! parse it ([`receive`]), store it together with a run for each workflow that listens ([`intake`]), and answer once that is
//! on the disk, or when the hook says ([`answer`]). Of a refused request nothing is stored but a count of the reason and, of
//! some, what is shown to find out why ([`refusals`]).
//!
//! Mails that come by SMTP take the same way behind a listener of their own ([`smtp`]).
//!
//! Limits: see [`body`]. [`BYTES_IN_FLIGHT_MAX`] bytes of bodies are held at a time over all requests; beyond that,
//! and when the store's queue is full, the answer is 503 with `Retry-After`. One peer holds a part of that at most in bodies
//! that are not complete ([`unfinished`]).

mod answer;
pub mod body;
mod captcha;
mod challenge;
mod cors;
mod headers;
mod intake;
mod pacing;
mod peer;
mod receive;
mod refusal;
mod refusals;
mod refused;
pub mod smtp;
mod unfinished;

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use tokio::sync::Semaphore;

use captcha::Checks;
pub use intake::{DUPLICATE, forget_deliveries};
pub use pacing::Pacing;
pub use peer::TrustedProxies;
pub use receive::{receive, receive_of_org};
pub use refusal::{Reason, Refusal};
pub use refusals::{CHALLENGE, Refusals};
pub use refused::BODY_BYTES_MAX as REFUSED_BODY_BYTES_MAX;

use crate::catalog::Catalog;
use crate::engine::EngineHandle;
use crate::hook;
use crate::outbound::Performer;
use crate::store::Store;
use unfinished::Unfinished;

/// How many bytes of bodies may be in memory at a time, over all requests that wait for their commit.
pub const BYTES_IN_FLIGHT_MAX: usize = 64 * 1024 * 1024;

/// What the door needs; cheap to clone.
#[derive(Clone)]
pub struct Door {
    pub store: Store,
    pub catalog: Catalog,
    pub engine: EngineHandle,
    pub refusals: Refusals,
    pub limits: Limits,
    pub proxies: TrustedProxies,
    pub pacing: Pacing,
    /// What senders find this server at, which some of them sign.
    pub public_url: Arc<str>,
    bytes_in_flight: Arc<Semaphore>,
    unfinished: Unfinished,
    /// Places for requests that wait for their runs.
    waiting: Arc<Semaphore>,
    checks: Checks,
}

/// How large a body may be.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// As it is received.
    pub body_bytes: usize,
    /// Of one with a content encoding, once that is undone.
    pub inflated_bytes: usize,
}

impl Door {
    pub fn new(
        store: Store,
        catalog: Catalog,
        (engine, performer): (EngineHandle, Performer),
        limits: Limits,
        proxies: TrustedProxies,
        pacing: Pacing,
        public_url: &str,
    ) -> Door {
        let bytes_in_flight = Arc::new(Semaphore::new(BYTES_IN_FLIGHT_MAX));
        let (refusals, unfinished, public_url) = (Refusals::default(), Unfinished::default(), public_url.into());
        let waiting = Arc::new(Semaphore::new(answer::WAITING_MAX));
        let checks = Checks::new(performer);
        Door {
            store,
            catalog,
            engine,
            checks,
            refusals,
            limits,
            proxies,
            pacing,
            public_url,
            bytes_in_flight,
            unfinished,
            waiting,
        }
    }

    /// Whom a request comes from, behind trusted proxies.
    pub fn peer(&self, request: &HttpRequest) -> Option<IpAddr> {
        request.peer_addr().map(|connected| self.proxies.peer(connected.ip(), request.headers()))
    }

    /// A request as expressions in a hook's settings see it.
    fn context<'a>(&self, request: &'a HttpRequest) -> hook::Request<'a> {
        hook::Request {
            method: request.method().as_str(),
            headers: request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
            query: request.query_string(),
            peer: self.peer(request).map(|peer| peer.to_string()),
            signed_id: None,
        }
    }
}
