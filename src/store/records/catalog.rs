//! The entries of the catalog, their status, and the log of their changes.

use std::collections::BTreeSet;

use super::words::words;
use crate::base::id::Id;

/// Whether a hook or workflow is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Enabled,
    Disabled,
    /// Kept because transactions and runs refer to it, but no longer visible.
    Deleted,
}

/// What kind of thing an entry of the catalog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    Org,
    Key,
    /// A hook, its secrets included.
    Hook,
    Klass,
    Workflow,
    Variable,
}

/// An entry of the catalog: something that an admin sets up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogEntry {
    pub org: Id,
    pub kind: EntryKind,
    /// The name of a klass, the id of anything else.
    pub key: String,
}

/// What happened to the catalog after some revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatalogChanges {
    /// The revision that these changes lead to.
    pub revision: i64,
    /// The entries that were added, changed or deleted; `None` if the log does not reach back that far, is too long or has
    /// entries of an unknown kind, and the whole catalog has to be read.
    pub entries: Option<BTreeSet<CatalogEntry>>,
}

words!(Status, "enabled" = Status::Enabled, "disabled" = Status::Disabled, "deleted" = Status::Deleted);
words!(
    EntryKind,
    "org" = EntryKind::Org,
    "key" = EntryKind::Key,
    "hook" = EntryKind::Hook,
    "klass" = EntryKind::Klass,
    "workflow" = EntryKind::Workflow,
    "variable" = EntryKind::Variable,
);
