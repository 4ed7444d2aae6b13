//! What errors of the database mean for a writer.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::store::StoreError;

/// Distinguishes a full disk from other errors. Diesel passes on PostgreSQL's message but not its code, and this part
/// of the message comes from the operating system.
pub fn classify(error: StoreError) -> StoreError {
    match &error {
        StoreError::Query { source: DieselError::DatabaseError(_, information), .. }
            if information.message().contains("No space left on device") =>
        {
            StoreError::DiskFull
        }
        _ => error,
    }
}

/// Whether no unit can be the cause: the server has become read-only, and rejects every new connection's writes.
pub fn takes_no_writes(error: &StoreError) -> bool {
    let StoreError::Query { source, .. } = error else { return false };
    matches!(source, DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _))
}

/// Whether retrying at once may help.
pub fn others_got_in_the_way(error: &StoreError) -> bool {
    match error {
        StoreError::Conflict { .. } => true,
        StoreError::Query { source: DieselError::DatabaseError(kind, _), .. } => {
            matches!(kind, DatabaseErrorKind::SerializationFailure | DatabaseErrorKind::UniqueViolation)
                || is_of_no_kind(error)
        }
        _ => false,
    }
}

/// Whether it is one of the many errors that diesel does not distinguish, such as a deadlock or a lock timeout;
/// PostgreSQL's message is in the language of the server.
pub fn is_of_no_kind(error: &StoreError) -> bool {
    matches!(error, StoreError::Query { source: DieselError::DatabaseError(DatabaseErrorKind::Unknown, _), .. })
}
