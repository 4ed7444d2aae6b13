//! Hearing of runs that go on, for those who wait for one.
//!
//! A hint: what a run has come to stands in the database, and a run that another process advances is not heard of.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::base::id::Id;

/// Who waits for which run; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Watchers(Arc<Watched>);

#[derive(Default)]
struct Watched {
    /// How many wait; most of the time none, and then nothing has to be looked up.
    count: AtomicUsize,
    by_run: Mutex<HashMap<Id, Vec<Arc<Notify>>>>,
}

/// Somebody who waits for a run, until this is dropped.
pub struct Watch {
    watchers: Watchers,
    run: Id,
    notify: Arc<Notify>,
}

impl Watchers {
    pub fn watch(&self, run: Id) -> Watch {
        let notify = Arc::new(Notify::new());
        self.by_run(|by_run| by_run.entry(run).or_default().push(notify.clone()));
        self.0.count.fetch_add(1, Ordering::Release);
        Watch { watchers: self.clone(), run, notify }
    }

    /// Tells those who wait that a stretch of the run was committed.
    pub fn tell(&self, run: Id) {
        if self.0.count.load(Ordering::Acquire) > 0 {
            self.by_run(|by_run| by_run.get(&run).into_iter().flatten().for_each(|notify| notify.notify_one()));
        }
    }

    fn by_run(&self, work: impl FnOnce(&mut HashMap<Id, Vec<Arc<Notify>>>)) {
        work(&mut self.0.by_run.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

impl Watch {
    /// Returns once a stretch of the run was committed since the last time, or since the watch began.
    pub async fn heard(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watchers.0.count.fetch_sub(1, Ordering::Release);
        self.watchers.by_run(|by_run| {
            if let Some(waiting) = by_run.get_mut(&self.run) {
                waiting.retain(|other| !Arc::ptr_eq(other, &self.notify));
                if waiting.is_empty() {
                    by_run.remove(&self.run);
                }
            }
        });
    }
}
