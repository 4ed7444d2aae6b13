//! Performs effects: makes external calls.
//!
//! Limits: [`CALLS_MAX`] concurrent calls. Further calls wait in memory; from [`WAITING_MAX`] on, no runs are advanced.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use super::advance::{CallOutcome, Input, PendingCall};
use super::driver::Event;
use crate::base::id::Id;
use crate::outbound::Performer;

/// The most concurrent calls.
pub const CALLS_MAX: usize = 256;
/// The number of calls, under way or waiting, at which the loop stops advancing runs.
pub const WAITING_MAX: usize = 10_000;

/// Makes calls and sends their outcomes as events.
pub struct Calls {
    performer: Performer,
    permits: Arc<Semaphore>,
    events: UnboundedSender<Event>,
    under_way: usize,
}

impl Calls {
    pub fn new(performer: Performer, events: UnboundedSender<Event>) -> Calls {
        Calls { performer, permits: Arc::new(Semaphore::new(CALLS_MAX)), events, under_way: 0 }
    }

    /// Makes a call as soon as there is a permit, and sends its outcome as [`Event::Called`].
    pub fn start(&mut self, org: Id, run: Id, rev: i64, call: PendingCall) {
        self.under_way += 1;
        let (performer, permits, events) = (self.performer.clone(), self.permits.clone(), self.events.clone());
        tokio::spawn(async move {
            let _permit = permits.acquire_owned().await.expect("the semaphore is never closed");
            let started = Instant::now();
            let outcome = performer.perform(org, &call.effect).await;
            let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
            let ended = CallOutcome { step: call.step, attempt: call.attempt, outcome, duration_ms };
            let input = Input::Outcome(ended);
            // The loop no longer receives only if the process is stopping.
            let _ = events.send(Event::Called { org, run, rev, input });
        });
    }

    /// Counts a received outcome.
    pub fn finished(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    pub fn under_way(&self) -> usize {
        self.under_way
    }
}
