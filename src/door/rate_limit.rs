//! Rate limits of hooks and orgs.
//!
//! Requests are counted after the hook's verification, so that unauthenticated requests do not use up the quota of
//! honest senders. The response to a request over a limit tells when to retry.
//!
//! Counters are kept in memory, by hook and org, and outlive changes of the catalog; a change of a hook's limits resets
//! its counter. Each node counts for itself. There are as many counters as hooks and orgs: counters of deleted hooks
//! are dropped once they outnumber the others.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use super::refusal::{Reason, Refusal};
use crate::base::id::Id;
use crate::catalog::{HookInForce, Snapshot};
use crate::config::Rates;
use crate::hook::{Limits, Period, Rate};

/// Below this number, no counters are dropped.
const COUNTERS_MIN: usize = 64;

/// The counters; cheap to clone.
#[derive(Clone, Default)]
pub struct RateLimiters(Arc<Counters>);

#[derive(Default)]
struct Counters {
    defaults: Rates,
    hooks: RwLock<HashMap<Id, Arc<Counter>>>,
    orgs: RwLock<HashMap<Id, Arc<Counter>>>,
}

/// The counter of a hook or an org.
struct Counter {
    limits: Limits,
    bucket: Option<DefaultDirectRateLimiter>,
    in_progress: AtomicU32,
}

/// Counts a request as in progress until dropped.
pub struct Admission(Option<Arc<Counter>>);

impl RateLimiters {
    pub fn new(defaults: Rates) -> RateLimiters {
        RateLimiters(Arc::new(Counters { defaults, ..Counters::default() }))
    }

    /// Counts a request to a hook; `snapshot` returns the existing hooks.
    ///
    /// # Errors
    /// If a limit is reached.
    pub fn admit(&self, in_force: &HookInForce, snapshot: impl Fn() -> Arc<Snapshot>) -> Result<Admission, Refusal> {
        let Counters { defaults, hooks, orgs } = &*self.0;
        let (hook, limits) = (&in_force.hook, in_force.settings.limits.or(defaults.hook()));
        let mut admission = Admission(None);
        if limits != Limits::default() {
            let present = || snapshot().hook_ids().collect();
            let counter = counter(hooks, hook.id, limits, present);
            if let Some(concurrent) = limits.concurrent {
                admission = Counter::enter(&counter, concurrent)?;
            }
            counter.count(Reason::RateLimited, "this hook accepts")?;
        }
        if let Some(rate) = defaults.org_rate {
            let limits = Limits { rate: Some(rate), concurrent: None };
            let present = || snapshot().orgs().map(|org| org.id).collect();
            counter(orgs, hook.org, limits, present).count(Reason::OrgRateLimited, "all hooks together accept")?;
        }
        Ok(admission)
    }
}

/// The counter of a hook or org; created if missing, and recreated if its limits have changed.
fn counter<K: Copy + Eq + Hash>(
    counters: &RwLock<HashMap<K, Arc<Counter>>>,
    key: K,
    limits: Limits,
    present: impl Fn() -> HashSet<K>,
) -> Arc<Counter> {
    let current = |counters: &HashMap<K, Arc<Counter>>| {
        counters.get(&key).filter(|counter| counter.limits == limits).map(Arc::clone)
    };
    if let Some(counter) = current(&counters.read().unwrap_or_else(PoisonError::into_inner)) {
        return counter;
    }
    let mut counters = counters.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(counter) = current(&counters) {
        return counter;
    }
    if counters.len() >= COUNTERS_MIN {
        let present = present();
        if counters.len() > 2 * present.len() {
            counters.retain(|key, _| present.contains(key));
        }
    }
    let counter = Arc::new(Counter::new(limits));
    counters.insert(key, counter.clone());
    counter
}

impl Counter {
    fn new(limits: Limits) -> Counter {
        let quota = |rate: Rate| {
            let quota = match rate.period {
                Period::Second => Quota::per_second(rate.requests),
                Period::Minute => Quota::per_minute(rate.requests),
            };
            quota.allow_burst(rate.burst)
        };
        let bucket = limits.rate.map(|rate| RateLimiter::direct(quota(rate)));
        Counter { limits, bucket, in_progress: AtomicU32::new(0) }
    }

    fn count(&self, reason: Reason, subject: &str) -> Result<(), Refusal> {
        let (Some(bucket), Some(rate)) = (&self.bucket, self.limits.rate) else { return Ok(()) };
        bucket.check().map_err(|rejection| {
            let wait_s = whole_seconds(rejection.wait_time_from(DefaultClock::default().now()));
            Refusal::new(reason, format!("{subject} {rate}; retry in {wait_s} s")).retry_after(wait_s)
        })
    }

    fn enter(counter: &Arc<Counter>, concurrent: NonZeroU32) -> Result<Admission, Refusal> {
        let one_more = |in_progress: u32| (in_progress < concurrent.get()).then_some(in_progress + 1);
        match counter.in_progress.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Admission(Some(counter.clone()))),
            Err(_) => {
                let detail = format!("this hook accepts {concurrent} concurrent requests; try again");
                Err(Refusal::new(Reason::TooManyAtOnce, detail).retry_after(1))
            }
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(counter) = &self.0 {
            counter.in_progress.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Rounds up to whole seconds, at least one.
fn whole_seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0 || time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(rate: &str) -> Limits {
        Limits { rate: Some(rate.parse().unwrap()), concurrent: None }
    }

    #[test]
    fn seconds_are_rounded_up() {
        let seconds = [0, 1, 999, 1_000, 1_001].map(|millis| whole_seconds(Duration::from_millis(millis)));
        assert_eq!(seconds, [1, 1, 1, 1, 2]);
    }

    #[test]
    fn a_counter_is_kept_while_its_limits_stay_the_same() {
        let counters = RwLock::default();
        let counter = |rate: &str| counter(&counters, 1, limits(rate), HashSet::new);
        let first = counter("1/m");
        assert!(first.count(Reason::RateLimited, "").is_ok());
        let refusal = counter("1/m").count(Reason::RateLimited, "this hook accepts").unwrap_err();
        assert!(refusal.detail.starts_with("this hook accepts 1 request per minute; retry in "), "{}", refusal.detail);
        assert!((50..=60).contains(&refusal.retry_after_s.unwrap()));
        assert!(counter("2/m").count(Reason::RateLimited, "").is_ok());
    }

    #[test]
    fn counters_of_deleted_hooks_are_dropped() {
        let counters = RwLock::default();
        for key in 0..10_000 {
            counter(&counters, key, limits("1/s"), || HashSet::from([key, 0]));
            assert!(counters.read().unwrap().len() <= COUNTERS_MIN);
        }
        assert!(counters.read().unwrap().contains_key(&0));
    }
}
