//! Notifying callers on the thread that they wait on.
//!
//! Waking a task of another thread costs a system call per task. So a thread on which many tasks wait has one task that
//! notifies the others: the units of a batch are sent to it together, which wakes the thread once.

use std::cell::RefCell;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::Unit;

thread_local! {
    static HOME: RefCell<Option<Home>> = const { RefCell::new(None) };
}

/// The thread on which a caller waits.
#[derive(Clone)]
pub struct Home(UnboundedSender<Vec<Box<dyn Unit>>>);

impl Home {
    /// The home of the current thread, if it has one.
    pub fn here() -> Option<Home> {
        HOME.with_borrow(Clone::clone)
    }
}

/// Makes the current thread a home while its tasks run. Only within a [`tokio::task::LocalSet`].
pub fn make_home() {
    let (sender, mut batches) = unbounded_channel::<Vec<Box<dyn Unit>>>();
    HOME.set(Some(Home(sender)));
    tokio::task::spawn_local(async move {
        while let Some(units) = batches.recv().await {
            units.into_iter().for_each(|unit| unit.finish(Ok(())));
        }
    });
}

/// Notifies the callers of these units that they are done, each on its home.
pub fn acknowledge(units: Vec<Box<dyn Unit>>) {
    let mut homes: Vec<(Home, Vec<Box<dyn Unit>>)> = Vec::new();
    for unit in units {
        let Some(home) = unit.home().cloned() else {
            unit.finish(Ok(()));
            continue;
        };
        match homes.iter_mut().find(|(known, _)| known.0.same_channel(&home.0)) {
            Some((_, units)) => units.push(unit),
            None => homes.push((home, vec![unit])),
        }
    }
    for (home, units) in homes {
        // If the thread has ended, no caller waits, but the units are finished all the same.
        if let Err(unsent) = home.0.send(units) {
            unsent.0.into_iter().for_each(|unit| unit.finish(Ok(())));
        }
    }
}
