//! Why a move can't start, or has stopped.

use crate::store::{StoreError, postgres, sqlite};

/// An error of a move from SQLite to PostgreSQL.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    #[error("there is no file `{0}` to copy from")]
    NoSource(String),
    #[error("`{0}` can't be copied from: it holds none of hookflow's tables")]
    NotHookflow(String),
    #[error("`{0}` holds nothing to copy: no server has ever started on it")]
    EmptySource(String),
    #[error("a hookflow process still uses the database `{0}`; stop it first, and don't start it again")]
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
    #[error("the copy is not complete; what was copied stays, and the same command goes on from there")]
    Interrupted(#[source] Box<MigrateError>),
    #[error("the target's texts are encoded in {0}; make a database with the encoding UTF8")]
    Encoding(String),
    #[error("another `hookflow migrate-store` works on the target; let it end first")]
    Concurrent(#[source] diesel::result::Error),
    #[error("a hookflow process works on the target ({0}); stop it first")]
    NodePresent(String),
    #[error(
        "the target holds data already, in the table `{0}`; make an empty database to copy to, and don't start a server \
         on it before"
    )]
    NotEmpty(&'static str),
    #[error("the target is half filled from another database, `{0}`; make an empty database to copy to")]
    OtherSource(String),
    #[error(
        "`{0}` was changed after a part of it was copied, so the target can't be completed; make an empty database to \
         copy to, and leave the server stopped until everything is copied"
    )]
    SourceChanged(String),
    #[error("everything was copied to the target before; --verify-only compares it once more")]
    Finished,
    #[error("the copy is unfinished; run the same command without --verify-only")]
    Unfinished,
    #[error("the target was not filled by `hookflow migrate-store`, so there is nothing to verify")]
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
