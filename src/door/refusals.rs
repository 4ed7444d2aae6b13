//! What is known of refused requests: how many there were, and what the newest ones looked like. Set-up challenges that
//! were answered are counted beside them.
//!
//! Both wait in memory and are written about once a second, in one unit of work, so a flood of refusals costs the store no
//! more than a few do. A killed process loses the last second of them and nothing else.
//!
//! Limits: counts are exact. Of requests [`PER_SECOND_MAX`] in a second are kept, and [`PER_HOOK_MAX`] of one hook;
//! [`WAITING_MAX`] wait, the newest ones; the database keeps [`STORED_PER_HOOK_MAX`] of each hook. While the store is busy
//! they wait.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::refusal::{Reason, Refusal};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::observe::metrics;
use crate::store::{Hook, RefusedRequest, Session, Store, StoreResult};

/// The word that answered set-up challenges are counted by, beside the reasons of refusals.
pub const CHALLENGE: &str = "challenge";

/// How many refused requests are kept in a second.
const PER_SECOND_MAX: usize = 30;
/// How many of them may be of one hook.
const PER_HOOK_MAX: usize = 10;
/// How many may wait to be written.
const WAITING_MAX: usize = 60;
/// How many of each hook the database keeps.
pub const STORED_PER_HOOK_MAX: i64 = 100;
/// With more units than this waiting for the store, only counts are written.
const QUEUED_MAX: usize = 512;

/// What waits to be written; cheap to clone.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<Waiting>>);

/// By org, hook and the word for the reason.
type Counts = HashMap<(Id, Id, &'static str), i64>;

#[derive(Default)]
struct Waiting {
    counts: Counts,
    requests: VecDeque<RefusedRequest>,
    places: Places,
}

/// How many requests were kept in the present second.
#[derive(Default)]
struct Places {
    since: Option<Instant>,
    taken: HashMap<Id, usize>,
}

impl Places {
    /// Takes the place for one more request to a hook, if there is one.
    fn take(&mut self, hook: Id, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            self.since = Some(now);
            self.taken.clear();
        }
        if self.taken.values().sum::<usize>() >= PER_SECOND_MAX {
            return false;
        }
        let own = self.taken.entry(hook).or_default();
        let is_free = *own < PER_HOOK_MAX;
        *own += usize::from(is_free);
        is_free
    }
}

impl Waiting {
    fn keep(&mut self, request: RefusedRequest) {
        if self.requests.len() >= WAITING_MAX {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }
}

impl Refusals {
    /// Counts a refusal, and keeps what is shown of the request if there is room for it.
    pub fn add(&self, hook: &Hook, refusal: &Refusal, shown: impl FnOnce() -> RefusedRequest) {
        metrics::request_refused(refusal.reason.index());
        let mut waiting = self.waiting();
        *waiting.counts.entry((hook.org, hook.id, refusal.reason.as_str())).or_default() += 1;
        // Nobody can look at those of a hook that is gone.
        if refusal.reason != Reason::HookDeleted && waiting.places.take(hook.id, Instant::now()) {
            drop(waiting);
            let shown = shown();
            self.waiting().keep(shown);
        }
    }

    /// Counts a set-up challenge that was answered.
    pub fn add_challenge(&self, hook: &Hook) {
        metrics::challenge_answered();
        *self.waiting().counts.entry((hook.org, hook.id, CHALLENGE)).or_default() += 1;
    }

    /// Counts a request to an address that no hook has.
    pub fn add_unknown(&self) {
        metrics::request_refused(Reason::UnknownHook.index());
    }

    /// Writes what came since the last time.
    ///
    /// # Errors
    /// Those of the store; then it is kept for the next time, but for requests that can't be stored at all.
    pub async fn write(&self, store: &Store) -> StoreResult<()> {
        let is_busy = store.queued() > QUEUED_MAX;
        let (counts, requests) = {
            let mut waiting = self.waiting();
            let requests = if is_busy { VecDeque::new() } else { std::mem::take(&mut waiting.requests) };
            (std::mem::take(&mut waiting.counts), Arc::new(requests))
        };
        if counts.is_empty() && requests.is_empty() {
            return Ok(());
        }
        let batch: Vec<_> = counts.iter().map(|(key, count)| (*key, *count)).collect();
        let shown = requests.clone();
        let written = store.write(move |session| {
            let now = session.now();
            write_counts(session, &batch, now)?;
            write_requests(session, &shown)
        });
        let written = written.await;
        if let Err(error) = &written {
            let mut waiting = self.waiting();
            counts.into_iter().for_each(|(key, count)| *waiting.counts.entry(key).or_default() += count);
            if !error.concerns_the_work() {
                let newer = std::mem::replace(&mut waiting.requests, Arc::unwrap_or_clone(requests));
                newer.into_iter().for_each(|request| waiting.keep(request));
            }
        }
        written
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

fn write_counts(session: &mut dyn Session, counts: &[((Id, Id, &str), i64)], now: Timestamp) -> StoreResult<()> {
    counts.iter().try_for_each(|((org, hook, word), count)| session.add_refusals(*org, *hook, word, *count, now))
}

fn write_requests(session: &mut dyn Session, requests: &VecDeque<RefusedRequest>) -> StoreResult<()> {
    requests.iter().try_for_each(|request| session.insert_refused(request))?;
    let mut hooks: Vec<(Id, Id)> = requests.iter().map(|request| (request.org, request.hook)).collect();
    hooks.sort_unstable();
    hooks.dedup();
    hooks.iter().try_for_each(|(org, hook)| session.delete_refused_but(STORED_PER_HOOK_MAX, *org, *hook))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_hook_does_not_take_the_places_of_all() {
        let mut places = Places::default();
        let start = Instant::now();
        let mut taken = |hook: Id, at: Instant| (0..1_000).filter(|_| places.take(hook, at)).count();
        let hooks: Vec<Id> = (0..5).map(|_| Id::generate()).collect();
        let in_turn: Vec<usize> = hooks.iter().map(|hook| taken(*hook, start)).collect();
        assert_eq!(in_turn, [10, 10, 10, 0, 0]);
        assert_eq!(taken(hooks[4], start + Duration::from_millis(999)), 0);
        assert_eq!(taken(hooks[4], start + Duration::from_secs(1)), 10);
    }
}
