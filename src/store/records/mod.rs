//! The rows that are not objects, by subject.

mod catalog;
mod hooks;
mod orgs;
mod runs;
mod words;
mod workflows;

pub use catalog::{CatalogChanges, CatalogEntry, EntryKind, Status};
pub use hooks::{Duplicates, Hook, HookSecret, RefusalCount, RefusedRequest, SeenKey};
pub use orgs::{Key, Org, Role};
pub use runs::{Ending, EventRecord, Lane, Run, RunError, RunFilter, RunStatus, Turn};
pub use workflows::{DraftRecord, ScheduleRecord, Variable, WorkflowRecord, WorkflowVersion};

use crate::base::id::Id;

/// A page of a list, newest first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Page {
    /// Only entries older than this one.
    pub after: Option<Id>,
    /// The maximum number of entries.
    pub size: i64,
}

impl Page {
    /// The id below which the page starts.
    pub fn below(&self) -> Id {
        self.after.unwrap_or(Id::MAX)
    }
}
