//! Workflows that run by themselves: making a run for each due time, once.
//!
//! For each workflow in force that has a schedule the database keeps when it is due next. Whoever finds that it is due makes
//! the run and moves the due time on, in one transaction; of several processes that find the same, one succeeds. So a due
//! time has one run, over restarts and on several nodes. What is to be done after a time in which nobody was there is for
//! [`crate::workflow::Schedule::meet`] to say.
//!
//! Limits: the database is asked at least every [`POLL_EVERY`], for [`BATCH`] due workflows at a time, and not at all while
//! no workflow has a schedule.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::base::time::Timestamp;
use crate::catalog::Catalog;
use crate::engine::{EngineHandle, Programs};
use crate::events::{Cause, Listener, insert, started_run};
use crate::store::{Run, ScheduleRecord, Session, Status, Store, StoreResult, chain};

/// How often the database is asked at least: another process may have brought a schedule in force.
const POLL_EVERY: Duration = Duration::from_secs(1);
/// How many due workflows are read at a time.
const BATCH: i64 = 64;

/// The event that the schedule of a workflow raises.
pub fn event(workflow_name: &str) -> String {
    format!("workflow.{workflow_name}.schedule")
}

/// What a run finds that a schedule started: the due time, when it was met, how many due times passed before, and the next.
pub fn payload(at: Timestamp, now: Timestamp, missed: u64, next: Option<Timestamp>) -> Value {
    json!({ "scheduledAt": at, "firedAt": now, "missed": missed, "nextAt": next })
}

/// Makes the run for a due time that has come by `now`, and moves the schedule on. Nothing if somebody else was first, or if
/// no run is to be made up for.
pub fn meet(
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
    let event = event(&record.name);
    let listener = Listener { workflow, version: record.version, event, program: program.clone() };
    let payload = payload(at, now, due.missed, due.next);
    let mut run = started_run(Cause::outside(org), &listener, payload, now);
    insert(session, &mut run)?;
    Ok(Some(run))
}

/// Makes runs as they come due, until the process is stopped.
pub async fn keep(
    store: Store,
    programs: Programs,
    catalog: Catalog,
    engine: EngineHandle,
    mut stopping: watch::Receiver<bool>,
) {
    while !*stopping.borrow() {
        let pause = match meet_due(&store, &programs, &catalog, &engine).await {
            Ok(pause) => pause,
            Err(error) => {
                log::warn!(err:% = chain(&error); "schedules could not be looked at");
                POLL_EVERY
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = stopping.changed() => if changed.is_err() { return },
        }
    }
}

/// Makes the runs that are due; how long until the next may be.
async fn meet_due(
    store: &Store,
    programs: &Programs,
    catalog: &Catalog,
    engine: &EngineHandle,
) -> StoreResult<Duration> {
    if !catalog.in_force().has_schedules() {
        return Ok(POLL_EVERY);
    }
    let next = store.read(|session| session.next_schedules(BATCH)).await?;
    let now = Timestamp::now();
    let mut pause = POLL_EVERY;
    for found in next {
        if found.due_at > now {
            return Ok(pause.min(found.due_at.since(Timestamp::now())));
        }
        let programs = programs.clone();
        let made = store.write(move |session| meet(session, &programs, &found, now)).await?;
        let Some(run) = made else { continue };
        log::info!(run_id:% = run.id, workflow = run.workflow_name.as_str(); "run by schedule");
        engine.look();
        // It may be due again before the poll.
        pause = Duration::ZERO;
    }
    Ok(pause)
}
