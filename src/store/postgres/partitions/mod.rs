//! Partitions by day, for the tables that only grow.
//!
//! Ids contain the day: their first eight characters are seconds since 1970 in hexadecimal, so a range of ids is a
//! range of time, and a lookup by id finds its partition. A node makes the partitions of the coming days when it starts,
//! and the leader looks each minute. Rows of days without a partition go to a default one, which should be empty: the
//! leader moves its rows to partitions of their days ([`day`]).
//!
//! No failure keeps a node from starting: until a later look succeeds, the default partition takes the rows.
//!
//! Limits: a look makes partitions for [`DAYS_HEALED_MAX`] days of rows in a default partition.

mod day;

use std::collections::HashSet;
use std::time::Duration;

use diesel::result::{Error as DieselError, QueryResult};

use super::connect::SessionSettings;
use super::connection::Connection;
use super::runs::{runs, step_log};
use crate::base::time::Timestamp;
use crate::store::sql::events::{descendants, events};
use crate::store::sql::intake::transactions;
use crate::store::sql::row::Read;
use crate::store::sql::statement::statement;
use crate::store::sql::table::Table;
use day::{Day, Unmade};

/// The tables.
pub const TABLES: [Table; 5] = [transactions::TABLE, events::TABLE, descendants::TABLE, runs::TABLE, step_log::TABLE];
/// The days that partitions are made for ahead of time.
const DAYS_AHEAD: i64 = 7;
const DAY_SECONDS: i64 = 86_400;
/// The first day that no id contains, counted from 1970.
const DAYS_END: i64 = 49_710;
/// For how many days with rows in a table's default partition a look makes partitions.
const DAYS_HEALED_MAX: usize = 10;
/// Rows of a default partition are counted up to here.
const COUNTED_MAX: i64 = 1_000_000;
/// How long a statement may take that moves rows.
const MOVE_TIMEOUT: Duration = Duration::from_secs(120);
/// How statements begin that concern the rows of all orgs alike.
const ALL_ORGS: &str = "-- of all orgs\n";

/// What a look at the partitions found.
#[derive(Default)]
pub struct Findings {
    /// Why partitions are missing.
    pub failures: Vec<DieselError>,
    /// How many rows each table's default partition has.
    pub rows_in_default: Vec<(&'static str, i64)>,
}

/// The settings of a session that moves rows.
pub fn settings(settings: &SessionSettings) -> SessionSettings {
    SessionSettings { statement_timeout: MOVE_TIMEOUT, ..settings.clone() }
}

/// Makes the partitions that are missing, from yesterday's to those of the next days, for a node that starts: it leaves
/// tables with rows in their default partitions to a look. Returns why some are missing.
///
/// # Errors
/// If the database does not answer.
pub fn make(connection: &mut Connection, now: Timestamp) -> QueryResult<Vec<DieselError>> {
    let (present, filled) = (present(connection)?, filled(connection)?);
    let mut failures = Vec::new();
    for table in TABLES.iter().filter(|table| !filled.contains(table.name)) {
        let days = needed_days(now).map(|number| Day { table, number, rows: 0 });
        make_missing(connection, &present, days, &mut failures)?;
    }
    Ok(failures)
}

/// Makes the partitions that are missing, and moves rows from the default partitions to those of their days.
///
/// # Errors
/// If the database does not answer.
pub fn look(connection: &mut Connection, now: Timestamp) -> QueryResult<Findings> {
    let (present, filled) = (present(connection)?, filled(connection)?);
    let mut findings = Findings::default();
    for table in &TABLES {
        let is_filled = filled.contains(table.name);
        let found = if is_filled { days_in_default(connection, table)? } else { Vec::new() };
        let rows_of = |day| found.iter().find(|(number, _)| *number == day).map_or(0, |(_, rows)| *rows);
        let healed = found.iter().map(|(number, _)| *number).filter(|number| *number < DAYS_END);
        let mut numbers: Vec<i64> = needed_days(now).collect();
        numbers.extend(healed.filter(|number| !needed_days(now).any(|needed| needed == *number)));
        let days = numbers.into_iter().map(|number| Day { table, number, rows: rows_of(number) });
        make_missing(connection, &present, days, &mut findings.failures)?;
        let left = if is_filled { count_default(connection, table)? } else { 0 };
        findings.rows_in_default.push((table.name, left));
    }
    Ok(findings)
}

/// Makes the partitions of some days, counted from 1970, that are missing.
///
/// # Errors
/// The first failure; those made so far stay.
pub fn make_days(connection: &mut Connection, days: impl Iterator<Item = i64> + Clone) -> QueryResult<()> {
    let present = present(connection)?;
    let mut failures = Vec::new();
    for table in &TABLES {
        let days = days.clone().map(|number| Day { table, number, rows: 0 });
        make_missing(connection, &present, days, &mut failures)?;
    }
    failures.into_iter().next().map_or(Ok(()), Err)
}

/// Makes one partition for everything before a day.
pub fn make_before(connection: &mut Connection, day: i64) -> QueryResult<()> {
    for table in TABLES.map(|table| table.name) {
        let (name, to) = (partition_name(&format!("{table}_before"), day), bound(day));
        connection.run(&format!(
            "CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM (MINVALUE) TO ('{to}')"
        ))?;
    }
    Ok(())
}

/// The days that need partitions: today and the next ones, then yesterday.
pub fn needed_days(now: Timestamp) -> impl Iterator<Item = i64> + Clone {
    let today = day_of(now);
    (today..=today + DAYS_AHEAD).chain([today - 1])
}

/// The day, counted from 1970, that a moment is in.
pub fn day_of(moment: Timestamp) -> i64 {
    moment.0.div_euclid(DAY_SECONDS * 1_000_000)
}

/// The day, counted from 1970, that an id names.
pub fn day_of_id(id: &str) -> Option<i64> {
    u32::from_str_radix(id.get(..8)?, 16).ok().map(|seconds| i64::from(seconds).div_euclid(DAY_SECONDS))
}

/// Makes partitions of one table. Goes on with the next day after a failure, but not after waiting for a lock, which
/// the next day would wait for as well.
fn make_missing<'t>(
    connection: &mut Connection,
    present: &HashSet<String>,
    days: impl Iterator<Item = Day<'t>>,
    failures: &mut Vec<DieselError>,
) -> QueryResult<()> {
    for day in days.filter(|day| !present.contains(&day.name())) {
        match day.make(connection) {
            Ok(()) => {}
            Err(Unmade::Failed(error) | Unmade::Locked(error)) if connection.is_lost() => return Err(error),
            Err(Unmade::Failed(error)) => failures.push(error),
            Err(Unmade::Locked(error)) => {
                failures.push(error);
                break;
            }
        }
    }
    Ok(())
}

/// The names of the partitions.
fn present(connection: &mut Connection) -> QueryResult<HashSet<String>> {
    const SQL: &str = "SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r'";
    let present: Vec<Read<String>> = connection.load(statement!("reading the partitions", SQL))?;
    Ok(present.into_iter().map(|Read(name)| name).collect())
}

/// The tables whose default partitions have rows.
fn filled(connection: &mut Connection) -> QueryResult<HashSet<String>> {
    let tables = TABLES.map(|Table { name, .. }| format!("('{name}', EXISTS (SELECT FROM {name}_default))"));
    let tables = tables.join(", ");
    let select = format!("{ALL_ORGS}SELECT name FROM (VALUES {tables}) AS tables (name, has_rows) WHERE has_rows");
    let filled: Vec<Read<String>> = connection.load(diesel::sql_query(select))?;
    Ok(filled.into_iter().map(|Read(name)| name).collect())
}

/// The days of the rows in a default partition, the latest first, and how many rows there are of each.
fn days_in_default(connection: &mut Connection, table: &Table) -> QueryResult<Vec<(i64, i64)>> {
    let (name, day) = (table.name, day::column(table));
    let select = format!(
        "{ALL_ORGS}SELECT ('x' || left({day}, 8))::bit(32)::bigint / {DAY_SECONDS} AS day, count(*) AS rows \
         FROM {name}_default GROUP BY 1 ORDER BY 1 DESC LIMIT {DAYS_HEALED_MAX}"
    );
    let days: Vec<Read<(i64, i64)>> = connection.load(diesel::sql_query(select))?;
    Ok(days.into_iter().map(|Read(day)| day).collect())
}

fn count_default(connection: &mut Connection, table: &Table) -> QueryResult<i64> {
    let name = table.name;
    let select =
        format!("{ALL_ORGS}SELECT count(*) AS rows FROM (SELECT FROM {name}_default LIMIT {COUNTED_MAX}) AS some_rows");
    let counts: Vec<Read<i64>> = connection.load(diesel::sql_query(select))?;
    Ok(counts.first().map_or(0, |Read(count)| *count))
}

/// Such as `runs_20261123`.
fn partition_name(table: &str, day: i64) -> String {
    let date = Timestamp(day * DAY_SECONDS * 1_000_000).to_string();
    format!("{table}_{}", date[..10].replace('-', ""))
}

/// The significant part of the lowest id of a day.
fn bound(day: i64) -> String {
    format!("{:08x}", day * DAY_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_range_of_ids() {
        assert_eq!(partition_name("runs", 20_780), "runs_20261123");
        assert_eq!((bound(20_780), bound(20_781)), ("6b038200".into(), "6b04d380".into()));
    }

    #[test]
    fn an_id_names_its_day() {
        assert_eq!(day_of_id("6b038200aaaaaaaaaa000000"), Some(20_780));
        assert_eq!(day_of_id("6b04d3ffaaaaaaaaaa000000"), Some(20_781));
        assert_eq!((day_of_id("order-1"), day_of_id("6a02")), (None, None));
    }

    #[test]
    fn today_comes_first() {
        let now = Timestamp((20_780 * DAY_SECONDS + 5) * 1_000_000);
        let days: Vec<i64> = needed_days(now).collect();
        assert_eq!((days[0], days[1], days.len()), (20_780, 20_781, 9));
        assert_eq!(days.last(), Some(&20_779));
    }
}
