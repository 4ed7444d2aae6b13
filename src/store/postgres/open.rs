//! Opening the database: the migrations, under a lock that all processes share.

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::migration::{MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::AsyncConnectionWrapper;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::connect::{SessionSettings, connect};
use super::connect_error::ConnectError;
use crate::store::postgres::url::PostgresUrl;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgres");
/// What processes lock while they bring the tables up to date: `hookflow` in ASCII.
const LOCK: i64 = 0x686f_6f6b_666c_6f77;

/// Why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(
        "the database was written by a newer version of hookflow (migration {0} is unknown here); start that version"
    )]
    Newer(String),
    #[error("can't migrate the database: {0}")]
    Migration(String),
    #[error(
        "the database contains an unfinished copy by `hookflow migrate-store`; run that command again to complete it"
    )]
    HalfFilled,
    #[error("the database can't be used: {0}")]
    Setup(String),
}

type Refusal = Box<dyn std::error::Error + Send + Sync>;

/// Brings the tables up to date. A second process waits, and then has nothing to do. Must not be called in an
/// asynchronous context.
pub fn migrate(url: &PostgresUrl, settings: &SessionSettings) -> Result<(), OpenError> {
    // Creating an index on a large table takes time.
    let patient =
        SessionSettings { statement_timeout: Duration::ZERO, lock_timeout: Duration::ZERO, ..settings.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.map_err(|error| OpenError::Setup(error.to_string()))?;
    let connection = runtime.block_on(connect(url, &patient))?;
    // The wrapper looks for the runtime that drives its connection here.
    let _entered = runtime.enter();
    let mut connection: AsyncConnectionWrapper<AsyncPgConnection> = connection.into();
    let refuse = |error: Refusal| OpenError::Migration(error.to_string());
    connection.batch_execute(&format!("SELECT pg_advisory_lock({LOCK})")).map_err(|error| refuse(error.into()))?;
    // The lock is released with the connection.
    let applied: Vec<MigrationVersion<'static>> = connection.applied_migrations().map_err(refuse)?;
    let known = MigrationSource::<Pg>::migrations(&MIGRATIONS).map_err(refuse)?;
    let known: Vec<String> = known.iter().map(|migration| migration.name().version().to_string()).collect();
    if let Some(newer) = applied.iter().map(MigrationVersion::to_string).find(|version| !known.contains(version)) {
        return Err(OpenError::Newer(newer));
    }
    connection.run_pending_migrations(MIGRATIONS).map_err(refuse)?;
    Ok(())
}
