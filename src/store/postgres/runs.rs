//! Runs and their logs in PostgreSQL.
//!
//! Open runs stand in a small table of their own, which is also the queue; when a run ends, it moves to the table of ended
//! runs, which only grows. A process takes due runs with `SKIP LOCKED`, several at a time, and is their owner until it
//! lets go of them or is taken for dead; the `rev` that each change counts up fences off whoever was the owner before.

use super::session::PgSession;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::records::{Page, Run, RunFilter};
use crate::store::session::{Claim, Runs};
use crate::store::sql::columns::to_json;
use crate::store::sql::lanes;
use crate::store::sql::runs::{DueRow, EntriesRow, NextDueRow, RunRow};
use crate::store::sql::statement::{Statement, statement};
use crate::store::sql::{Sql, Table};
use crate::store::{StoreError, StoreResult};

macro_rules! select_open {
    () => {
        "SELECT id, workflow_id, workflow_name, version, event, transaction_id, input, replay_of, parent_id, depth, \
         output, status, position, steps, pending, error, created_at, started_at, finished_at, due_at, \
         CASE WHEN owner IS NULL THEN 0::bigint ELSE 1::bigint END AS held, rev, lane, lane_limit, lane_place \
         FROM open_runs WHERE org_id = ? "
    };
}

macro_rules! select_ended {
    () => {
        "SELECT id, workflow_id, workflow_name, version, event, transaction_id, input, replay_of, parent_id, depth, \
         output, status, position, steps, pending, error, created_at, started_at, finished_at, due_at, 0::bigint AS held, rev, \
         NULL::text AS lane, NULL::bigint AS lane_limit, NULL::bigint AS lane_place FROM runs WHERE org_id = ? "
    };
}

macro_rules! page {
    () => {
        "AND id < ? ORDER BY id DESC LIMIT ?"
    };
}

const RUN_BY_ID: &str = concat!(select_open!(), "AND id = ? UNION ALL ", select_ended!(), "AND id = ?");
const RUNS: &str =
    concat!("(", select_open!(), page!(), ") UNION ALL (", select_ended!(), page!(), ") ORDER BY id DESC LIMIT ?");
const RUNS_OF_WORKFLOW: &str = concat!(
    "(",
    select_open!(),
    "AND workflow_id = ? ",
    page!(),
    ") UNION ALL (",
    select_ended!(),
    "AND workflow_id = ? ",
    page!(),
    ") ORDER BY id DESC LIMIT ?"
);
const RUNS_OPEN: &str = concat!(select_open!(), "AND status = ? ", page!());
const RUNS_OF_WORKFLOW_OPEN: &str = concat!(select_open!(), "AND workflow_id = ? AND status = ? ", page!());
const RUNS_COMPLETED: &str = concat!(select_ended!(), "AND status = 'completed' ", page!());
const RUNS_OF_WORKFLOW_COMPLETED: &str =
    concat!(select_ended!(), "AND workflow_id = ? AND status = 'completed' ", page!());
// These have an index of their own, which planners only take if its condition is spelt out.
const RUNS_ENDED_EARLY: &str =
    concat!(select_ended!(), "AND status = ? AND status IN ('failed', 'cancelled') ", page!());
const RUNS_OF_WORKFLOW_ENDED_EARLY: &str =
    concat!(select_ended!(), "AND workflow_id = ? AND status = ? AND status IN ('failed', 'cancelled') ", page!());

/// Reads a page of runs from the table, and along the index, that fits the filter.
fn read_runs(sql: &mut PgSession<'_>, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<RunRow>> {
    use crate::store::RunStatus::Completed;
    const OPERATION: &str = "reading the runs";
    let (below, size) = (page.below(), page.size);
    match (filter.workflow, filter.status) {
        (None, None) => {
            let query = statement!(OPERATION, RUNS).bind(org).bind(below).bind(size);
            query.bind(org).bind(below).bind(size).bind(size).load(sql)
        }
        (Some(workflow), None) => {
            let query = statement!(OPERATION, RUNS_OF_WORKFLOW).bind(org).bind(workflow).bind(below).bind(size);
            query.bind(org).bind(workflow).bind(below).bind(size).bind(size).load(sql)
        }
        (None, Some(status)) if status.is_open() => {
            statement!(OPERATION, RUNS_OPEN).bind(org).bind(status.as_str()).bind(below).bind(size).load(sql)
        }
        (Some(workflow), Some(status)) if status.is_open() => {
            let query = statement!(OPERATION, RUNS_OF_WORKFLOW_OPEN).bind(org).bind(workflow);
            query.bind(status.as_str()).bind(below).bind(size).load(sql)
        }
        (None, Some(Completed)) => statement!(OPERATION, RUNS_COMPLETED).bind(org).bind(below).bind(size).load(sql),
        (Some(workflow), Some(Completed)) => {
            let query = statement!(OPERATION, RUNS_OF_WORKFLOW_COMPLETED).bind(org).bind(workflow);
            query.bind(below).bind(size).load(sql)
        }
        (None, Some(status)) => {
            statement!(OPERATION, RUNS_ENDED_EARLY).bind(org).bind(status.as_str()).bind(below).bind(size).load(sql)
        }
        (Some(workflow), Some(status)) => {
            let query = statement!(OPERATION, RUNS_OF_WORKFLOW_ENDED_EARLY).bind(org).bind(workflow);
            query.bind(status.as_str()).bind(below).bind(size).load(sql)
        }
    }
}

/// Binds the columns that open and ended runs have in common, up to `finished_at`.
fn bind_new<'a, Site: 'static>(statement: Statement<'a, Site>, run: &'a Run) -> Statement<'a, Site> {
    statement
        .bind(run.org)
        .bind(run.id)
        .bind(run.workflow)
        .bind(&run.workflow_name)
        .bind(run.version)
        .bind(&run.event)
        .bind(run.transaction)
        .bind(run.input.as_ref().map(to_json))
        .bind(run.replay_of)
        .bind(run.parent)
        .bind(run.depth)
        .bind(run.output.as_ref().map(to_json))
        .bind(run.status.as_str())
        .bind(&run.position)
        .bind(run.steps)
        .bind(run.pending.as_ref().map(to_json))
        .bind(run.error.as_ref().map(to_json))
        .bind(run.created_at)
        .bind(run.started_at)
        .bind(run.finished_at)
}

impl PgSession<'_> {
    fn owner_of(&self, run: &Run) -> Option<Id> {
        run.held.then_some(self.node)
    }

    fn append_ended(&mut self, run: &Run) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO runs (org_id, id, workflow_id, workflow_name, version, event, transaction_id, input, \
                     replay_of, parent_id, depth, output, status, position, steps, pending, error, created_at, started_at, \
                     finished_at, rev) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        bind_new(statement!("storing a run", SQL), run).bind(run.rev).append(self, Table::Runs)
    }

    fn update_open(&mut self, run: &Run) -> StoreResult<usize> {
        const SQL: &str = "UPDATE open_runs SET status = ?, position = ?, steps = ?, pending = ?, error = ?, \
                     started_at = ?, finished_at = ?, due_at = ?, owner = ?, rev = ?, lane_place = ? \
                   WHERE org_id = ? AND id = ? AND rev = ?";
        statement!("writing a run", SQL)
            .bind(run.status.as_str())
            .bind(&run.position)
            .bind(run.steps)
            .bind(run.pending.as_ref().map(to_json))
            .bind(run.error.as_ref().map(to_json))
            .bind(run.started_at)
            .bind(run.finished_at)
            .bind(run.due_at)
            .bind(self.owner_of(run))
            .bind(run.rev + 1)
            .bind(lanes::columns(run).2)
            .bind(run.org)
            .bind(run.id)
            .bind(run.rev)
            .execute(self)
    }

    fn delete_open(&mut self, run: &Run) -> StoreResult<usize> {
        const SQL: &str = "DELETE FROM open_runs WHERE org_id = ? AND id = ? AND rev = ?";
        statement!("ending a run", SQL).bind(run.org).bind(run.id).bind(run.rev).execute(self)
    }
}

impl Runs for PgSession<'_> {
    fn insert_run(&mut self, run: &Run) -> StoreResult<()> {
        let Some(due_at) = run.due_at else { return self.append_ended(run) };
        self.gathered.frees_runs |= !run.held;
        const SQL: &str = "INSERT INTO open_runs (org_id, id, workflow_id, workflow_name, version, event, transaction_id, \
                     input, replay_of, parent_id, depth, output, status, position, steps, pending, error, created_at, \
                     started_at, finished_at, due_at, owner, rev, lane, lane_limit, lane_place) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let (lane, limit, place) = lanes::columns(run);
        let insert = bind_new(statement!("storing a run", SQL), run).bind(due_at);
        let insert = insert.bind(self.owner_of(run)).bind(run.rev);
        insert.bind(lane).bind(limit).bind(place).append(self, Table::OpenRuns)
    }

    fn run(&mut self, org: Id, id: Id) -> StoreResult<Option<Run>> {
        self.settle(Table::OpenRuns)?;
        self.settle(Table::Runs)?;
        let row: Option<RunRow> =
            statement!("reading a run", RUN_BY_ID).bind(org).bind(id).bind(org).bind(id).first(self)?;
        row.map(|row| row.record(org)).transpose()
    }

    fn runs(&mut self, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<Run>> {
        self.settle(Table::OpenRuns)?;
        self.settle(Table::Runs)?;
        read_runs(self, org, filter, page)?.into_iter().map(|row| row.record(org)).collect()
    }

    fn update_run(&mut self, run: &mut Run) -> StoreResult<()> {
        self.settle(Table::OpenRuns)?;
        let changed = match run.due_at {
            Some(_) => self.update_open(run)?,
            None => self.delete_open(run)?,
        };
        if changed == 0 {
            return Err(StoreError::Fenced);
        }
        run.rev += 1;
        match run.due_at {
            Some(_) => self.gathered.frees_runs |= !run.held,
            None => self.append_ended(run)?,
        }
        Ok(())
    }

    fn claim_runs(&mut self, now: Timestamp, size: i64) -> StoreResult<Vec<Claim>> {
        // Org by org, so that the rows of each are found by its own part of the index, and no org hides the others'.
        const SQL: &str = "WITH due AS ( \
                     SELECT r.org_id, r.id FROM orgs o CROSS JOIN LATERAL ( \
                       SELECT org_id, id, due_at FROM open_runs \
                       WHERE org_id = o.id AND owner IS NULL AND due_at <= ? \
                       ORDER BY due_at, id LIMIT ? FOR UPDATE SKIP LOCKED) r \
                     ORDER BY r.due_at, r.id LIMIT ?) \
                   UPDATE open_runs SET owner = ?, rev = rev + 1 FROM due \
                   WHERE open_runs.org_id = due.org_id AND open_runs.id = due.id \
                   RETURNING open_runs.org_id, open_runs.id, open_runs.due_at, open_runs.rev";
        self.settle(Table::OpenRuns)?;
        let claim = statement!("claiming runs", SQL).bind(now).bind(size).bind(size).bind(self.node);
        let mut rows: Vec<DueRow> = claim.load(self)?;
        rows.sort_by_key(|row| (row.due_at, row.id));
        Ok(rows.into_iter().map(|row| Claim { org: row.org_id, run: row.id, rev: row.rev }).collect())
    }

    fn next_due(&mut self, now: Timestamp) -> StoreResult<Option<Timestamp>> {
        const SQL: &str = "SELECT min(r.due_at) AS due_at FROM orgs o CROSS JOIN LATERAL ( \
                     SELECT due_at FROM open_runs WHERE org_id = o.id AND owner IS NULL AND due_at > ? \
                     ORDER BY due_at LIMIT 1) r";
        self.settle(Table::OpenRuns)?;
        let row: Option<NextDueRow> = statement!("reading when the next run is due", SQL).bind(now).first(self)?;
        Ok(row.and_then(|row| row.due_at))
    }

    fn release_runs(&mut self, now: Timestamp) -> StoreResult<usize> {
        let node = self.node;
        release(self, node, now)
    }

    fn append_log(&mut self, org: Id, run: Id, segment: i64, entries: &str) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO step_log (org_id, run_id, segment, entries) VALUES (?, ?, ?, ?)";
        let append = statement!("writing the step log", SQL).bind(org).bind(run).bind(segment).bind(entries);
        append.append(self, Table::StepLog)
    }

    fn log(&mut self, org: Id, run: Id) -> StoreResult<Vec<String>> {
        const SQL: &str = "SELECT entries FROM step_log WHERE org_id = ? AND run_id = ? ORDER BY segment";
        self.settle(Table::StepLog)?;
        let rows: Vec<EntriesRow> = statement!("reading the step log", SQL).bind(org).bind(run).load(self)?;
        Ok(rows.into_iter().map(|row| row.entries).collect())
    }
}

/// Takes all runs from a process, for others to go on with.
pub(super) fn release(sql: &mut PgSession<'_>, node: Id, now: Timestamp) -> StoreResult<usize> {
    const SQL: &str = "UPDATE open_runs SET owner = NULL, due_at = least(due_at, ?), rev = rev + 1 \
                       WHERE org_id IN (SELECT id FROM orgs) AND owner = ?";
    sql.settle(Table::OpenRuns)?;
    let released = statement!("releasing runs", SQL).bind(now).bind(node).execute(sql)?;
    sql.gathered.frees_runs |= released > 0;
    Ok(released)
}
