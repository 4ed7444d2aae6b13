//! `/v1/hooks/{id}/live`: what arrives at a hook, as it comes in, as server-sent events.
//!
//! An event `transaction` has what `GET /v1/transactions/{id}` shows, an event `refusal` an entry of the list of refusals;
//! `missed` says that more came in than is shown. The events' ids are those of transactions and refusals: who names the last
//! one in `Last-Event-ID` gets what came since.
//!
//! The database is asked again and again, which shows what all nodes take in. A commit can come a moment after another one
//! with a higher id, so each time the last seconds are looked at again, and what was sent is left out.
//!
//! Limits: [`LISTENERS_MAX`] listen at a time; each for [`LISTENING_MAX`], and then has to ask again. In one look
//! [`NEWEST_MAX`] are found. They are read one by one as fast as the listener takes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Bytes, Data, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::stream::unfold;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::auth::Reader;
use super::{App, at, path_id, refusals, transactions};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::http::errors::{ApiError, ApiResult, Code};
use crate::store::{Page, RefusedRequest, StoreResult, chain};

/// How many may listen at a time.
const LISTENERS_MAX: usize = 20;
/// How long one may listen: a key that was taken back must not be good for ever.
const LISTENING_MAX: Duration = Duration::from_secs(3_600);
/// How often the database is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a commit may take to be found although later ones were.
const OVERLAP: Duration = Duration::from_secs(10);
/// How many new transactions, and as many refusals, are found at a time.
const NEWEST_MAX: i64 = 500;
/// How long nothing is sent. Whoever has gone away is noticed then.
const SILENCE_MAX: Duration = Duration::from_secs(15);

pub fn routes(service: &mut ServiceConfig) {
    service.service(at("/v1/hooks/{id}/live", "GET").get(listen));
}

/// What those who listen share; cheap to clone.
#[derive(Clone)]
pub struct Live {
    places: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

impl Live {
    /// All stop listening when `closing` becomes true.
    pub fn new(closing: watch::Receiver<bool>) -> Live {
        Live { places: Arc::new(Semaphore::new(LISTENERS_MAX)), closing }
    }
}

async fn listen(app: Data<App>, reader: Reader, id: Path<String>, request: HttpRequest) -> ApiResult {
    let hook = path_id("hook", &id)?;
    app.door.catalog.snapshot().hook(reader.org, hook).ok_or_else(|| ApiError::not_found("hook", hook))?;
    let last = request.headers().get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let place = app.live.places.clone().try_acquire_owned();
    let place = place.map_err(|_| ApiError::new(Code::Overloaded, "too many listeners; try again later"))?;
    let closing = app.live.closing.clone();
    let mut listener = Listener {
        app,
        org: reader.org,
        hook,
        closing,
        until: Instant::now() + LISTENING_MAX,
        above: last.unwrap_or_else(|| Id::lowest_at(Timestamp::now() - OVERLAP)),
        sent: last.into_iter().collect(),
        waiting: BTreeMap::new(),
        silent_since: Instant::now(),
        _place: place,
    };
    if last.is_none() {
        // What is there already is not news.
        listener.look().await?;
        listener.waiting.clear();
    }
    // Tells the listener that nothing is missed from now on, also if the connection breaks before anything has come.
    let from = listener.sent.last().copied().unwrap_or(listener.above);
    let first = Bytes::from(format!("retry: 1000\nid: {from}\n: listening\n\n"));
    let first = futures_util::stream::once(async { Ok(first) });
    let events = unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok::<_, actix_web::Error>(event), listener))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((CACHE_CONTROL, "no-store"))
        // Proxies that collect what they pass on would make it anything but live.
        .insert_header(("x-accel-buffering", "no"))
        .streaming(futures_util::StreamExt::chain(first, events)))
}

/// One who listens.
struct Listener {
    app: Data<App>,
    org: Id,
    hook: Id,
    closing: watch::Receiver<bool>,
    until: Instant,
    /// Everything up to this id was sent, or is too old.
    above: Id,
    /// What was sent of the ids above that.
    sent: BTreeSet<Id>,
    waiting: BTreeMap<Id, Arrived>,
    silent_since: Instant,
    _place: OwnedSemaphorePermit,
}

/// What was found and has to be sent.
enum Arrived {
    Transaction,
    Refusal(Box<RefusedRequest>),
    /// More than this one came in.
    Missed,
}

impl Listener {
    /// The next event, once there is one; none when listening is over.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            while let Some((id, arrived)) = self.waiting.pop_first() {
                if let Some(event) = self.show(id, arrived).await {
                    self.silent_since = Instant::now();
                    return Some(event);
                }
            }
            if self.silent_since.elapsed() >= SILENCE_MAX {
                self.silent_since = Instant::now();
                return Some(Bytes::from_static(b": nothing new\n\n"));
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = self.closing.wait_for(|closing| *closing) => return None,
            }
            let is_there = self.app.door.catalog.snapshot().hook(self.org, self.hook).is_some();
            if !is_there || Instant::now() >= self.until {
                return None;
            }
            // A database that is away comes back; whoever listens is told then what happened meanwhile.
            if let Err(error) = self.look().await {
                log::debug!(err:% = chain(&error); "can't look for what has arrived");
            }
        }
    }

    /// Looks for what has arrived.
    async fn look(&mut self) -> StoreResult<()> {
        let (org, hook, above) = (self.org, self.hook, self.above);
        let found = self.app.door.store.read(move |session| {
            let transactions = session.newest_transactions(org, hook, above, NEWEST_MAX)?;
            Ok((transactions, session.refused(org, (hook, above), None, Page { after: None, size: NEWEST_MAX })?))
        });
        let (transactions, refused) = found.await?;
        // What comes after so many that one look does not find all is not looked for again.
        let is_full = i64::try_from(transactions.len()).is_ok_and(|found| found >= NEWEST_MAX);
        let oldest = transactions.last().copied().filter(|_| is_full);
        if let Some(oldest) = oldest.filter(|oldest| !self.sent.contains(oldest)) {
            self.waiting.insert(oldest, Arrived::Missed);
        }
        for id in transactions {
            if self.sent.insert(id) {
                self.waiting.entry(id).or_insert(Arrived::Transaction);
            }
        }
        for request in refused {
            if self.sent.insert(request.id) {
                self.waiting.insert(request.id, Arrived::Refusal(Box::new(request)));
            }
        }
        let settled = Id::lowest_at(Timestamp::now() - OVERLAP);
        self.above = above.max(oldest.unwrap_or(settled));
        self.sent = self.sent.split_off(&self.above);
        Ok(())
    }

    /// The event; none of a transaction that is gone.
    async fn show(&self, id: Id, arrived: Arrived) -> Option<Bytes> {
        let (name, data) = match arrived {
            Arrived::Missed => ("missed", Value::Null),
            Arrived::Refusal(request) => ("refusal", refusals::show(&request)),
            Arrived::Transaction => {
                let org = self.org;
                match self.app.door.store.read(move |session| session.transaction(org, id)).await {
                    Ok(transaction) => ("transaction", transactions::show(&transaction?)),
                    Err(_) => ("missed", Value::Null),
                }
            }
        };
        Some(Bytes::from(format!("event: {name}\nid: {id}\ndata: {data}\n\n")))
    }
}
