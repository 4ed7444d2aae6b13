//! The handle by which other rooms reach the engine's loop.
//!
//! Callers never wait for the loop. If its inbox has no [`InboxSlot`] left, runs are only queued in the database, where
//! the loop finds them when it polls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::watch::{Watch, Watchers};
use super::{Loaded, Next, Progress};
use crate::base::id::Id;
use crate::observe::metrics;
use crate::store::RunStatus;

/// A message to the loop.
pub(super) enum Message {
    /// Advance runs that were committed as queued and held by this process.
    Start(Vec<Loaded>),
    /// Continue runs whose first stretch was committed.
    Follow { org: Id, runs: Vec<(Id, Progress)> },
    /// Poll: there are queued runs in the database.
    Look,
}

/// A handle to the engine; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    pub(super) inbox: mpsc::Sender<Message>,
    /// Whether the loop must poll.
    pub(super) lagging: Arc<AtomicBool>,
    pub(super) watchers: Watchers,
}

/// Reserved room in the inbox for the runs of one event.
pub struct InboxSlot(mpsc::OwnedPermit<Message>);

impl EngineHandle {
    /// Reserves room for the runs of one event. If there is none, the runs must be queued in the database without being
    /// held.
    pub fn reserve(&self) -> Option<InboxSlot> {
        self.inbox.clone().try_reserve_owned().ok().map(InboxSlot)
    }

    /// Watches a run: is notified of each stretch that this process commits from now on.
    pub fn watch(&self, run: Id) -> Watch {
        self.watchers.watch(run)
    }

    /// Makes the loop poll for queued runs.
    pub fn look(&self) {
        self.lagging.store(true, Ordering::Relaxed);
        // With a full inbox, the loop is awake.
        let _ = self.inbox.try_send(Message::Look);
    }
}

impl InboxSlot {
    /// Starts runs that were just committed as queued and held.
    pub fn start(self, runs: Vec<Loaded>) {
        self.0.send(Message::Start(runs));
    }

    /// Continues runs whose first stretch was committed together with their transaction.
    pub fn follow(self, org: Id, mut runs: Vec<(Id, Progress)>) {
        // Most runs have ended; unless their ends are logged, they only need counting.
        if !log::log_enabled!(log::Level::Debug) {
            let completed = |progress: &Progress| {
                progress.next == Next::Ended(RunStatus::Completed) && !progress.frees_runs && progress.lines.is_empty()
            };
            runs.retain(|(_, progress)| {
                !completed(progress) || {
                    metrics::run_finished(RunStatus::Completed.as_str());
                    false
                }
            });
        }
        if !runs.is_empty() {
            self.0.send(Message::Follow { org, runs });
        }
    }
}
