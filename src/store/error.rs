//! The errors of a store, distinguished by what the caller should do.

use super::sql::row::Unreadable;

/// A failed store operation.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// More work is queued than the store takes; try again in a moment.
    #[error("the store's queue is full")]
    Busy,
    /// The disk is full; work is refused until there is room.
    #[error("the disk that holds the database is full")]
    DiskFull,
    /// A write failed in such a way that nothing may be acknowledged any more.
    #[error("the database failed and no longer takes writes: {0}")]
    Failed(String),
    /// The process is shutting down.
    #[error("the store is closed")]
    Closed,
    /// Another writer changed the run since it was read; the caller has to drop what it was doing.
    #[error("another process changed the run")]
    Fenced,
    /// Another writer changed the object since it was read; read it again and retry.
    #[error("another transaction changed {what} at the same moment")]
    Conflict { what: &'static str },
    /// Another transaction holds a lock for longer than this one may wait; retry later.
    #[error("another transaction holds a lock on a row to write")]
    Locked,
    /// A text contains the character U+0000, which not every database can keep.
    #[error("{operation} failed: a text contains the character U+0000, which can't be stored")]
    Unstorable { operation: &'static str },
    /// A value in the database can't be read.
    #[error("{what} in the database can't be read: {detail}")]
    Corrupt { what: &'static str, detail: String },
    /// The work was a dry run, so it was rolled back.
    #[error("the work was rolled back, as intended")]
    DryRun,
    /// A unit of work panicked; what it had written was rolled back.
    #[error("a database operation panicked: {0}")]
    Panicked(String),
    /// A statement failed.
    #[error("{operation} failed")]
    Query { operation: &'static str, source: diesel::result::Error },
    /// No connection to the database is available.
    #[error("no database connection: {0}")]
    Connection(String),
}

/// The result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

impl StoreError {
    /// The error of a failed statement.
    pub fn query(operation: &'static str, source: diesel::result::Error) -> StoreError {
        match &source {
            diesel::result::Error::DeserializationError(error) => match error.downcast_ref::<Unreadable>() {
                Some(Unreadable { column, detail }) => StoreError::Corrupt { what: column, detail: detail.clone() },
                None => StoreError::Query { operation, source },
            },
            _ => StoreError::Query { operation, source },
        }
    }

    /// The error of a unit of work that panicked.
    pub fn from_panic(panic: &(dyn std::any::Any + Send)) -> StoreError {
        let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
        StoreError::Panicked(message.unwrap_or_else(|| "no message".into()))
    }

    /// Whether the work failed, and not the database.
    pub fn concerns_the_work(&self) -> bool {
        matches!(
            self,
            StoreError::Panicked(_)
                | StoreError::Corrupt { .. }
                | StoreError::Query { .. }
                | StoreError::Fenced
                | StoreError::Conflict { .. }
                | StoreError::Unstorable { .. }
                | StoreError::DryRun
        )
    }

    /// Whether trying again later may succeed.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            StoreError::Busy
                | StoreError::DiskFull
                | StoreError::Locked
                | StoreError::Conflict { .. }
                | StoreError::Connection(_)
        )
    }
}

/// An error with all its causes, for a log line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
