//! Notifies tasks that wait for a run when it advances.
//!
//! Notifications are hints: a run's state is in the database, and runs that other processes advance cause none.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::base::id::Id;

/// The watches, by run; cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Watchers(Arc<Watched>);

#[derive(Default)]
struct Watched {
    /// The number of watches. Mostly zero, which saves the lookup.
    count: AtomicUsize,
    by_run: Mutex<HashMap<Id, Vec<Arc<Notify>>>>,
}

/// A watch of one run, until it is dropped.
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

    /// Notifies the watches of a run that a stretch was committed.
    pub fn notify(&self, run: Id) {
        if self.0.count.load(Ordering::Acquire) > 0 {
            self.by_run(|by_run| by_run.get(&run).into_iter().flatten().for_each(|notify| notify.notify_one()));
        }
    }

    fn by_run(&self, work: impl FnOnce(&mut HashMap<Id, Vec<Arc<Notify>>>)) {
        work(&mut self.0.by_run.lock().unwrap_or_else(|poisoned| poisoned.into_inner()));
    }
}

impl Watch {
    /// Waits until a stretch of the run is committed, unless one was since the last call or since the watch began.
    pub async fn advanced(&self) {
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
