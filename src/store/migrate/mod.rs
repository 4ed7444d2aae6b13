//! Moving everything from a SQLite database to a PostgreSQL database: `hookflow migrate-store`.
//!
//! The source is locked, read once ([`check`]), copied table by table in chunks ([`copy`]), and compared with the
//! target ([`verify`]). The progress is recorded in the target together with the rows ([`marker`], [`chunk`]), so that
//! a move that is killed at any moment continues where it stopped. Servers don't start on a target while the move into
//! it is unfinished.
//!
//! Limits: one chunk of at most 500 rows or about 4 MiB and two more that wait are in memory at a time; a single row
//! may be larger.

mod check;
mod chunk;
mod copy;
mod error;
pub(in crate::store) mod marker;
mod progress;
mod row;
mod source;
pub mod tables;
mod target;
mod verify;

pub use error::MigrateError;
pub use verify::{Comparison, Content};

use crate::base::time::Timestamp;
use crate::store::postgres::url::PostgresUrl;
use check::Findings;
use marker::Marker;
use source::Source;
use tables::TABLES;
use target::Target;

/// Copies everything from the SQLite file at `from`, or continues an interrupted copy, and compares both databases. If
/// they are equal, servers may start on the target. Must not be called in an asynchronous context.
///
/// # Errors
/// [`MigrateError`] names the cause.
pub fn migrate(from: &str, to: &PostgresUrl) -> Result<Vec<Comparison>, MigrateError> {
    let mut source = Source::open(from, Timestamp::now().0)?;
    let mut target = Target::open(to)?;
    let before = target.marker()?;
    match &before {
        Some(Marker { is_finished: true, .. }) => return Err(MigrateError::Finished),
        Some(marker) if marker.org != source.org => return Err(MigrateError::OtherSource(marker.source.clone())),
        Some(marker) => source.moment = marker.moment,
        None => target.check_empty()?,
    }
    target.check_nodes()?;
    let findings = check::check(&mut source)?;
    match before {
        Some(marker) if marker.digest != findings.digest => return Err(MigrateError::SourceChanged(source.path)),
        Some(_) => {}
        None => target.begin(&Marker {
            source: source.path.clone(),
            org: source.org.clone(),
            digest: findings.digest.clone(),
            moment: source.moment,
            is_finished: false,
        })?,
    }
    fill(&mut source, &mut target, &findings).map_err(MigrateError::after_begin)
}

/// Copies what the target does not have yet, and compares.
fn fill(source: &mut Source, target: &mut Target, findings: &Findings) -> Result<Vec<Comparison>, MigrateError> {
    target.make_partitions(&findings.days, Timestamp(source.moment))?;
    for (table, rows) in TABLES.iter().zip(&findings.counts) {
        copy::copy(source, target, table, *rows)?;
    }
    let comparisons = compare(source, target)?;
    if comparisons.iter().all(Comparison::is_equal) {
        target.finish()?;
    }
    Ok(comparisons)
}

/// Compares both databases again, after everything was copied.
///
/// # Errors
/// [`MigrateError`] names the cause.
pub fn verify(from: &str, to: &PostgresUrl) -> Result<Vec<Comparison>, MigrateError> {
    let mut source = Source::open(from, Timestamp::now().0)?;
    let mut target = Target::open(to)?;
    match target.marker()? {
        None => return Err(MigrateError::NeverBegun),
        Some(marker) if marker.org != source.org => return Err(MigrateError::OtherSource(marker.source)),
        Some(Marker { is_finished: false, .. }) => return Err(MigrateError::Unfinished),
        Some(marker) => source.moment = marker.moment,
    }
    target.check_nodes()?;
    compare(&mut source, &mut target)
}

fn compare(source: &mut Source, target: &mut Target) -> Result<Vec<Comparison>, MigrateError> {
    let compare = |table| {
        let rows = source.count(table)?;
        verify::compare(source, target, table, rows)
    };
    TABLES.iter().map(compare).collect()
}
