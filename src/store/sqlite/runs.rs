//! Runs and their logs in SQLite.

use serde_json::Value;

use super::SqliteSession;
use super::packed::{compress, pack, unpack};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::records::{Lane, Page, Run, RunError, RunFilter, RunStatus};
use crate::store::session::{Claim, Runs};
use crate::store::sql::Sql;
use crate::store::sql::cell::Apart;
use crate::store::sql::lanes;
use crate::store::sql::lists::List;
use crate::store::sql::runs::{bind_filter, bind_page, run_columns};
use crate::store::sql::statement::statement;
use crate::store::sql::table::columns;
use crate::store::{StoreError, StoreResult};

/// The segment of a run's first stretch.
const FIRST_SEGMENT: i64 = 0;

run_columns! {
    /// All runs. Those that have ended have no `due_at`.
    runs, insert(run, lane: lanes::LaneColumns<'a>, log: Option<&'a [u8]>) {
        #[changes] due_at: Option<Timestamp> = run.due_at,
        #[changes] held: bool = &run.held,
        lane: Option<String> = lane.0,
        lane_limit: Option<i64> = lane.1,
        #[changes] lane_place: Option<i64> = lane.2,
        // The first segment of the log, packed, if the run was inserted after its end.
        log: Apart<Vec<u8>> = log,
    }
}

columns! {
    /// The step entries of runs, except those that are stored with the run. Where they are packed, `entries` is empty.
    step_log (org_id, run_id, segment),
    insert(org: Id, run: Id, segment: i64, entries: &'a str, packed: Option<&'a [u8]>) {
        org_id: Id = org,
        run_id: Id = run,
        segment: i64 = segment,
        entries: String = entries,
        packed: Option<Vec<u8>> = packed,
    }
}

fn record(mut row: runs::Row) -> Run {
    let lane = lanes::lane(row.due_at, row.lane.take(), row.lane_limit, row.lane_place);
    let (due_at, held) = (row.due_at, row.held);
    row.record(due_at, held, lane)
}

/// Reads a page of runs along the list or the index that fits the filter.
fn read_runs(session: &mut SqliteSession<'_>, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<runs::Row>> {
    const LISTED: &str = " AND id > ? AND id < ? ORDER BY id DESC LIMIT ?";
    const ALL: &str = " WHERE org_id = ?";
    const OF_WORKFLOW: &str = " WHERE org_id = ? AND workflow_id = ?";
    const STATUS: &str = " AND status = ?";
    const ENDED_EARLY: &str = " AND status = ? AND status IN ('failed', 'cancelled')";
    // There are few open runs: read them from their own small index and sort them.
    const OPEN: &str = " INDEXED BY runs_due WHERE org_id = ? AND status = ? AND due_at IS NOT NULL";
    const OPEN_OF_WORKFLOW: &str =
        " INDEXED BY runs_due WHERE org_id = ? AND workflow_id = ? AND status = ? AND due_at IS NOT NULL";
    macro_rules! read {
        ($($condition:expr),+) => {{
            let read = statement!("reading the runs", runs::SELECT, $($condition),+, " AND id < ? ORDER BY id DESC LIMIT ?");
            bind_page(read, org, filter, page).load(session)
        }};
    }
    macro_rules! list {
        ($($condition:expr),+) => {{
            let list = filter.workflow.map_or(List::RunsOfOrg, List::RunsOfWorkflow);
            session.load_list(list, org, page.into(), |bounds| {
                bounds.bind(bind_filter(statement!("reading the runs", runs::SELECT, $($condition),+, LISTED), org, filter))
            })
        }};
    }
    match (filter.workflow, filter.status) {
        (None, None) => list!(ALL),
        (None, Some(RunStatus::Completed)) => list!(ALL, STATUS),
        (None, Some(status)) if status.is_open() => read!(OPEN),
        (None, Some(_)) => read!(ALL, ENDED_EARLY),
        (Some(_), None) => list!(OF_WORKFLOW),
        (Some(_), Some(RunStatus::Completed)) => list!(OF_WORKFLOW, STATUS),
        (Some(_), Some(status)) if status.is_open() => read!(OPEN_OF_WORKFLOW),
        (Some(_), Some(_)) => read!(OF_WORKFLOW, ENDED_EARLY),
    }
}

fn insert(session: &mut SqliteSession<'_>, run: &Run, log: Option<&[u8]>) -> StoreResult<()> {
    runs::insert("storing a run", run, lanes::columns(run), log).execute(session)?;
    session.enter(List::RunsOfOrg, run.org, run.id)?;
    session.enter(List::RunsOfWorkflow(run.workflow), run.org, run.id)
}

impl Runs for SqliteSession<'_> {
    fn insert_run(&mut self, run: &Run) -> StoreResult<()> {
        insert(self, run, None)
    }

    fn insert_run_with_log(&mut self, run: &Run, segment: i64, entries: &str) -> StoreResult<()> {
        // Most runs end before they are stored, and this saves a row for each. The row of an open run is written again.
        if run.due_at.is_some() || segment != FIRST_SEGMENT {
            self.insert_run(run)?;
            return self.append_log(run.org, run.id, segment, entries);
        }
        insert(self, run, Some(&compress(entries)))
    }

    fn run(&mut self, org: Id, id: Id) -> StoreResult<Option<Run>> {
        let read = statement!("reading a run", runs::SELECT, " WHERE org_id = ? AND id = ?").bind(org).bind(id);
        Ok(read.first(self)?.map(record))
    }

    fn hold_run(&mut self, org: Id, id: Id) -> StoreResult<Option<Run>> {
        // There are no other transactions that write.
        Ok(self.run(org, id)?.filter(|run| run.status.is_open()))
    }

    fn runs(&mut self, org: Id, filter: &RunFilter, page: Page) -> StoreResult<Vec<Run>> {
        Ok(read_runs(self, org, filter, page)?.into_iter().map(record).collect())
    }

    fn update_run(&mut self, run: &mut Run) -> StoreResult<()> {
        const UNLESS_FENCED: &str = ", rev = rev + 1 WHERE org_id = ? AND id = ? AND rev = ?";
        let update = statement!("writing a run", runs::UPDATE, UNLESS_FENCED);
        let update = runs::bind_changes(update, run, lanes::columns(run), None).bind(run.org).bind(run.id);
        if update.bind(run.rev).execute(self)? == 0 {
            return Err(StoreError::Fenced);
        }
        run.rev += 1;
        Ok(())
    }

    fn claim_runs(&mut self, now: Timestamp, size: i64) -> StoreResult<Vec<Claim>> {
        const DUE: &str = "SELECT org_id, id, rev FROM runs WHERE due_at IS NOT NULL AND due_at <= ? AND held = 0 \
                           ORDER BY due_at, id LIMIT ?";
        const CLAIM: &str = "UPDATE runs SET held = 1, rev = rev + 1 WHERE org_id = ? AND id = ?";
        let due: Vec<(Id, Id, i64)> =
            statement!("reading the runs that are due", DUE).bind(now).bind(size).load(self)?;
        for (org, run, _) in &due {
            statement!("claiming a run", CLAIM).bind(org).bind(run).execute(self)?;
        }
        Ok(due.into_iter().map(|(org, run, rev)| Claim { org, run, rev: rev + 1 }).collect())
    }

    fn next_due(&mut self, now: Timestamp) -> StoreResult<Option<Timestamp>> {
        const SQL: &str = "SELECT min(due_at) FROM runs WHERE due_at IS NOT NULL AND due_at > ? AND held = 0";
        let next: Option<Option<Timestamp>> =
            statement!("reading when the next run is due", SQL).bind(now).first(self)?;
        Ok(next.flatten())
    }

    fn release_runs(&mut self, now: Timestamp) -> StoreResult<usize> {
        const SQL: &str = "UPDATE runs SET held = 0, due_at = min(due_at, ?), rev = rev + 1 \
                           WHERE due_at IS NOT NULL AND held = 1";
        statement!("releasing runs", SQL).bind(now).execute(self)
    }

    fn append_log(&mut self, org: Id, run: Id, segment: i64, entries: &str) -> StoreResult<()> {
        let packed = pack(entries);
        let entries = if packed.is_some() { "" } else { entries };
        step_log::insert("writing the step log", org, run, segment, entries, packed.as_deref()).execute(self)?;
        Ok(())
    }

    fn log(&mut self, org: Id, run: Id) -> StoreResult<Vec<String>> {
        const FIRST: &str = "SELECT log FROM runs WHERE org_id = ? AND id = ? AND log IS NOT NULL";
        const OTHERS: &str = "SELECT entries, packed FROM step_log WHERE org_id = ? AND run_id = ? ORDER BY segment";
        let first: Vec<Vec<u8>> = statement!("reading the step log", FIRST).bind(org).bind(run).load(self)?;
        let others: Vec<(String, Option<Vec<u8>>)> =
            statement!("reading the step log", OTHERS).bind(org).bind(run).load(self)?;
        let others = others.into_iter().map(|(entries, packed)| packed.map_or(Ok(entries), |packed| unpack(&packed)));
        first.iter().map(|log| unpack(log)).chain(others).collect()
    }
}
