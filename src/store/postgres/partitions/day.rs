//! Making the partition of one day.
//!
//! The partition is made beside its table, filled with the rows of its day that are in the default partition, and
//! attached, in one transaction. Others read and write the table meanwhile: only the default partition is locked.
//! `CREATE TABLE … PARTITION OF` would lock the whole table. A transaction that reads the default partition for long,
//! such as that of `pg_dump`, delays this until a later look.
//!
//! Limits: more than [`MOVED_TODAY_MAX`] rows of a day that is not over are left where they are, because hooks of that
//! day would wait while they are moved.

use std::time::Duration;

use diesel::result::{Error as DieselError, QueryResult};

use super::{ALL_ORGS, bound, day_of, partition_name};
use crate::base::time::Timestamp;
use crate::store::postgres::connection::Connection;
use crate::store::sql::row::Read;
use crate::store::sql::table::Table;

/// With more rows in the default partition, a day that is not over stays there.
const MOVED_TODAY_MAX: i64 = 100_000;
/// How long to wait for the default partition. Readers that queue behind this wait a little longer.
const LOCK_WAIT: Duration = Duration::from_millis(150);
/// What processes lock while they make a partition: `hookdays` in ASCII.
const LOCK: i64 = 0x686f_6f6b_6461_7973;

/// The partition of one table and one day.
pub(super) struct Day<'t> {
    pub(super) table: &'t Table,
    /// Counted from 1970.
    pub(super) number: i64,
    /// How many rows of it were found in the default partition.
    pub(super) rows: i64,
}

/// Why a partition was not made.
pub(super) enum Unmade {
    /// Another transaction uses the default partition, or makes a partition.
    Locked(DieselError),
    Failed(DieselError),
}

/// The column whose ids contain the day.
pub(super) fn column(table: &Table) -> &'static str {
    table.day.expect("partitioned tables declare the column of their day")
}

impl Day<'_> {
    pub(super) fn name(&self) -> String {
        partition_name(self.table.name, self.number)
    }

    /// Makes the partition, unless another process has made it meanwhile.
    pub(super) fn make(&self, connection: &mut Connection) -> Result<(), Unmade> {
        if self.rows > MOVED_TODAY_MAX && self.number >= day_of(Timestamp::now()) {
            let (rows, table) = (self.rows, self.table.name);
            let reason = format!("{rows} rows of today are in {table}_default; they are moved once the day is over");
            return Err(Unmade::Failed(DieselError::QueryBuilderError(reason.into())));
        }
        let made = self.lock(connection).map_err(Unmade::Locked);
        let made = made.and_then(|()| self.fill_and_attach(connection).map_err(Unmade::Failed));
        match made {
            Ok(()) if self.rows > 0 => {
                let (table, day, rows) = (self.table.name, self.name(), self.rows);
                log::info!(table, partition = day.as_str(), rows; "rows were moved out of a default partition");
            }
            Ok(()) => {}
            // If the connection is lost, the transaction is, too.
            Err(_) => drop(connection.run("ROLLBACK")),
        }
        made
    }

    fn lock(&self, connection: &mut Connection) -> QueryResult<()> {
        let (table, wait) = (self.table.name, LOCK_WAIT.as_millis());
        connection.run(&format!(
            "{ALL_ORGS}BEGIN; SET LOCAL lock_timeout = {wait}; SELECT pg_advisory_xact_lock({LOCK}); \
             LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE"
        ))
    }

    fn fill_and_attach(&self, connection: &mut Connection) -> QueryResult<()> {
        let (name, table) = (self.name(), self.table.name);
        let present = format!("SELECT relispartition::int::bigint FROM pg_class WHERE oid = to_regclass('{name}')");
        let present: Vec<Read<bool>> = connection.load(diesel::sql_query(present))?;
        if let [Read(true)] = present.as_slice() {
            return connection.run("COMMIT");
        }
        let (from, to) = (bound(self.number), bound(self.number + 1));
        let moved = if self.rows > 0 { self.moving_statements() } else { String::new() };
        connection.run(&format!(
            "{ALL_ORGS}CREATE TABLE {name} (LIKE {table} INCLUDING ALL EXCLUDING INDEXES); {moved} \
             ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}'); COMMIT"
        ))
    }

    fn moving_statements(&self) -> String {
        let (name, table, day) = (self.name(), self.table.name, column(self.table));
        let columns = self.table.columns.iter().map(|column| column.name).collect::<Vec<_>>().join(", ");
        let (from, to) = (bound(self.number), bound(self.number + 1));
        let of_the_day = format!("{table}_default WHERE {day} >= '{from}' AND {day} < '{to}'");
        format!("INSERT INTO {name} ({columns}) SELECT {columns} FROM {of_the_day}; DELETE FROM {of_the_day};")
    }
}
