//! When workflows with a schedule are due next, as the database keeps it for the keeper of schedules.

use crate::base::time::Timestamp;
use crate::store::{ScheduleRecord, Session, Status, StoreResult, WorkflowRecord};
use crate::workflow::Schedule;

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
