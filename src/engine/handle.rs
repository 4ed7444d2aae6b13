//! How others reach the engine's loop.
//!
//! Nobody waits for it: when there is no [`Place`] left in its inbox, runs are only queued in the database, where the loop
//! looks when it is told to, and now and then anyway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc;

use super::watch::{Watch, Watchers};
use super::{Loaded, Next, Progress};
use crate::base::id::Id;
use crate::observe::metrics;
use crate::store::RunStatus;

/// What the door says to the loop.
pub(super) enum Message {
    /// Advance runs that were committed as queued and held.
    Start(Vec<Loaded>),
    /// Do what comes next for runs that were advanced already.
    Follow { org: Id, runs: Vec<(Id, Progress)> },
    /// There are queued runs in the database.
    Look,
}

/// How others reach the engine; cheap to clone.
#[derive(Clone)]
pub struct EngineHandle {
    pub(super) inbox: mpsc::Sender<Message>,
    /// Whether the loop has to look into the database.
    pub(super) lagging: Arc<AtomicBool>,
    pub(super) watchers: Watchers,
}

/// Room in the engine's memory for the runs of one event.
pub struct Place(mpsc::OwnedPermit<Message>);

impl EngineHandle {
    /// Room for the runs of one event, if there is any. Without it they have to wait in the database, held by nobody.
    pub fn place(&self) -> Option<Place> {
        self.inbox.clone().try_reserve_owned().ok().map(Place)
    }

    /// Hears from now on when a stretch of the run is committed by this process.
    pub fn watch(&self, run: Id) -> Watch {
        self.watchers.watch(run)
    }

    /// Looks for queued runs in the database.
    pub fn look(&self) {
        self.lagging.store(true, Ordering::Relaxed);
        // With a full inbox there is no need to wake anybody.
        let _ = self.inbox.try_send(Message::Look);
    }
}

impl Place {
    /// Starts runs that were just committed as queued and held.
    pub fn start(self, runs: Vec<Loaded>) {
        self.0.send(Message::Start(runs));
    }

    /// Takes over runs of an org whose first stretch was committed together with their transaction.
    pub fn follow(self, org: Id, mut runs: Vec<(Id, Progress)>) {
        // Most runs end here, and with lines about them switched off there is nothing to do but to count.
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
