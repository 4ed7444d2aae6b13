//! Statistics on refused requests: counts, and excerpts of the latest ones. Answered setup challenges are counted, too.
//!
//! Both are buffered in memory and written about once a second, in one unit of work, so a flood of refusals costs the
//! store no more than a few do. A killed process loses at most the last second.
//!
//! Limits: counts are exact. At most [`PER_SECOND_MAX`] requests per second are kept, and [`PER_HOOK_MAX`] per hook;
//! [`WAITING_MAX`] are buffered, the latest ones; the database keeps [`STORED_PER_HOOK_MAX`] per hook. While the store
//! is busy, they stay in the buffer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::refusal::{Reason, Refusal};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::observe::metrics;
use crate::store::{Hook, RefusedRequest, Session, Store, StoreResult};

/// The name that answered setup challenges are counted under, next to the reasons of refusals.
pub const CHALLENGE: &str = "challenge";

/// The most refused requests kept per second.
const PER_SECOND_MAX: usize = 30;
/// The most of them per hook.
const PER_HOOK_MAX: usize = 10;
/// The most requests that wait to be written.
const WAITING_MAX: usize = 60;
/// How many requests per hook the database keeps.
pub const STORED_PER_HOOK_MAX: i64 = 100;
/// If more units than this wait for the store, only counts are written.
const QUEUED_MAX: usize = 512;

/// The buffered counts and requests; cheap to clone.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<Waiting>>);

/// By org, hook and the name of the reason.
type Counts = HashMap<(Id, Id, &'static str), i64>;

#[derive(Default)]
struct Waiting {
    counts: Counts,
    requests: VecDeque<RefusedRequest>,
    quota: Quota,
}

/// How many requests were kept in the current second.
#[derive(Default)]
struct Quota {
    since: Option<Instant>,
    used: HashMap<Id, usize>,
}

impl Quota {
    /// Takes one from the quota of a hook, if there is any left.
    fn take(&mut self, hook: Id, now: Instant) -> bool {
        if self.since.is_none_or(|since| now.duration_since(since) >= Duration::from_secs(1)) {
            self.since = Some(now);
            self.used.clear();
        }
        if self.used.values().sum::<usize>() >= PER_SECOND_MAX {
            return false;
        }
        let own = self.used.entry(hook).or_default();
        let has_quota = *own < PER_HOOK_MAX;
        *own += usize::from(has_quota);
        has_quota
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
    /// Counts a refusal, and keeps an excerpt of the request if the quota allows.
    pub fn add(&self, hook: &Hook, refusal: &Refusal, excerpt: impl FnOnce() -> RefusedRequest) {
        metrics::request_refused(refusal.reason.index());
        let mut waiting = self.waiting();
        *waiting.counts.entry((hook.org, hook.id, refusal.reason.as_str())).or_default() += 1;
        // Requests to a deleted hook cannot be listed.
        if refusal.reason != Reason::HookDeleted && waiting.quota.take(hook.id, Instant::now()) {
            drop(waiting);
            let request = excerpt();
            self.waiting().keep(request);
        }
    }

    /// Counts an answered setup challenge.
    pub fn add_challenge(&self, hook: &Hook) {
        metrics::challenge_answered();
        *self.waiting().counts.entry((hook.org, hook.id, CHALLENGE)).or_default() += 1;
    }

    /// Counts a request to an unknown address.
    pub fn add_unknown(&self) {
        metrics::request_refused(Reason::UnknownHook.index());
    }

    /// Writes what has been buffered since the last call.
    ///
    /// # Errors
    /// Errors of the store; the data is then kept for the next call, except for requests that cannot be stored at all.
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
        let batch_requests = requests.clone();
        let written = store.write(move |session| {
            let now = session.now();
            write_counts(session, &batch, now)?;
            write_requests(session, &batch_requests)
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
    fn one_hook_cannot_use_up_the_whole_quota() {
        let mut quota = Quota::default();
        let start = Instant::now();
        let mut granted = |hook: Id, at: Instant| (0..1_000).filter(|_| quota.take(hook, at)).count();
        let hooks: Vec<Id> = (0..5).map(|_| Id::generate()).collect();
        let in_turn: Vec<usize> = hooks.iter().map(|hook| granted(*hook, start)).collect();
        assert_eq!(in_turn, [10, 10, 10, 0, 0]);
        assert_eq!(granted(hooks[4], start + Duration::from_millis(999)), 0);
        assert_eq!(granted(hooks[4], start + Duration::from_secs(1)), 10);
    }
}
