//! Runs and their logs in SQLite.

use diesel::QueryableByName;
use diesel::sql_types::{Binary, Nullable, Text};

use super::SqliteSession;
use super::packed::{pack, unpack};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::records::{Page, Run, RunFilter, RunStatus};
use crate::store::session::{Claim, Runs};
use crate::store::sql::columns::to_json;
use crate::store::sql::lanes;
use crate::store::sql::runs::{DueRow, NextDueRow, RunRow};
use crate::store::sql::statement::statement;
use crate::store::{StoreError, StoreResult};

#[derive(QueryableByName)]
struct SegmentRow {
    #[diesel(sql_type = Text)]
    entries: String,
    #[diesel(sql_type = Nullable<Binary>)]
    packed: Option<Vec<u8>>,
}

const RUN_BY_ID: &str = "SELECT * FROM runs WHERE org_id = ? AND id = ?";
const RUNS: &str = "SELECT * FROM runs WHERE org_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
const RUNS_OF_WORKFLOW: &str =
    "SELECT * FROM runs WHERE org_id = ? AND workflow_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
const RUNS_COMPLETED: &str =
    "SELECT * FROM runs WHERE org_id = ? AND status = 'completed' AND id < ? ORDER BY id DESC LIMIT ?";
const RUNS_ENDED_EARLY: &str = "SELECT * FROM runs WHERE org_id = ? AND status = ? AND id < ? \
     AND status IN ('failed', 'cancelled') ORDER BY id DESC LIMIT ?";
// The open runs are few beside all others: read them from their own small index and sort them.
const RUNS_OPEN: &str = "SELECT * FROM runs INDEXED BY runs_due WHERE org_id = ? AND status = ? AND id < ? \
     AND due_at IS NOT NULL ORDER BY id DESC LIMIT ?";
const RUNS_OF_WORKFLOW_ENDED_EARLY: &str = "SELECT * FROM runs WHERE org_id = ? AND workflow_id = ? AND status = ? \
     AND id < ? AND status IN ('failed', 'cancelled') ORDER BY id DESC LIMIT ?";
const RUNS_OF_WORKFLOW_OPEN: &str = "SELECT * FROM runs INDEXED BY runs_due WHERE org_id = ? AND workflow_id = ? \
     AND status = ? AND id < ? AND due_at IS NOT NULL ORDER BY id DESC LIMIT ?";
const RUNS_OF_WORKFLOW_WITH_STATUS: &str = "SELECT * FROM runs WHERE org_id = ? AND workflow_id = ? AND status = ? \
     AND id < ? ORDER BY id DESC LIMIT ?";

/// Reads a page of runs along the index that fits the filter.
fn read_runs(session: &mut SqliteSession<'_>, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<RunRow>> {
    const OPERATION: &str = "reading the runs";
    let (below, size) = (page.below(), page.size);
    match (filter.workflow, filter.status) {
        (None, None) => statement!(OPERATION, RUNS).bind(org).bind(below).bind(size).load(session),
        (Some(workflow), None) => {
            statement!(OPERATION, RUNS_OF_WORKFLOW).bind(org).bind(workflow).bind(below).bind(size).load(session)
        }
        (Some(workflow), Some(status)) if status.is_open() => {
            let query = statement!(OPERATION, RUNS_OF_WORKFLOW_OPEN).bind(org).bind(workflow);
            query.bind(status.as_str()).bind(below).bind(size).load(session)
        }
        (Some(workflow), Some(status)) if status != RunStatus::Completed => {
            let query = statement!(OPERATION, RUNS_OF_WORKFLOW_ENDED_EARLY).bind(org).bind(workflow);
            query.bind(status.as_str()).bind(below).bind(size).load(session)
        }
        (Some(workflow), Some(status)) => {
            let query = statement!(OPERATION, RUNS_OF_WORKFLOW_WITH_STATUS).bind(org).bind(workflow);
            query.bind(status.as_str()).bind(below).bind(size).load(session)
        }
        (None, Some(RunStatus::Completed)) => {
            statement!(OPERATION, RUNS_COMPLETED).bind(org).bind(below).bind(size).load(session)
        }
        (None, Some(status)) if status.is_open() => {
            let query = statement!(OPERATION, RUNS_OPEN).bind(org).bind(status.as_str());
            query.bind(below).bind(size).load(session)
        }
        (None, Some(status)) => {
            let query = statement!(OPERATION, RUNS_ENDED_EARLY).bind(org).bind(status.as_str());
            query.bind(below).bind(size).load(session)
        }
    }
}

impl Runs for SqliteSession<'_> {
    fn insert_run(&mut self, run: &Run) -> StoreResult<()> {
        const SQL: &str = "INSERT INTO runs (org_id, id, workflow_id, workflow_name, version, event, transaction_id, input, \
                     replay_of, parent_id, depth, output, status, position, steps, pending, error, created_at, started_at, finished_at, due_at, held, rev, \
                     lane, lane_limit, lane_place) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        let (lane, limit, place) = lanes::columns(run);
        statement!("storing a run", SQL)
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
            .bind(run.due_at)
            .bind(i64::from(run.held))
            .bind(run.rev)
            .bind(lane)
            .bind(limit)
            .bind(place)
            .execute(self)?;
        Ok(())
    }

    fn run(&mut self, org: Id, id: Id) -> StoreResult<Option<Run>> {
        let row: Option<RunRow> = statement!("reading a run", RUN_BY_ID).bind(org).bind(id).first(self)?;
        row.map(|row| row.record(org)).transpose()
    }

    fn runs(&mut self, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<Run>> {
        read_runs(self, org, filter, page)?.into_iter().map(|row| row.record(org)).collect()
    }

    fn update_run(&mut self, run: &mut Run) -> StoreResult<()> {
        const SQL: &str = "UPDATE runs SET output = ?, status = ?, position = ?, steps = ?, pending = ?, error = ?, started_at = ?, \
                     finished_at = ?, due_at = ?, held = ?, rev = ?, lane_place = ? \
                   WHERE org_id = ? AND id = ? AND rev = ?";
        let (_, _, place) = lanes::columns(run);
        let changed = statement!("writing a run", SQL)
            .bind(run.output.as_ref().map(to_json))
            .bind(run.status.as_str())
            .bind(&run.position)
            .bind(run.steps)
            .bind(run.pending.as_ref().map(to_json))
            .bind(run.error.as_ref().map(to_json))
            .bind(run.started_at)
            .bind(run.finished_at)
            .bind(run.due_at)
            .bind(i64::from(run.held))
            .bind(run.rev + 1)
            .bind(place)
            .bind(run.org)
            .bind(run.id)
            .bind(run.rev)
            .execute(self)?;
        if changed == 0 {
            return Err(StoreError::Fenced);
        }
        run.rev += 1;
        Ok(())
    }

    fn claim_runs(&mut self, now: Timestamp, size: i64) -> StoreResult<Vec<Claim>> {
        const DUE: &str = "SELECT org_id, id, due_at, rev FROM runs WHERE due_at IS NOT NULL AND due_at <= ? AND held = 0 \
                           ORDER BY due_at, id LIMIT ?";
        const CLAIM: &str = "UPDATE runs SET held = 1, rev = rev + 1 WHERE org_id = ? AND id = ?";
        let due: Vec<DueRow> = statement!("reading the runs that are due", DUE).bind(now).bind(size).load(self)?;
        for row in &due {
            statement!("claiming a run", CLAIM).bind(row.org_id).bind(row.id).execute(self)?;
        }
        Ok(due.into_iter().map(|row| Claim { org: row.org_id, run: row.id, rev: row.rev + 1 }).collect())
    }

    fn next_due(&mut self, now: Timestamp) -> StoreResult<Option<Timestamp>> {
        const SQL: &str = "SELECT min(due_at) AS due_at FROM runs WHERE due_at IS NOT NULL AND due_at > ? AND held = 0";
        let row: Option<NextDueRow> = statement!("reading when the next run is due", SQL).bind(now).first(self)?;
        Ok(row.and_then(|row| row.due_at))
    }

    fn release_runs(&mut self, now: Timestamp) -> StoreResult<usize> {
        const SQL: &str = "UPDATE runs SET held = 0, due_at = min(due_at, ?), rev = rev + 1 \
                           WHERE due_at IS NOT NULL AND held = 1";
        statement!("releasing runs", SQL).bind(now).execute(self)
    }

    fn append_log(&mut self, org: Id, run: Id, segment: i64, entries: &str) -> StoreResult<()> {
        const PLAIN: &str = "INSERT INTO step_log (org_id, run_id, segment, entries) VALUES (?, ?, ?, ?)";
        const PACKED: &str = "INSERT INTO step_log (org_id, run_id, segment, entries, packed) VALUES (?, ?, ?, '', ?)";
        const OPERATION: &str = "writing the step log";
        match pack(entries) {
            Some(packed) => {
                statement!(OPERATION, PACKED).bind(org).bind(run).bind(segment).bind(&packed[..]).execute(self)?
            }
            None => statement!(OPERATION, PLAIN).bind(org).bind(run).bind(segment).bind(entries).execute(self)?,
        };
        Ok(())
    }

    fn log(&mut self, org: Id, run: Id) -> StoreResult<Vec<String>> {
        const SQL: &str = "SELECT entries, packed FROM step_log WHERE org_id = ? AND run_id = ? ORDER BY segment";
        let rows: Vec<SegmentRow> = statement!("reading the step log", SQL).bind(org).bind(run).load(self)?;
        let text = |row: SegmentRow| row.packed.map_or(Ok(row.entries), |packed| unpack(&packed));
        rows.into_iter().map(text).collect()
    }
}
