//! The columns of runs. Each database has tables and statements of its own for them.
//!
//! SQLite has one table, `runs`. PostgreSQL has two: `open_runs`, which is small and also the queue, and `runs` for
//! those that have ended. The columns that all three tables share are declared here, the others with each table:
//! `sqlite/runs.rs` and `postgres/runs.rs`.

use super::statement::Statement;
use crate::base::id::Id;
use crate::store::records::{Page, RunFilter};

/// Declares a table of runs, as `columns!` does: the shared columns, followed by the given ones.
macro_rules! run_columns {
    (
        $(#[doc = $doc:literal])*
        $(#[day($day:ident)])?
        $table:ident, insert($run:ident $(, $argument:ident: $argument_type:ty)*) { $($more:tt)* }
    ) => {
        $crate::store::sql::runs::run_columns! {
            @declare [
                $(#[doc = $doc])*
                $(#[day($day)])?
                $table (org_id, id), insert($run: &'a Run $(, $argument: $argument_type)*)
            ]
            $table $run { $($more)* }

            org_id: Id = org,
            id: Id = id,
            workflow_id: Id = workflow,
            workflow_name: String = workflow_name,
            version: i64 = version,
            event: String = event,
            transaction_id: Option<Id> = transaction,
            event_id: Option<Id> = event_id,
            input: Option<Value> = input,
            replay_of: Option<Id> = replay_of,
            parent_id: Option<Id> = parent,
            root_id: Option<Id> = root,
            depth: i64 = depth,
            #[changes] output: Option<Value> = output,
            #[changes] status: RunStatus = status,
            #[changes] position: Option<String> = position,
            #[changes] steps: i64 = steps,
            #[changes] pending: Option<Value> = pending,
            #[changes] error: Option<RunError> = error,
            created_at: Timestamp = created_at,
            #[changes] started_at: Option<Timestamp> = started_at,
            #[changes] finished_at: Option<Timestamp> = finished_at,
            // Incremented by every UPDATE.
            rev: i64 = rev,
        }
    };
    (
        @declare [$($head:tt)*] $table:ident $run:ident { $($more:tt)* }
        $($(#[$flag:ident])? $column:ident: $type:ty = $field:ident,)+
    ) => {
        $crate::store::sql::table::columns! {
            $($head)* {
                $($(#[$flag])? $column: $type = &$run.$field,)+
                $($more)*
            }
        }

        impl $table::Row {
            /// The run; the arguments are what the tables store in different ways.
            #[allow(dead_code, reason = "in PostgreSQL, open runs are read with the ended ones")]
            fn record(self, due_at: Option<Timestamp>, held: bool, lane: Option<Lane>) -> Run {
                Run { $($field: self.$column,)+ due_at, held, lane }
            }
        }
    };
}
pub(in crate::store) use run_columns;

/// Binds the conditions of a page of runs: the org, the workflow and the status if the filter names them, the id to
/// start below, the size.
pub fn bind_page<'a, Site: 'static>(
    statement: Statement<'a, Site>,
    org: Id,
    filter: &RunFilter,
    page: Page,
) -> Statement<'a, Site> {
    bind_filter(statement, org, filter).bind(page.below()).bind(page.size)
}

/// Binds the org, and the workflow and the status if the filter names them.
pub fn bind_filter<'a, Site: 'static>(
    statement: Statement<'a, Site>,
    org: Id,
    filter: &RunFilter,
) -> Statement<'a, Site> {
    let mut statement = statement.bind(org);
    if let Some(workflow) = filter.workflow {
        statement = statement.bind(workflow);
    }
    if let Some(status) = filter.status {
        statement = statement.bind(status.as_str());
    }
    statement
}
