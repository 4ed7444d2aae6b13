//! The tables that are moved, in their order. Their keys and columns are those of their declarations; what SQLite
//! stores in another way than PostgreSQL is declared here.

pub use crate::store::sql::cell::Kind;
pub use crate::store::sql::table::{Column, Table};

use crate::store::sql::{
    catalog, customers, drafts, entities, events, hook_secrets, intake, kept_requests, kobjects, refused_requests,
    relationships, schedules, seen_keys, variables,
};
use crate::store::{postgres, sqlite};

/// A table that is moved.
#[derive(Clone, Copy, Debug)]
pub struct MovedTable {
    /// The table in PostgreSQL. Its columns have the order of the values in a row.
    pub target: Table,
    /// The table in SQLite.
    pub source: Table,
    /// The table or view in SQLite that has the rows.
    pub from: &'static str,
    /// The rows of the source, as a condition in SQL.
    pub only: &'static str,
    /// The column whose ids say which days need partitions.
    pub day: Option<&'static str>,
    /// The columns of the target that the source stores differently, each with its expression in SQLite; `:moment` is
    /// when the move started. A text that is bytes in SQLite is compressed.
    pub made: &'static [(&'static str, &'static str)],
    /// The columns of the source that the target does not need, because others contain the same.
    pub absorbed: &'static [&'static str],
}

/// Tables that are not moved: the registry of processes, the counter and the log of changes to the catalog, and how SQLite
/// stores ids and finds rows.
pub const NOT_MOVED: [&str; 8] =
    ["block_owners", "blocks", "catalog", "catalog_changes", "id_processes", "nodes", "small_ids", "writers"];

impl MovedTable {
    /// The table's name in PostgreSQL.
    pub const fn name(&self) -> &'static str {
        self.target.name
    }

    /// The names of the columns, in the order of the values in a row.
    pub fn columns(&self) -> impl Iterator<Item = &'static str> {
        self.target.columns.iter().map(|column| column.name)
    }

    /// The expression for a column in SQLite, which stores ids as integers.
    pub fn expression(&self, column: &'static str, moment: i64) -> String {
        let made = self.made.iter().find(|(name, _)| *name == column);
        match made {
            Some((_, expression)) => expression.replace(":moment", &moment.to_string()),
            None if self.target.columns[self.position(column)].kind == Kind::Id => format!("id_text({column})"),
            None => column.to_owned(),
        }
    }

    /// The index of a column's value in a row.
    pub fn position(&self, column: &str) -> usize {
        let position = self.columns().position(|name| name == column);
        position.expect("keys and days name columns of their own table")
    }
}

/// A table that both databases have.
const fn alike(table: Table) -> MovedTable {
    let (from, day) = (table.name, table.day);
    MovedTable { target: table, source: table, from, only: "true", day, made: &[], absorbed: &[] }
}

/// A table of PostgreSQL that gets some of the rows of a table of SQLite.
const fn part(target: Table, source: Table, only: &'static str) -> MovedTable {
    MovedTable { target, source, from: source.name, only, ..alike(target) }
}

/// All tables, in the order in which they are moved.
pub static TABLES: [MovedTable; 29] = [
    alike(catalog::orgs::TABLE),
    alike(catalog::api_keys::TABLE),
    alike(catalog::hooks::TABLE),
    alike(intake::refusals::TABLE),
    alike(refused_requests::refused_requests::TABLE),
    alike(kobjects::klasses::TABLE),
    alike(catalog::files::TABLE),
    alike(catalog::workflows::TABLE),
    alike(catalog::workflow_versions::TABLE),
    alike(drafts::workflow_drafts::TABLE),
    alike(schedules::schedules::TABLE),
    alike(seen_keys::seen_keys::TABLE),
    alike(hook_secrets::hook_secrets::TABLE),
    alike(variables::variables::TABLE),
    alike(variables::secret_keys::TABLE),
    alike(customers::customers::TABLE),
    alike(customers::customer_emails::TABLE),
    alike(customers::customer_phones::TABLE),
    alike(kobjects::kobjects::TABLE),
    alike(relationships::kobject_links::TABLE),
    alike(entities::entities::TABLE),
    alike(intake::transactions::TABLE),
    alike(kept_requests::transaction_details::TABLE),
    alike(kept_requests::later_runs::TABLE),
    alike(events::events::TABLE),
    alike(events::descendants::TABLE),
    MovedTable {
        // They will be in partitions once they have ended.
        day: Some("id"),
        // Runs that a process held are released, as when a server starts.
        made: &[
            ("due_at", "iif(held = 0, due_at, min(due_at, :moment))"),
            ("rev", "iif(held = 0, rev, rev + 1)"),
            ("owner", "NULL"),
        ],
        absorbed: &["held", "log"],
        ..part(postgres::runs::open_runs::TABLE, sqlite::runs::runs::TABLE, "due_at IS NOT NULL")
    },
    MovedTable {
        absorbed: &["held", "lane", "lane_limit", "lane_place", "log"],
        ..part(postgres::runs::runs::TABLE, sqlite::runs::runs::TABLE, "due_at IS NULL")
    },
    MovedTable {
        // Those in the table, and those in the rows of runs.
        from: "step_logs",
        made: &[("entries", "coalesce(packed, entries)")],
        absorbed: &["packed"],
        ..part(postgres::runs::step_log::TABLE, sqlite::runs::step_log::TABLE, "true")
    },
];
