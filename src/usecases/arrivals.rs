//! What arrives at a hook, as it comes in.
//!
//! The database is asked again and again, which shows what all nodes accept. A commit can come a moment after another one
//! with a higher id, so each time the last seconds are looked at again, and what was sent is left out.
//!
//! Limits: [`LISTENERS_MAX`] listen at a time; each for [`LISTENING_MAX`], and then has to ask again. One look finds at most
//! [`NEWEST_MAX`]. They are read one by one as fast as the listener takes them.

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

/// How many may listen at a time.
const LISTENERS_MAX: usize = 20;
/// How long one may listen: a key that was deleted must not be good for ever.
const LISTENING_MAX: Duration = Duration::from_secs(3_600);
/// How often the database is asked.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a commit may take to be found although later ones were.
const OVERLAP: Duration = Duration::from_secs(10);
/// How many new transactions, and as many refusals, are found at a time.
const NEWEST_MAX: i64 = 500;
/// The longest pause between two arrivals; a listener that has gone away is noticed then.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// What all listeners share; cheap to clone.
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
    /// Everything up to this id was sent, or is too old.
    above: Id,
    /// What was sent of the ids above that.
    sent: BTreeSet<Id>,
    waiting: BTreeMap<Id, Found>,
    silent_since: Instant,
    _place: OwnedSemaphorePermit,
}

/// Something that a listener receives; each but the last has the id of the transaction or the refusal.
#[derive(Debug)]
pub enum Arrival {
    Transaction(Id, Box<TransactionView>),
    Refusal(Id, Box<RefusalView>),
    /// More came in than is sent.
    Missed(Id),
    /// Nothing arrived for a while.
    Silence,
}

/// What was found and has to be sent.
enum Found {
    Transaction,
    Refusal(Box<RefusedRequest>),
    Missed,
}

impl Listeners {
    /// All stop listening when `closing` becomes true.
    pub fn new(closing: watch::Receiver<bool>) -> Listeners {
        Listeners { places: Arc::new(Semaphore::new(LISTENERS_MAX)), closing }
    }
}

/// Listens to a hook from now on, or from what came after the transaction or refusal `last`.
///
/// # Errors
/// [`UseCaseError::Overloaded`] if too many listen.
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
        // What is there already is not news.
        listener.look().await?;
        listener.waiting.clear();
    }
    Ok(listener)
}

impl Listener {
    /// Nothing that arrives after this id is missed.
    pub fn position(&self) -> Id {
        self.sent.last().copied().unwrap_or(self.above)
    }

    /// The next arrival, once there is one; none when listening is over.
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
            // A database that is away comes back; what happened meanwhile is sent then.
            if let Err(error) = self.look().await {
                log::debug!(err:% = chain(&error); "can't look for what has arrived");
            }
        }
    }

    /// Looks for what has arrived.
    async fn look(&mut self) -> StoreResult<()> {
        let (org, hook, above) = (self.org, self.hook, self.above);
        let found = self.services.store.read(move |session| {
            let transactions = session.newest_transactions(org, hook, above, NEWEST_MAX)?;
            Ok((transactions, session.refused(org, (hook, above), None, Page { after: None, size: NEWEST_MAX })?))
        });
        let (transactions, refused) = found.await?;
        // What comes after so many that one look does not find all is not looked for again.
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

    /// What is sent; none of a transaction that is gone.
    async fn arrival(&self, id: Id, found: Found) -> Option<Arrival> {
        let org = self.org;
        Some(match found {
            Found::Missed => Arrival::Missed(id),
            Found::Refusal(request) => Arrival::Refusal(id, Box::new(refusals::view(&request))),
            Found::Transaction => match self.services.store.read(move |session| session.transaction(org, id)).await {
                Ok(transaction) => Arrival::Transaction(id, Box::new(transactions::view(&transaction?))),
                Err(_) => Arrival::Missed(id),
            },
        })
    }
}
