//! Effects being performed: external calls under way.
//!
//! Limits: [`CALLS_MAX`] calls go on at a time; the others wait for their turn in memory, at most [`WAITING_MAX`].

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::sync::mpsc::UnboundedSender;

use super::advance::{CallOutcome, Input, PendingCall};
use super::driver::Event;
use crate::base::id::Id;
use crate::outbound::Performer;

/// How many calls go on at the same time.
pub const CALLS_MAX: usize = 256;
/// How many runs may have a call under way or waiting, before no more runs are started.
pub const WAITING_MAX: usize = 10_000;

/// Makes calls and reports their outcomes as events.
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

    /// Makes the call as soon as there is a place; its outcome comes as [`Event::Called`].
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
            // Nobody listens any more only when the process is about to end.
            let _ = events.send(Event::Called { org, run, rev, input });
        });
    }

    /// Notes that one outcome has been received.
    pub fn finished(&mut self) {
        self.under_way = self.under_way.saturating_sub(1);
    }

    pub fn under_way(&self) -> usize {
        self.under_way
    }
}
