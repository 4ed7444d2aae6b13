//! How many requests are taken, of a hook and of an org, where somebody has set a limit.
//!
//! Requests are counted once they have passed the hook's verification: what anybody may send without proof must not use up
//! what honest senders may. A request over a limit is told when to come again.
//!
//! Counts are kept in memory, by hook and org, and outlive changes of the catalog; a hook whose limits change starts anew.
//! Each node counts for itself. There are as many counters as hooks and orgs: those of hooks that are gone are dropped when
//! they outnumber the others.

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
use crate::store::Status;

/// With fewer counters than this, none is dropped.
const COUNTERS_MIN: usize = 64;

/// The counters; cheap to clone.
#[derive(Clone, Default)]
pub struct Pacing(Arc<Counters>);

#[derive(Default)]
struct Counters {
    defaults: Rates,
    hooks: RwLock<HashMap<Id, Arc<Counter>>>,
    orgs: RwLock<HashMap<Id, Arc<Counter>>>,
}

/// What is counted of a hook or an org.
struct Counter {
    limits: Limits,
    bucket: Option<DefaultDirectRateLimiter>,
    under_way: AtomicU32,
}

/// A request that counts as under way until this is dropped.
pub struct Admission(Option<Arc<Counter>>);

impl Pacing {
    pub fn new(defaults: Rates) -> Pacing {
        Pacing(Arc::new(Counters { defaults, ..Counters::default() }))
    }

    /// Counts a request to a hook; `snapshot` gives the hooks that there are.
    ///
    /// # Errors
    /// If a limit is reached.
    pub fn admit(&self, in_force: &HookInForce, snapshot: impl Fn() -> Arc<Snapshot>) -> Result<Admission, Refusal> {
        let Counters { defaults, hooks, orgs } = &*self.0;
        let (hook, limits) = (&in_force.hook, in_force.settings.limits.or(defaults.hook()));
        let mut admission = Admission(None);
        if limits != Limits::default() {
            let present = || snapshot().hooks.iter().filter(is_present).map(|present| present.hook.id).collect();
            let counter = counter(hooks, hook.id, limits, present);
            if let Some(concurrent) = limits.concurrent {
                admission = Counter::enter(&counter, concurrent)?;
            }
            counter.count(Reason::RateLimited, "this hook takes")?;
        }
        if let Some(rate) = defaults.org_rate {
            let limits = Limits { rate: Some(rate), concurrent: None };
            let present = || snapshot().orgs.iter().map(|org| org.id).collect();
            counter(orgs, hook.org, limits, present).count(Reason::OrgRateLimited, "all hooks together take")?;
        }
        Ok(admission)
    }
}

fn is_present(in_force: &&Arc<HookInForce>) -> bool {
    in_force.hook.status != Status::Deleted
}

/// The counter of a hook or org, which is made if it is not there, or is one for other limits.
fn counter<K: Copy + Eq + Hash>(
    counters: &RwLock<HashMap<K, Arc<Counter>>>,
    key: K,
    limits: Limits,
    present: impl Fn() -> HashSet<K>,
) -> Arc<Counter> {
    let fitting = |counters: &HashMap<K, Arc<Counter>>| {
        counters.get(&key).filter(|counter| counter.limits == limits).map(Arc::clone)
    };
    if let Some(counter) = fitting(&counters.read().unwrap_or_else(PoisonError::into_inner)) {
        return counter;
    }
    let mut counters = counters.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(counter) = fitting(&counters) {
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
        Counter { limits, bucket, under_way: AtomicU32::new(0) }
    }

    fn count(&self, reason: Reason, who: &str) -> Result<(), Refusal> {
        let (Some(bucket), Some(rate)) = (&self.bucket, self.limits.rate) else { return Ok(()) };
        bucket.check().map_err(|refused| {
            let wait_s = whole_seconds(refused.wait_time_from(DefaultClock::default().now()));
            Refusal::new(reason, format!("{who} {rate}; come again in {wait_s} s")).retry_after(wait_s)
        })
    }

    fn enter(counter: &Arc<Counter>, concurrent: NonZeroU32) -> Result<Admission, Refusal> {
        let one_more = |under_way: u32| (under_way < concurrent.get()).then_some(under_way + 1);
        match counter.under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Admission(Some(counter.clone()))),
            Err(_) => {
                let detail = format!("this hook takes {concurrent} requests at a time; come again");
                Err(Refusal::new(Reason::TooManyAtOnce, detail).retry_after(1))
            }
        }
    }
}

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(counter) = &self.0 {
            counter.under_way.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// So long in whole seconds, at least one.
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
    fn a_counter_stays_as_long_as_its_limits() {
        let counters = RwLock::default();
        let counter = |rate: &str| counter(&counters, 1, limits(rate), HashSet::new);
        let first = counter("1/m");
        assert!(first.count(Reason::RateLimited, "").is_ok());
        let refused = counter("1/m").count(Reason::RateLimited, "this hook takes").unwrap_err();
        assert!(
            refused.detail.starts_with("this hook takes 1 request per minute; come again in "),
            "{}",
            refused.detail
        );
        assert!((50..=60).contains(&refused.retry_after_s.unwrap()));
        assert!(counter("2/m").count(Reason::RateLimited, "").is_ok());
    }

    #[test]
    fn counters_of_what_is_gone_are_dropped() {
        let counters = RwLock::default();
        for key in 0..10_000 {
            counter(&counters, key, limits("1/s"), || HashSet::from([key, 0]));
            assert!(counters.read().unwrap().len() <= COUNTERS_MIN);
        }
        assert!(counters.read().unwrap().contains_key(&0));
    }
}
