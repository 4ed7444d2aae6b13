//! Runs and their logs in PostgreSQL.
//!
//! Open runs are in a small table of their own, which is also the queue; when a run ends, it moves to the table of
//! ended runs, which only grows. A process claims due runs with `SKIP LOCKED`, several at a time, and owns them until
//! it releases them or is declared dead; every change increments `rev`, which fences the previous owner.

use serde_json::Value;

use super::session::PgSession;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::RunStatus::Completed;
use crate::store::records::{Lane, Page, Run, RunError, RunFilter, RunStatus};
use crate::store::session::{Claim, Runs};
use crate::store::sql::Sql;
use crate::store::sql::lanes;
use crate::store::sql::runs::{bind_page, run_columns};
use crate::store::sql::statement::statement;
use crate::store::sql::table::columns;
use crate::store::sql::text::joined;
use crate::store::{StoreError, StoreResult};

run_columns! {
    /// Runs that have not ended. `owner` is the process that continues the run at once, if there is one.
    open_runs, insert(run, due_at: Timestamp, owner: Option<Id>, lane: lanes::LaneColumns<'a>) {
        #[changes] due_at: Timestamp = due_at,
        #[changes] owner: Option<Id> = owner,
        lane: Option<String> = lane.0,
        lane_limit: Option<i64> = lane.1,
        #[changes] lane_place: Option<i64> = lane.2,
    }
}

run_columns! {
    /// Runs that have ended.
    #[day(id)]
    runs, insert(run) {
        due_at: Option<Timestamp> = run.due_at,
    }
}

columns! {
    /// The step entries of runs.
    #[day(run_id)]
    step_log (org_id, run_id, segment), insert(org: Id, run: Id, segment: i64, entries: &'a str) {
        org_id: Id = org,
        run_id: Id = run,
        segment: i64 = segment,
        entries: String = entries,
    }
}

/// Open or ended: the columns of `runs`, and those that only open runs have.
type RunRow = (runs::Row, (Option<Id>, Option<String>, Option<i64>, Option<i64>));

const OPEN: &str = joined!(open_runs::SELECT, " WHERE org_id = ?");
const ENDED: &str = joined!(
    "SELECT ",
    runs::COLUMNS,
    ", NULL::text AS owner, NULL::text AS lane, NULL::bigint AS lane_limit, NULL::bigint AS lane_place \
     FROM runs WHERE org_id = ?"
);

fn record((row, (owner, lane, limit, place)): RunRow) -> Run {
    let due_at = row.due_at;
    row.record(due_at, owner.is_some(), lanes::lane(due_at, lane, limit, place))
}

/// Reads a page of runs from the table, and along the index, that fits the filter.
fn read_runs(sql: &mut PgSession<'_>, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<RunRow>> {
    const OF_WORKFLOW: &str = " AND workflow_id = ?";
    const STATUS: &str = " AND status = ?";
    // The planner uses the index only if its condition is spelled out.
    const COMPLETED: &str = " AND status = ? AND status = 'completed'";
    const ENDED_EARLY: &str = " AND status = ? AND status IN ('failed', 'cancelled')";
    const PAGE: &str = " AND id < ? ORDER BY id DESC LIMIT ?";
    macro_rules! read {
        ($($text:expr),+) => {
            bind_page(statement!("reading the runs", $($text),+, PAGE), org, filter, page).load(sql)
        };
    }
    /// Reads both tables, by the same conditions.
    macro_rules! read_both {
        ($($condition:expr)?) => {{
            const OPEN_PAGE: &str = joined!("(", OPEN, $($condition,)? PAGE, ")");
            const ENDED_PAGE: &str = joined!("(", ENDED, $($condition,)? PAGE, ")");
            let read = statement!("reading the runs", OPEN_PAGE, " UNION ALL ", ENDED_PAGE, " ORDER BY id DESC LIMIT ?");
            bind_page(bind_page(read, org, filter, page), org, filter, page).bind(page.size).load(sql)
        }};
    }
    match (filter.workflow, filter.status) {
        (None, None) => read_both!(),
        (None, Some(Completed)) => read!(ENDED, COMPLETED),
        (None, Some(status)) if status.is_open() => read!(OPEN, STATUS),
        (None, Some(_)) => read!(ENDED, ENDED_EARLY),
        (Some(_), None) => read_both!(OF_WORKFLOW),
        (Some(_), Some(Completed)) => read!(ENDED, OF_WORKFLOW, COMPLETED),
        (Some(_), Some(status)) if status.is_open() => read!(OPEN, OF_WORKFLOW, STATUS),
        (Some(_), Some(_)) => read!(ENDED, OF_WORKFLOW, ENDED_EARLY),
    }
}

impl PgSession<'_> {
    fn owner_of(&self, run: &Run) -> Option<Id> {
        run.held.then_some(self.node)
    }

    fn update_open(&mut self, run: &Run, due_at: Timestamp) -> StoreResult<usize> {
        const UNLESS_FENCED: &str = ", rev = rev + 1 WHERE org_id = ? AND id = ? AND rev = ?";
        let update = statement!("writing a run", open_runs::UPDATE, UNLESS_FENCED);
        let update = open_runs::bind_changes(update, run, due_at, self.owner_of(run), lanes::columns(run));
        update.bind(run.org).bind(run.id).bind(run.rev).execute(self)
    }

    fn delete_open(&mut self, run: &Run) -> StoreResult<usize> {
        const SQL: &str = "DELETE FROM open_runs WHERE org_id = ? AND id = ? AND rev = ?";
        statement!("ending a run", SQL).bind(run.org).bind(run.id).bind(run.rev).execute(self)
    }
}

impl Runs for PgSession<'_> {
    fn insert_run(&mut self, run: &Run) -> StoreResult<()> {
        const OPERATION: &str = "storing a run";
        let Some(due_at) = run.due_at else { return runs::insert(OPERATION, run).append(self) };
        self.gathered.frees_runs |= !run.held;
        open_runs::insert(OPERATION, run, due_at, self.owner_of(run), lanes::columns(run)).append(self)
    }

    fn run(&mut self, org: Id, id: Id) -> StoreResult<Option<Run>> {
        self.settle(open_runs::NAME)?;
        self.settle(runs::NAME)?;
        let read = statement!("reading a run", OPEN, " AND id = ? UNION ALL ", ENDED, " AND id = ?");
        Ok(read.bind(org).bind(id).bind(org).bind(id).first(self)?.map(record))
    }

    fn hold_run(&mut self, org: Id, id: Id) -> StoreResult<Option<Run>> {
        self.settle(open_runs::NAME)?;
        let hold = statement!("holding a run", OPEN, " AND id = ? FOR UPDATE");
        Ok(hold.bind(org).bind(id).first(self)?.map(record))
    }

    fn runs(&mut self, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<Run>> {
        self.settle(open_runs::NAME)?;
        self.settle(runs::NAME)?;
        Ok(read_runs(self, org, filter, page)?.into_iter().map(record).collect())
    }

    fn update_run(&mut self, run: &mut Run) -> StoreResult<()> {
        self.settle(open_runs::NAME)?;
        let changed = match run.due_at {
            Some(due_at) => self.update_open(run, due_at)?,
            None => self.delete_open(run)?,
        };
        if changed == 0 {
            return Err(StoreError::Fenced);
        }
        run.rev += 1;
        match run.due_at {
            Some(_) => self.gathered.frees_runs |= !run.held,
            None => self.insert_run(run)?,
        }
        Ok(())
    }

    fn claim_runs(&mut self, now: Timestamp, size: i64) -> StoreResult<Vec<Claim>> {
        // Org by org, so that the rows of each are found by its own part of the index, and no org hides another.
        const SQL: &str = "WITH due AS ( \
                     SELECT r.org_id, r.id FROM orgs o CROSS JOIN LATERAL ( \
                       SELECT org_id, id, due_at FROM open_runs \
                       WHERE org_id = o.id AND owner IS NULL AND due_at <= ? \
                       ORDER BY due_at, id LIMIT ? FOR UPDATE SKIP LOCKED) r \
                     ORDER BY r.due_at, r.id LIMIT ?) \
                   UPDATE open_runs SET owner = ?, rev = rev + 1 FROM due \
                   WHERE open_runs.org_id = due.org_id AND open_runs.id = due.id \
                   RETURNING open_runs.due_at, open_runs.id, open_runs.org_id, open_runs.rev";
        self.settle(open_runs::NAME)?;
        let claim = statement!("claiming runs", SQL).bind(now).bind(size).bind(size).bind(self.node);
        let mut rows: Vec<(Timestamp, Id, Id, i64)> = claim.load(self)?;
        rows.sort_by_key(|(due_at, run, ..)| (*due_at, *run));
        Ok(rows.into_iter().map(|(_, run, org, rev)| Claim { org, run, rev }).collect())
    }

    fn next_due(&mut self, now: Timestamp) -> StoreResult<Option<Timestamp>> {
        const SQL: &str = "SELECT min(r.due_at) FROM orgs o CROSS JOIN LATERAL ( \
                     SELECT due_at FROM open_runs WHERE org_id = o.id AND owner IS NULL AND due_at > ? \
                     ORDER BY due_at LIMIT 1) r";
        self.settle(open_runs::NAME)?;
        let next: Option<Option<Timestamp>> =
            statement!("reading when the next run is due", SQL).bind(now).first(self)?;
        Ok(next.flatten())
    }

    fn release_runs(&mut self, now: Timestamp) -> StoreResult<usize> {
        let node = self.node;
        release(self, node, now)
    }

    fn append_log(&mut self, org: Id, run: Id, segment: i64, entries: &str) -> StoreResult<()> {
        step_log::insert("writing the step log", org, run, segment, entries).append(self)
    }

    fn log(&mut self, org: Id, run: Id) -> StoreResult<Vec<String>> {
        const SQL: &str = "SELECT entries FROM step_log WHERE org_id = ? AND run_id = ? ORDER BY segment";
        self.settle(step_log::NAME)?;
        statement!("reading the step log", SQL).bind(org).bind(run).load(self)
    }
}

/// Releases all runs of a process, for others to claim.
pub(super) fn release(sql: &mut PgSession<'_>, node: Id, now: Timestamp) -> StoreResult<usize> {
    const SQL: &str = "UPDATE open_runs SET owner = NULL, due_at = least(due_at, ?), rev = rev + 1 \
                       WHERE org_id IN (SELECT id FROM orgs) AND owner = ?";
    sql.settle(open_runs::NAME)?;
    let released = statement!("releasing runs", SQL).bind(now).bind(node).execute(sql)?;
    sql.gathered.frees_runs |= released > 0;
    Ok(released)
}
