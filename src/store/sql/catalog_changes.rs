//! The catalog's revision, and the log of what each revision changed.
//!
//! A process that knows revision N reads the entries that were logged after N instead of the whole catalog. Every revision
//! logs at least a row without an entry. A revision without rows was forgotten, or counted by something that keeps no log,
//! such as an older version of hookflow on the same database; then the whole catalog has to be read. So it has if the log
//! names a kind of entry that only a newer version knows.
//!
//! Limits: the log keeps the [`REVISIONS_KEPT`] latest revisions, and at most [`ENTRIES_MAX`] entries are read from it.

use std::collections::BTreeSet;

use super::Sql;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::store::records::{CatalogChanges, CatalogEntry, EntryKind};
use crate::store::{StoreError, StoreResult};

/// How many revisions the log reaches back.
pub const REVISIONS_KEPT: i64 = 1_000;
/// With more changes than this, reading everything is as good.
const ENTRIES_MAX: i64 = 10_000;

columns! {
    /// The entries that each revision changed.
    catalog_changes (revision),
    insert(revision: i64, org: Option<Id>, kind: Option<&'a str>, entry: Option<String>) {
        revision: i64 = revision,
        org: Option<Id> = org,
        kind: Option<String> = kind,
        entry: Option<String> = entry,
    }
}

/// Locks the catalog, counts its revision up, and begins the revision's part of the log.
pub(super) fn begin(sql: &mut impl Sql) -> StoreResult<()> {
    const SQL: &str = "UPDATE catalog SET revision = revision + 1 RETURNING revision";
    let revision: Option<i64> = statement!("changing the catalog", SQL).first(sql)?;
    let missing = || StoreError::Corrupt { what: "the catalog", detail: "its row is missing".into() };
    let revision = revision.ok_or_else(missing)?;
    sql.new_catalog_revision().into_iter().for_each(|new| *new = Some(revision));
    catalog_changes::insert("beginning the log of a revision", revision, None, None, None).append(sql)?;
    const OLD: &str = "DELETE FROM catalog_changes WHERE revision <= ?";
    statement!("forgetting old changes of the catalog", OLD).bind(revision - REVISIONS_KEPT).execute(sql)?;
    Ok(())
}

/// Logs that this transaction changed an entry, if it called [`begin`].
pub(super) fn log_change(sql: &mut impl Sql, org: Id, kind: EntryKind, key: impl ToString) -> StoreResult<()> {
    let Some(revision) = sql.new_catalog_revision().copied().flatten() else { return Ok(()) };
    let (kind, key) = (Some(kind.as_str()), Some(key.to_string()));
    catalog_changes::insert("logging a change of the catalog", revision, Some(org), kind, key).append(sql)
}

pub(super) fn revision(sql: &mut impl Sql) -> StoreResult<i64> {
    let revision = statement!("reading the catalog's revision", "SELECT revision FROM catalog").first(sql)?;
    Ok(revision.unwrap_or(0))
}

pub(super) fn read(sql: &mut impl Sql, after: i64) -> StoreResult<CatalogChanges> {
    let revision = revision(sql)?;
    if revision == after {
        return Ok(CatalogChanges { revision, entries: Some(BTreeSet::new()) });
    }
    sql.settle(catalog_changes::NAME)?;
    const BETWEEN: &str = " WHERE revision > ? AND revision <= ? LIMIT ?";
    let read = statement!("reading the changes of the catalog", catalog_changes::SELECT, BETWEEN);
    let rows: Vec<catalog_changes::Row> = read.bind(after).bind(revision).bind(ENTRIES_MAX).load(sql)?;
    let revisions: BTreeSet<i64> = rows.iter().map(|row| row.revision).collect();
    if rows.len() as i64 == ENTRIES_MAX || revisions.len() as i64 != revision - after {
        return Ok(CatalogChanges { revision, entries: None });
    }
    Ok(CatalogChanges { revision, entries: rows.into_iter().filter_map(entry).collect() })
}

/// The entry of a row, if it has one; `Some(None)` if its kind is unknown.
fn entry(row: catalog_changes::Row) -> Option<Option<CatalogEntry>> {
    let (org, kind, key) = (row.org?, row.kind?, row.entry?);
    Some(kind.parse().ok().map(|kind| CatalogEntry { org, kind, key }))
}
