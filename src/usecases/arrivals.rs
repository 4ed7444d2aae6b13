//! A live stream of the requests that arrive at a hook.
//!
//! The stream polls the database, so it includes requests that other nodes accept. A transaction can commit after one
//! with a higher id, so each poll reads the last seconds again and skips what was sent before.
//!
//! Limits: [`LISTENERS_MAX`] listeners; each can listen for [`LISTENING_MAX`], and must then reconnect. One poll finds
//! at most [`NEWEST_MAX`] requests, which are read one by one as the listener consumes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::refusals::RefusalView;
use super::transactions::TransactionView;
use super::{Reader, Services, UseCaseError, UseCaseResult, hooks, refusals, transactions};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::{Page, RefusedRequest, StoreResult, chain};

/// The most concurrent listeners.
const LISTENERS_MAX: usize = 20;
/// The longest time to listen, so that a deleted key stops working.
const LISTENING_MAX: Duration = Duration::from_secs(3_600);
/// The time between two polls.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How much later than a transaction with a higher id a transaction may commit.
const OVERLAP: Duration = Duration::from_secs(10);
/// The most new transactions, and the most new refusals, of one poll.
const NEWEST_MAX: i64 = 500;
/// The longest silence. Sending something reveals that a listener is gone.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The state that all listeners share; cheap to clone.
#[derive(Clone)]
pub struct Listeners {
    places: Arc<Semaphore>,
    closing: watch::Receiver<bool>,
}

/// One listener.
pub struct Listener {
    services: Services,
    org: Id,
    hook: Id,
    until: Instant,
    /// Everything up to this id was sent or is too old.
    above: Id,
    /// The ids above that which were sent.
    sent: BTreeSet<Id>,
    waiting: BTreeMap<Id, Found>,
    silent_since: Instant,
    _place: OwnedSemaphorePermit,
}

/// What a listener receives; each variant except `Silence` has the id of the transaction or refusal.
#[derive(Debug)]
pub enum Arrival {
    Transaction(Id, Box<TransactionView>),
    Refusal(Id, Box<RefusalView>),
    /// More requests arrived than are sent.
    Missed(Id),
    /// No request arrived for a while.
    Silence,
}

/// A request that was found but not sent yet.
enum Found {
    Transaction,
    Refusal(Box<RefusedRequest>),
    Missed,
}

impl Listeners {
    /// All streams end when `closing` becomes true.
    pub fn new(closing: watch::Receiver<bool>) -> Listeners {
        Listeners { places: Arc::new(Semaphore::new(LISTENERS_MAX)), closing }
    }
}

/// Listens to a hook from now on, or from the request after the transaction or refusal `last`.
///
/// # Errors
/// [`UseCaseError::Overloaded`] if there are too many listeners.
pub async fn listen(services: &Services, reader: &Reader, hook: Id, last: Option<Id>) -> UseCaseResult<Listener> {
    hooks::require(services, reader, hook)?;
    let place = services.listeners.places.clone().try_acquire_owned();
    let place = place.map_err(|_| UseCaseError::Overloaded("too many listeners; try again later"))?;
    let mut listener = Listener {
        services: services.clone(),
        org: reader.org(),
        hook,
        until: Instant::now() + LISTENING_MAX,
        above: last.unwrap_or_else(|| Id::lowest_at(Timestamp::now() - OVERLAP)),
        sent: last.into_iter().collect(),
        waiting: BTreeMap::new(),
        silent_since: Instant::now(),
        _place: place,
    };
    if last.is_none() {
        // Skip the requests that arrived before.
        listener.look().await?;
        listener.waiting.clear();
    }
    Ok(listener)
}

impl Listener {
    /// The stream misses nothing that arrives after this id.
    pub fn position(&self) -> Id {
        self.sent.last().copied().unwrap_or(self.above)
    }

    /// Waits for the next arrival; `None` at the end of the stream.
    pub async fn next(&mut self) -> Option<Arrival> {
        loop {
            while let Some((id, found)) = self.waiting.pop_first() {
                if let Some(arrival) = self.arrival(id, found).await {
                    self.silent_since = Instant::now();
                    return Some(arrival);
                }
            }
            if self.silent_since.elapsed() >= SILENCE_MAX {
                self.silent_since = Instant::now();
                return Some(Arrival::Silence);
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = self.services.listeners.closing.wait_for(|closing| *closing) => return None,
            }
            let is_there = self.services.catalog.snapshot().hook(self.org, self.hook).is_some();
            if !is_there || Instant::now() >= self.until {
                return None;
            }
            // If the database is unreachable, a later poll sends what arrived meanwhile.
            if let Err(error) = self.look().await {
                log::debug!(err:% = chain(&error); "can't poll for arrivals");
            }
        }
    }

    /// Polls for arrivals.
    async fn look(&mut self) -> StoreResult<()> {
        let (org, hook, above) = (self.org, self.hook, self.above);
        let found = self.services.store.read(move |session| {
            let transactions = session.newest_transactions(org, hook, above, NEWEST_MAX)?;
            Ok((transactions, session.refused(org, (hook, above), None, Page { after: None, size: NEWEST_MAX })?))
        });
        let (transactions, refused) = found.await?;
        // If one poll doesn't find all, the rest is skipped.
        let is_full = i64::try_from(transactions.len()).is_ok_and(|found| found >= NEWEST_MAX);
        let oldest = transactions.last().copied().filter(|_| is_full);
        if let Some(oldest) = oldest.filter(|oldest| !self.sent.contains(oldest)) {
            self.waiting.insert(oldest, Found::Missed);
        }
        for id in transactions {
            if self.sent.insert(id) {
                self.waiting.entry(id).or_insert(Found::Transaction);
            }
        }
        for request in refused {
            if self.sent.insert(request.id) {
                self.waiting.insert(request.id, Found::Refusal(Box::new(request)));
            }
        }
        let settled = Id::lowest_at(Timestamp::now() - OVERLAP);
        self.above = above.max(oldest.unwrap_or(settled));
        self.sent = self.sent.split_off(&self.above);
        Ok(())
    }

    /// Reads what to send; `None` if the transaction was deleted.
    async fn arrival(&self, id: Id, found: Found) -> Option<Arrival> {
        let org = self.org;
        Some(match found {
            Found::Missed => Arrival::Missed(id),
            Found::Refusal(request) => Arrival::Refusal(id, Box::new(refusals::view(&request))),
            Found::Transaction => {
                match self.services.store.read(move |session| transactions::find(session, org, id)).await {
                    Ok(transaction) => Arrival::Transaction(id, Box::new(transactions::view(&transaction?))),
                    Err(_) => Arrival::Missed(id),
                }
            }
        })
    }
}
