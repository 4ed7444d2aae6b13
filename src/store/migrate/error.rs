//! Why a move can't start, or has stopped.

use crate::store::{StoreError, postgres, sqlite};

/// An error of a move from SQLite to PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("the source file `{0}` does not exist")]
    NoSource(String),
    #[error("`{0}` is not a hookflow database: it has none of hookflow's tables")]
    NotHookflow(String),
    #[error("`{0}` has nothing to copy: no server has ever started on it")]
    EmptySource(String),
    #[error("a hookflow process uses the database `{0}`; stop it, and don't start it again")]
    SourceInUse(String),
    #[error(transparent)]
    Source(#[from] sqlite::OpenError),
    #[error("reading `{table}` from SQLite failed")]
    Read { table: &'static str, source: diesel::result::Error },
    #[error("a row of `{table}` in SQLite can't be read")]
    Unpack { table: &'static str, source: StoreError },
    #[error(
        "PostgreSQL can't store the character U+0000, and the SQLite database has texts with it in {rows}; the first is in \
         the column `{column}` of the table `{table}`, in the row with the key {key}. Nothing was copied. Take it out, \
         with no server running and after a backup, for example by cutting such texts off before it: UPDATE {table} SET \
         {column} = substr({column}, 1, instr({column}, char(0)) - 1) WHERE instr({column}, char(0)) > 0; then run this \
         again"
    )]
    Unstorable { table: &'static str, column: &'static str, key: String, rows: String },

    #[error(transparent)]
    Target(#[from] postgres::OpenError),
    #[error("{operation} failed")]
    Postgres { operation: &'static str, source: diesel::result::Error },
    #[error("copying `{table}` failed")]
    Write { table: &'static str, source: diesel::result::Error },
    #[error("the copy is incomplete; run the same command again to continue it")]
    Interrupted(#[source] Box<MigrateError>),
    #[error("the target's encoding is {0}; create a database with the encoding UTF8")]
    Encoding(String),
    #[error("another `hookflow migrate-store` uses the target; wait until it ends")]
    Concurrent(#[source] diesel::result::Error),
    #[error("a hookflow process uses the target ({0}); stop it first")]
    NodePresent(String),
    #[error(
        "the target is not empty: its table `{0}` has rows; copy to an empty database on which no server has started"
    )]
    NotEmpty(&'static str),
    #[error("the target contains an unfinished copy of another database, `{0}`; copy to an empty database")]
    OtherSource(String),
    #[error(
        "`{0}` was changed after a part of it was copied, so the copy can't continue; copy to an empty database, and don't \
         start a server on the source until the copy is complete"
    )]
    SourceChanged(String),
    #[error("the copy is already complete; use --verify-only to compare the databases again")]
    Finished,
    #[error("the copy is unfinished; run the same command without --verify-only")]
    Unfinished,
    #[error("the target has no copy made by `hookflow migrate-store`, so there is nothing to verify")]
    NeverBegun,
}

impl MigrateError {
    /// The error to report once a part may have been copied.
    pub fn after_begin(self) -> MigrateError {
        use MigrateError::{Postgres, Read, Write};
        match self {
            passing @ (Postgres { .. } | Read { .. } | Write { .. }) => MigrateError::Interrupted(Box::new(passing)),
            lasting => lasting,
        }
    }
}
