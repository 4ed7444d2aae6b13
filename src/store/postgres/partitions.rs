//! Partitions by day, for the tables that only grow.
//!
//! Ids contain the day: their first eight characters are seconds since 1970 in hexadecimal, so a range of ids is a
//! range of time, and a lookup by id finds its partition. Rows of days without a partition go to a default one, which
//! remains empty as long as some process creates the partitions of the coming days.

use diesel::result::QueryResult;

use super::connection::Connection;
use super::runs::{runs, step_log};
use crate::base::time::Timestamp;
use crate::store::sql::events::{descendants, events};
use crate::store::sql::intake::transactions;
use crate::store::sql::row::Read;
use crate::store::sql::statement::statement;

/// The tables, and the days that partitions are made for ahead of time.
const TABLES: [&str; 5] = [transactions::NAME, events::NAME, descendants::NAME, runs::NAME, step_log::NAME];
const DAYS_AHEAD: i64 = 7;
const DAY_SECONDS: i64 = 86_400;

/// Makes the partitions that are missing, from yesterday's to those of the next days.
///
/// # Errors
/// If the database refuses; those made so far stay, and the rows of the others go to the default partition.
pub fn make(connection: &mut Connection, now: Timestamp) -> QueryResult<()> {
    let today = day_of(now);
    make_days(connection, (today - 1)..=(today + DAYS_AHEAD))
}

/// The day, counted from 1970, that a moment is in.
pub fn day_of(moment: Timestamp) -> i64 {
    moment.0.div_euclid(DAY_SECONDS * 1_000_000)
}

/// The day, counted from 1970, that an id names.
pub fn day_of_id(id: &str) -> Option<i64> {
    u32::from_str_radix(id.get(..8)?, 16).ok().map(|seconds| i64::from(seconds).div_euclid(DAY_SECONDS))
}

/// Makes one partition for everything before a day.
pub fn make_before(connection: &mut Connection, day: i64) -> QueryResult<()> {
    for table in TABLES {
        let (name, to) = (partition_name(&format!("{table}_before"), day), bound(day));
        connection.run(&format!(
            "CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM (MINVALUE) TO ('{to}')"
        ))?;
    }
    Ok(())
}

/// Makes the partitions of some days, counted from 1970, that are missing.
pub fn make_days(connection: &mut Connection, days: impl Iterator<Item = i64>) -> QueryResult<()> {
    const SQL: &str = "SELECT relname::text FROM pg_class WHERE relispartition AND relkind = 'r'";
    let present: Vec<Read<String>> = connection.load(statement!("reading the partitions", SQL))?;
    for day in days {
        for table in TABLES {
            let name = partition_name(table, day);
            if !present.iter().any(|Read(present)| *present == name) {
                let (from, to) = (bound(day), bound(day + 1));
                // Others wait behind this statement while it waits for those that use the table now: not for long.
                connection.run(&format!(
                    "BEGIN; SET LOCAL lock_timeout = '2s'; \
                     CREATE TABLE IF NOT EXISTS {name} PARTITION OF {table} FOR VALUES FROM ('{from}') TO ('{to}'); COMMIT"
                ))?;
            }
        }
    }
    Ok(())
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
}
