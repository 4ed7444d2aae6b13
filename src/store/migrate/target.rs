//! The PostgreSQL side: an empty database that no process uses.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::chunk::Chunk;
use super::error::MigrateError;
use super::marker::{self, Marker, Reached};
use super::row::{Row, RowDigest, Value, digest_in_postgres};
use super::tables::{Kind, MovedTable, TABLES};
use crate::base::time::Timestamp;
use crate::store::postgres::connection::Connection;
use crate::store::postgres::node::LEASE;
use crate::store::postgres::url::PostgresUrl;
use crate::store::postgres::{OpenError, SessionSettings, open, partitions};
use crate::store::sql::statement::statement;

/// How long to wait until the server notices that an earlier move was killed.
const LOCK_WAIT: Duration = Duration::from_secs(10);
/// The lock of moves: `hookmove` in ASCII.
const LOCK: i64 = 0x686f_6f6b_6d6f_7665;
/// The maximum number of past days with partitions of their own; earlier ones share one. Every list that a server reads
/// is planned over all partitions, with a lock on each of them and on each of their indexes.
const PAST_DAYS_MAX: usize = 400;
/// The maximum number of future days, which occur only in ids of a wrong clock.
const FUTURE_DAYS_MAX: usize = 40;
/// The last day that ids can contain.
const LAST_DAY: i64 = 49_709;

/// The database that is filled.
pub struct Target {
    connection: Connection,
}

fn postgres(operation: &'static str) -> impl Fn(diesel::result::Error) -> MigrateError {
    move |source| MigrateError::Postgres { operation, source }
}

impl Target {
    /// Connects, brings the tables up to date, and locks out other moves.
    pub fn open(url: &PostgresUrl) -> Result<Target, MigrateError> {
        let settings = SessionSettings {
            application_name: "hookflow migrate-store".into(),
            statement_timeout: Duration::ZERO,
            idle_in_transaction_timeout: Duration::ZERO,
            lock_timeout: LOCK_WAIT,
        };
        open::migrate(url, &settings)?;
        let mut connection = Connection::open(url, &settings).map_err(OpenError::from)?;
        const ENCODING: &str = "SELECT current_setting('server_encoding')";
        let rows: Vec<Row> = connection
            .load(statement!("reading the target's encoding", ENCODING))
            .map_err(postgres("reading the target's encoding"))?;
        match rows.first().and_then(|row| row.text(0)) {
            Some("UTF8") => {}
            other => return Err(MigrateError::Encoding(other.unwrap_or("another way").into())),
        }
        connection.run(&format!("SELECT pg_advisory_lock({LOCK})")).map_err(MigrateError::Concurrent)?;
        // A commit is safe once the last one is, which waits for the disk. JIT compilation does not pay for statements
        // that read everything.
        let settings = "SET synchronous_commit = off; SET jit = off";
        connection.run(settings).map_err(postgres("setting the session up"))?;
        Ok(Target { connection })
    }

    pub fn marker(&mut self) -> Result<Option<Marker>, MigrateError> {
        marker::read(&mut self.connection).map_err(postgres("reading how far the target has come"))
    }

    pub fn reached(&mut self, table: &MovedTable) -> Result<Reached, MigrateError> {
        marker::reached(&mut self.connection, table).map_err(postgres("reading how far the target has come"))
    }

    /// # Errors
    /// If a process uses the database.
    pub fn check_nodes(&mut self) -> Result<(), MigrateError> {
        const SQL: &str = "SELECT name FROM nodes \
             WHERE beat_at >= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - ? ORDER BY id";
        let nodes = statement!("looking for processes", SQL).bind(LEASE.as_micros() as i64);
        let rows: Vec<Row> = self.connection.load(nodes).map_err(postgres("looking for processes on the target"))?;
        match rows.first().and_then(|row| row.text(0)) {
            Some(name) => Err(MigrateError::NodePresent(name.into())),
            None => Ok(()),
        }
    }

    /// # Errors
    /// If any table has rows.
    pub fn check_empty(&mut self) -> Result<(), MigrateError> {
        TABLES.iter().try_for_each(|table| self.check_table_empty(table))
    }

    /// # Errors
    /// If this table has rows.
    pub fn check_table_empty(&mut self, table: &MovedTable) -> Result<(), MigrateError> {
        let first = diesel::sql_query(format!("SELECT 1::bigint FROM {} LIMIT 1", table.name()));
        let rows: Vec<Row> = self.connection.load(first).map_err(postgres("looking for data in the target"))?;
        if rows.is_empty() { Ok(()) } else { Err(MigrateError::NotEmpty(table.name())) }
    }

    /// Records that a move starts, unless a process has started to use the database.
    pub fn begin(&mut self, marker: &Marker) -> Result<(), MigrateError> {
        marker::begin(&mut self.connection, marker).map_err(postgres("preparing the target"))?;
        let checked = self.check_nodes().and_then(|()| self.check_empty());
        if checked.is_err() {
            marker::withdraw(&mut self.connection).map_err(postgres("leaving the target as it was"))?;
        }
        checked
    }

    /// Creates the partitions of these days, so that no rows are in the default ones, where they would prevent later
    /// partitions. The same days and the same moment give the same partitions.
    pub fn make_partitions(&mut self, days: &BTreeSet<i64>, moment: Timestamp) -> Result<(), MigrateError> {
        let today = partitions::day_of(moment);
        let past: Vec<i64> = days.range(..today).copied().collect();
        let (before, past) = past.split_at(past.len().saturating_sub(PAST_DAYS_MAX));
        let future = days.range(today..LAST_DAY).take(FUTURE_DAYS_MAX);
        let needed = partitions::needed_days(Timestamp::now());
        let made = partitions::make_days(&mut self.connection, needed)
            .and_then(|()| partitions::make_days(&mut self.connection, past.iter().chain(future).copied()))
            .and_then(|()| match (before, past) {
                ([_, ..], [first, ..]) => partitions::make_before(&mut self.connection, *first),
                _ => Ok(()),
            });
        made.map_err(postgres("making the partitions of the target"))
    }

    /// Inserts a chunk and records its progress, both or neither.
    pub fn insert(&mut self, chunk: &Chunk) -> Result<(), MigrateError> {
        let table = chunk.table.name();
        match self.connection.execute(chunk).map_err(|source| MigrateError::Write { table, source })? {
            1 => Ok(()),
            _ => Err(MigrateError::Write { table, source: diesel::result::Error::NotFound }),
        }
    }

    /// Records that the move is complete, after waiting for the disk.
    pub fn finish(&mut self) -> Result<(), MigrateError> {
        let waits = self.connection.run("SET synchronous_commit = on");
        let finished = waits.and_then(|()| marker::finish(&mut self.connection, Timestamp::now().0));
        finished.map_err(postgres("finishing"))
    }

    /// Passes on the key and the digest of each row, in the order of keys.
    pub fn read_digests(
        &mut self,
        table: &'static MovedTable,
        mut take: impl FnMut(Vec<(Vec<Value>, RowDigest)>),
    ) -> Result<(), MigrateError> {
        let failed = |source| MigrateError::Postgres { operation: "reading the target", source };
        let (digest, key) = (digest_in_postgres(table), table.target.key.join(", "));
        let is_text = |column: &str| table.target.columns[table.position(column)].kind != Kind::Integer;
        let by_bytes = |column: &&'static str| match is_text(column) {
            true => format!("{column} COLLATE \"C\""),
            false => (*column).to_owned(),
        };
        let order = table.target.key.iter().map(by_bytes).collect::<Vec<_>>().join(", ");
        // The rows are read along the index of the key, because sorting a large table takes long.
        self.connection
            .run(&format!(
                "BEGIN READ ONLY ISOLATION LEVEL REPEATABLE READ; SET LOCAL enable_sort = off; \
                 DECLARE verification NO SCROLL CURSOR FOR SELECT {key}, {digest} FROM {} ORDER BY {order}",
                table.name()
            ))
            .map_err(failed)?;
        let mut size = FETCH.min;
        loop {
            let asked_at = Instant::now();
            let fetch = diesel::sql_query(format!("FETCH {size} FROM verification"));
            let rows: Vec<Row> = self.connection.load(fetch).map_err(failed)?;
            if rows.is_empty() {
                break;
            }
            size = FETCH.next(size, asked_at.elapsed());
            take(rows.into_iter().map(|row| split(row, table.target.key.len())).collect());
        }
        self.connection.run("COMMIT").map_err(failed)
    }
}

/// How many rows to fetch at once: as many as take about a quarter of a second, since rows differ much in size.
struct FetchSizes {
    min: usize,
    max: usize,
}

const FETCH: FetchSizes = FetchSizes { min: 50, max: 5_000 };

impl FetchSizes {
    fn next(&self, size: usize, took: Duration) -> usize {
        match took {
            long if long > Duration::from_millis(500) => (size / 2).max(self.min),
            short if short < Duration::from_millis(100) => (size * 2).min(self.max),
            _ => size,
        }
    }
}

/// The key and the digest of a row that ends with its digest.
fn split(mut row: Row, key: usize) -> (Vec<Value>, RowDigest) {
    let digest = match row.0.pop() {
        Some(Value::Bytes(bytes)) => bytes.try_into().ok(),
        _ => None,
    };
    debug_assert_eq!(row.0.len(), key);
    (row.0, digest.expect("the statement ends with a SHA-256, which has 32 bytes"))
}
