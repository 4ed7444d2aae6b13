//! Workflows that run by themselves: when each is due next, and one run for each due time.
//!
//! For each workflow in force that has a schedule the database keeps when it is due next. The process that finds it due
//! makes the run and moves the due time on, in one transaction; if several find it at once, one succeeds. So a due time
//! has one run, over restarts and on several nodes. [`crate::workflow::Schedule::meet`] says what to make up for after a
//! time without a server.
//!
//! Limits: the database is asked for [`BATCH`] due workflows at a time, and not at all while no workflow has a schedule.

use std::time::Duration;

use serde_json::{Value, json};

use super::Catalog;
use crate::base::time::Timestamp;
use crate::engine::{EngineHandle, Programs};
use crate::events::{Cause, Event, Listener, Start};
use crate::store::{Run, ScheduleRecord, Session, Status, Store, StoreResult, WorkflowRecord};
use crate::workflow::Schedule;

/// How many due workflows are read at a time.
const BATCH: i64 = 64;

/// Brings what is stored of a workflow's schedule in line with its version in force. To be called in every transaction that
/// changes which version that is, or whether it is enabled. A due time stays unless the schedule says something else now.
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

/// When the workflow runs next, as far as its document tells.
pub fn upcoming(workflow: &WorkflowRecord, now: Timestamp, count: usize) -> Vec<Timestamp> {
    let schedule = Schedule::of(&workflow.document).filter(|_| workflow.status == Status::Enabled);
    schedule.map(|schedule| schedule.upcoming(now, count)).unwrap_or_default()
}

/// The event that the schedule of a workflow raises.
pub fn event(workflow_name: &str) -> String {
    format!("workflow.{workflow_name}.schedule")
}

/// The payload of that event: the due time, when the run was made for it, how many due times passed before, and the next.
pub fn payload(at: Timestamp, now: Timestamp, missed: u64, next: Option<Timestamp>) -> Value {
    json!({ "scheduledAt": at, "firedAt": now, "missed": missed, "nextAt": next })
}

/// Makes the run for a due time that has come by `now`, and moves the schedule on. `None` if another process was first, or
/// if there is nothing to make up for.
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

/// Makes the runs that are due; how long until the next is, if one is known.
///
/// # Errors
/// Those of the store.
pub async fn look(store: &Store, catalog: &Catalog, engine: &EngineHandle) -> StoreResult<Option<Duration>> {
    if !catalog.in_force().has_schedules() {
        return Ok(None);
    }
    let next = store.read(|session| session.next_schedules(BATCH)).await?;
    let now = Timestamp::now();
    let mut pause = None;
    for found in next {
        if found.due_at > now {
            return Ok(pause.or(Some(found.due_at.since(Timestamp::now()))));
        }
        let programs = catalog.programs().clone();
        let started = store.write(move |session| start_due(session, &programs, &found, now)).await?;
        let Some(run) = started else { continue };
        log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(); "run by schedule");
        engine.look();
        // It may be due again at once.
        pause = Some(Duration::ZERO);
    }
    Ok(pause)
}
