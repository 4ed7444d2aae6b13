//! What errors of the database mean for whoever was writing.

use diesel::result::{DatabaseErrorKind, Error as DieselError};

use crate::store::StoreError;

/// Tells a full disk from other errors. Diesel passes on PostgreSQL's message but not its code, and this part of the
/// message comes from the operating system.
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

/// Whether no unit can have caused it: the server has become read-only, and will say so to whoever connects.
pub fn takes_no_writes(error: &StoreError) -> bool {
    let StoreError::Query { source, .. } = error else { return false };
    matches!(source, DieselError::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _))
}

/// Whether trying again at once may help.
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

/// Whether it is one of the many errors that diesel does not tell apart. A deadlock is one, and a lock that took too long;
/// what PostgreSQL says of them is in the language of the server.
pub fn is_of_no_kind(error: &StoreError) -> bool {
    matches!(error, StoreError::Query { source: DieselError::DatabaseError(DatabaseErrorKind::Unknown, _), .. })
}
