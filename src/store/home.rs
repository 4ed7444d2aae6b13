//! Telling callers how their work ended from the thread that they wait on.
//!
//! To wake a task of another thread costs a system call, for each task anew. So a thread on which many wait has a task
//! that does nothing but tell the others: the units of a batch are sent to it together, which wakes that thread once.

use std::cell::RefCell;

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::Unit;

thread_local! {
    static HOME: RefCell<Option<Home>> = const { RefCell::new(None) };
}

/// Where a caller is told best.
#[derive(Clone)]
pub struct Home(UnboundedSender<Vec<Box<dyn Unit>>>);

impl Home {
    /// The present thread's, if it has one.
    pub fn here() -> Option<Home> {
        HOME.with_borrow(Clone::clone)
    }
}

/// Makes the present thread a home, for as long as its tasks run. Within a [`tokio::task::LocalSet`] only.
pub fn make_home() {
    let (sender, mut batches) = unbounded_channel::<Vec<Box<dyn Unit>>>();
    HOME.set(Some(Home(sender)));
    tokio::task::spawn_local(async move {
        while let Some(units) = batches.recv().await {
            units.into_iter().for_each(|unit| unit.finish(Ok(())));
        }
    });
}

/// Tells the callers of all these units that they are done, each at home.
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
        // A thread that has ended has nobody waiting, but the units are finished all the same.
        if let Err(unsent) = home.0.send(units) {
            unsent.0.into_iter().for_each(|unit| unit.finish(Ok(())));
        }
    }
}
