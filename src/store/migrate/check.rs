//! The first pass over the source, before anything is written: whether PostgreSQL can store everything, which days need
//! partitions, and the digest that identifies the source if the copy is interrupted.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sha2::{Digest, Sha256};

use super::error::MigrateError;
use super::marker::show_key;
use super::progress::{Progress, Work};
use super::row::{Row, Value};
use super::source::Source;
use super::tables::{MovedTable, TABLES};
use crate::store::postgres::partitions::day_of_id;

/// The results of the first pass.
#[derive(Default)]
pub struct Findings {
    /// The days, counted from 1970, in the ids of partitioned tables.
    pub days: BTreeSet<i64>,
    /// The number of rows of each table.
    pub counts: Vec<u64>,
    /// The digest of everything, in hexadecimal.
    pub digest: String,
}

/// The place of a text that PostgreSQL can't store.
struct Unstorable {
    table: &'static MovedTable,
    column: &'static str,
    key: String,
}

/// # Errors
/// If PostgreSQL can't store something.
pub fn check(source: &mut Source) -> Result<Findings, MigrateError> {
    let mut findings = Findings::default();
    let mut digest = Sha256::new();
    let mut first = None;
    let mut unstorable = 0;
    for table in &TABLES {
        let mut progress = Progress::begin(Work::Checking, table.name(), source.count(table)?, 0);
        let day = table.day.map(|column| table.position(column));
        let mut rows: u64 = 0;
        source.read(table, None, |row| {
            rows += 1;
            if let Some(column) = unstorable_column(table, &row) {
                unstorable += 1;
                first.get_or_insert_with(|| Unstorable { table, column, key: show_key(&row.key(table)) });
            }
            findings.days.extend(day.and_then(|index| day_of_id(row.text(index)?)));
            digest.update(row.digest());
            progress.advance(1);
            ControlFlow::Continue(())
        })?;
        progress.end();
        digest.update(table.name());
        digest.update(rows.to_be_bytes());
        findings.counts.push(rows);
    }
    findings.digest = hex::encode(digest.finalize());
    match first {
        None => Ok(findings),
        Some(Unstorable { table, column, key }) => {
            let rows = if unstorable == 1 { "1 row".into() } else { format!("{unstorable} rows") };
            Err(MigrateError::Unstorable { table: table.source.name, column, key, rows })
        }
    }
}

/// The first column with a text that PostgreSQL can't store.
fn unstorable_column(table: &MovedTable, row: &Row) -> Option<&'static str> {
    let holds_nul = |value: &Value| matches!(value, Value::Text(text) if text.as_bytes().contains(&0));
    table.columns().zip(&row.0).find(|(_, value)| holds_nul(value)).map(|(column, _)| column)
}
