//! Scheduled workflows: their next due times, and one run for each due time.
//!
//! The database stores the next due time of each scheduled workflow in effect. The process that finds it due starts the
//! run and advances the due time in one transaction; if several find it at once, one succeeds. So a due time has one
//! run, across restarts and nodes. [`crate::workflow::Schedule::meet`] decides what to catch up on after a downtime.
//!
//! A schedule whose run can't be made, such as that of a workflow that this version can't compile, delays no other: it
//! stays due and is tried again at the next look.
//!
//! Limits: reads [`BATCH`] due workflows at a time, and none while no workflow has a schedule.

use std::collections::HashSet;
use std::time::Duration;

use serde_json::{Value, json};

use super::Catalog;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::engine::{EngineHandle, Programs};
use crate::events::{Cause, Event, Listener, Start};
use crate::store::{Run, ScheduleRecord, Session, Status, Store, StoreError, StoreResult, WorkflowRecord};
use crate::workflow::Schedule;

/// The most due workflows read at a time.
const BATCH: i64 = 64;

/// Updates the stored due time of a workflow to its current version. Call it in every transaction that changes the
/// version or the status. The due time is kept unless the schedule changed.
pub fn settle(session: &mut dyn Session, workflow: &WorkflowRecord) -> StoreResult<()> {
    let schedule = Schedule::of(&workflow.document).filter(|_| workflow.status == Status::Enabled);
    let stored = session.schedule(workflow.org, workflow.id)?;
    let Some(schedule) = schedule else {
        return match stored {
            Some(_) => session.delete_schedule(workflow.org, workflow.id),
            None => Ok(()),
        };
    };
    let rule = schedule.to_string();
    if stored.as_ref().is_some_and(|stored| stored.rule == rule) {
        return Ok(());
    }
    let due_at = schedule.next_after(session.now()).unwrap_or(Timestamp::NEVER);
    let last_at = stored.and_then(|stored| stored.last_at);
    session.put_schedule(&ScheduleRecord { org: workflow.org, workflow: workflow.id, rule, due_at, last_at })
}

/// The next due times of the workflow, according to its document.
pub fn upcoming(workflow: &WorkflowRecord, now: Timestamp, count: usize) -> Vec<Timestamp> {
    let schedule = Schedule::of(&workflow.document).filter(|_| workflow.status == Status::Enabled);
    schedule.map(|schedule| schedule.upcoming(now, count)).unwrap_or_default()
}

/// The event that the schedule of a workflow raises.
pub fn event(workflow_name: &str) -> String {
    format!("workflow.{workflow_name}.schedule")
}

/// The payload of that event: the due time, when its run was started, how many due times were missed before, and the
/// next.
pub fn payload(at: Timestamp, now: Timestamp, missed: u64, next: Option<Timestamp>) -> Value {
    json!({ "scheduledAt": at, "firedAt": now, "missed": missed, "nextAt": next })
}

/// Starts the run for a due time that is not after `now`, and advances the schedule. `None` if another process was
/// first, or if there is nothing to catch up on.
///
/// # Errors
/// Those of the store.
pub fn start_due(
    session: &mut dyn Session,
    programs: &Programs,
    found: &ScheduleRecord,
    now: Timestamp,
) -> StoreResult<Option<Run>> {
    let ScheduleRecord { org, workflow, .. } = *found;
    let Some(record) = session.workflow(org, workflow)?.filter(|record| record.status == Status::Enabled) else {
        return Ok(None);
    };
    let program = programs.get(session, org, workflow, record.version)?;
    let Some(schedule) = &program.trigger.schedule else { return Ok(None) };
    let due = schedule.meet(found.due_at, now);
    let moved = ScheduleRecord {
        due_at: due.next.unwrap_or(Timestamp::NEVER),
        last_at: due.at.or(found.last_at),
        ..found.clone()
    };
    if !session.move_schedule(found.due_at, &moved)? {
        return Ok(None);
    }
    let Some(at) = due.at else { return Ok(None) };
    let name = event(&record.name);
    let event = Event::new(org, name.as_str(), payload(at, now, due.missed, due.next), Cause::Outside, now);
    let listener = Listener { workflow, version: record.version, event: name, program: program.clone() };
    Start::new(event, &listener).write(session).map(Some)
}

/// Why the runs of some schedules could not be made, although they are due.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{count} of the due schedules could not start their runs; the first, that of workflow {workflow}")]
    Starts { count: usize, workflow: Id, source: StoreError },
}

/// Starts the due runs. Returns the time until the next one, if known.
///
/// # Errors
/// Those of the store. If it is only about some of the schedules, the runs of all others have been made.
pub async fn look(store: &Store, catalog: &Catalog, engine: &EngineHandle) -> Result<Option<Duration>, LookError> {
    if !catalog.in_force().has_schedules() {
        return Ok(None);
    }
    let now = Timestamp::now();
    let (mut stuck, mut failures) = (HashSet::new(), Vec::new());
    let next_at = loop {
        // Those that are stuck are still due, and come first.
        let size = BATCH + stuck.len() as i64;
        let next = store.read(move |session| session.next_schedules(size)).await?;
        let next_at = next.iter().map(|found| found.due_at).find(|due_at| *due_at > now);
        let is_due = |found: &ScheduleRecord| found.due_at <= now && !stuck.contains(&found.workflow);
        let due: Vec<ScheduleRecord> = next.into_iter().filter(is_due).collect();
        if due.is_empty() {
            break next_at;
        }
        for found in due {
            let (workflow, programs) = (found.workflow, catalog.programs().clone());
            match store.write(move |session| start_due(session, &programs, &found, now)).await {
                Ok(Some(run)) => {
                    log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(); "run by schedule");
                    engine.look();
                }
                // It was moved on without a run, or is none of a workflow in force.
                Ok(None) => drop(stuck.insert(workflow)),
                Err(error) if error.concerns_the_work() => {
                    stuck.insert(workflow);
                    failures.push((workflow, error));
                }
                Err(error) => return Err(error.into()),
            }
        }
    };
    let count = failures.len();
    match failures.into_iter().next() {
        Some((workflow, source)) => Err(LookError::Starts { count, workflow, source }),
        None => Ok(next_at.map(|next_at| next_at.since(Timestamp::now()))),
    }
}
