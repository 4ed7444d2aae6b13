//! One transaction of a writer, up to its commit: what its units are going to look up, the units, and the rows that they
//! have appended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use diesel::result::Error as DieselError;
use diesel_async::AsyncConnectionCore;

use super::addresses;
use super::connection::Connection;
use super::errors::classify;
use super::session::{Gathered, PgSession};
use crate::base::id::Id;
use crate::store::sql::statement::statement;
use crate::store::{StoreError, StoreResult, Unit};

pub(super) type Batch = Vec<Box<dyn Unit>>;

/// Why units are not committed.
pub(super) enum Failure {
    /// The units at these indexes failed; none if the cause can't be attributed to units.
    Units(Vec<usize>, StoreError),
    /// The connection could not be had, or was lost before the commit.
    Lost(String),
}

/// The outcome of a transaction that did not simply commit.
pub(super) enum Attempt {
    Failed(Failure),
    /// This process was declared dead; nothing of the transaction remains.
    Fenced,
    /// The connection was lost while committing.
    Unknown,
}

impl From<Failure> for Attempt {
    fn from(failure: Failure) -> Attempt {
        Attempt::Failed(failure)
    }
}

pub(super) fn lost(error: DieselError) -> Failure {
    Failure::Lost(error.to_string())
}

/// Executes the units in a new transaction, which is ready to be committed then. `writer` is the row of the connection,
/// with the number of the transaction; with `lock_wait`, the units are executed by themselves.
pub(super) fn execute(
    connection: &mut Connection,
    units: &mut [Box<dyn Unit>],
    writer: (Id, i64, i64),
    lock_wait: Option<Duration>,
) -> Result<Gathered, Attempt> {
    let node = writer.0;
    let mut gathered = begin(connection, units, lock_wait)?;
    for (index, unit) in units.iter_mut().enumerate() {
        gathered.unit = index;
        let session = PgSession { connection: &mut *connection, gathered: &mut gathered, node };
        run_unit(session, unit.as_mut()).map_err(|error| Failure::Units(vec![index], error))?;
    }
    let mut session = PgSession { connection: &mut *connection, gathered: &mut gathered, node };
    session.settle_lanes().map_err(|error| Failure::Units(Vec::new(), classify(error)))?;
    close(connection, &gathered, writer)?;
    Ok(gathered)
}

/// Begins a transaction, and looks up ahead what the units of a batch name. If that fails, they look it up themselves.
fn begin(
    connection: &mut Connection,
    units: &[Box<dyn Unit>],
    lock_wait: Option<Duration>,
) -> Result<Gathered, Failure> {
    if let Some(wait) = lock_wait {
        let begin = format!("BEGIN; SET LOCAL lock_timeout = {}", wait.as_millis());
        return connection.run(&begin).map(|()| Gathered::default()).map_err(lost);
    }
    connection.run("BEGIN").map_err(lost)?;
    let mut gathered = Gathered::default();
    match addresses::look_up(connection, units, &mut gathered.memory) {
        Ok(()) => Ok(gathered),
        Err(error) => {
            log::debug!(err:% = error; "can't look up addresses ahead");
            connection.run("ROLLBACK; BEGIN").map_err(lost)?;
            Ok(Gathered::default())
        }
    }
}

/// Inserts all remaining rows, together with the transaction's number.
fn close(connection: &mut Connection, gathered: &Gathered, writer: (Id, i64, i64)) -> Result<(), Attempt> {
    if gathered.failed {
        let detail = "a unit continued after a statement had failed".to_owned();
        return Err(Failure::Units(Vec::new(), StoreError::Panicked(detail)).into());
    }
    const SQL: &str = "UPDATE writers SET batch = ? WHERE node = ? AND slot = ? AND NOT fenced";
    let (node, slot, number) = writer;
    let changed = connection.pipeline(|mut shared| {
        let mut sent = Vec::with_capacity(gathered.bulks.len() + 1);
        sent.extend(gathered.bulks.iter().map(|bulk| shared.execute_returning_count(bulk)));
        let count = statement!("numbering a transaction", SQL).bind(number).bind(node).bind(slot);
        sent.push(shared.execute_returning_count(count));
        sent
    });
    let changed = changed.map_err(|source| {
        let operation = gathered.bulks.first().map_or("numbering a transaction", |bulk| bulk.operation);
        Failure::Units(Vec::new(), classify(StoreError::Query { operation, source }))
    })?;
    if let Some((short, _)) = gathered.bulks.iter().zip(&changed).find(|(bulk, count)| bulk.is_short_of(**count)) {
        let losers = addresses::losers(connection, short).unwrap_or_default();
        return Err(Failure::Units(losers, StoreError::Conflict { what: "the customer" }).into());
    }
    if changed.last() == Some(&1) { Ok(()) } else { Err(Attempt::Fenced) }
}

fn run_unit(mut session: PgSession<'_>, unit: &mut dyn Unit) -> StoreResult<()> {
    let outcome = catch_unwind(AssertUnwindSafe(|| unit.run(&mut session)));
    let outcome = outcome.unwrap_or_else(|panic| Err(StoreError::from_panic(panic.as_ref())));
    outcome.map_err(classify)
}
