//! Ends runs on request or after an engine error, and wakes the runs that wait for an end.

use super::entry::{Entry, Segment};
use super::pending::{Pending, awaited_runs};
use super::stretch::append;
use crate::base::id::Id;
use crate::expr::Secrets;
use crate::store::{Ending, Run, RunError, RunStatus, Session, StoreResult};

/// The result of cancelling a run.
#[derive(Debug, PartialEq)]
pub enum Cancelled {
    /// The run does not exist.
    Missing,
    /// The run had already ended, with this status.
    Ended(RunStatus),
    /// The run is cancelled.
    Now(Box<Run>),
}

/// Cancels an open run. A call under way is logged as cancelled, but may still reach its receiver.
///
/// # Errors
/// Those of the store.
pub fn cancel(session: &mut dyn Session, org: Id, id: Id) -> StoreResult<Cancelled> {
    let Some(mut run) = session.run(org, id)? else { return Ok(Cancelled::Missing) };
    if !run.status.is_open() {
        return Ok(Cancelled::Ended(run.status));
    }
    let now = session.now();
    let mut entries = Segment::default();
    if let Some(pending) = Pending::take(&mut run)? {
        let entry = Entry {
            id: &pending.step,
            name: None,
            action: Some(&pending.action),
            status: "cancelled",
            input: &pending.input,
            output: None,
            error: None,
            attempts: &pending.attempts,
            started_at: pending.started_at,
            finished_at: now,
            transitions: &[],
            notes: &pending.notes,
        };
        // Stored values are masked already.
        entries.push(&entry, &Secrets::default());
    }
    let segment = run.rev;
    run.end(Ending::Cancelled, now);
    session.update_run(&mut run)?;
    append(entries.finish(), &run, segment, session)?;
    wake_others(session, &run)?;
    Ok(Cancelled::Now(Box::new(run)))
}

/// Marks an open run as failed, in any state, unless another process has it by now.
pub(super) fn fail_run(session: &mut dyn Session, org: Id, id: Id, rev: i64, message: &str) -> StoreResult<()> {
    let ours = |run: &Run| run.status.is_open() && run.rev == rev;
    let Some(mut run) = session.run(org, id)?.filter(ours) else { return Ok(()) };
    let error = RunError { step: run.position.take(), ..RunError::engine(message) };
    run.end(Ending::Failed(error), session.now());
    session.update_run(&mut run)?;
    wake_others(session, &run).map(|_| ())
}

/// Wakes the run that waits for this one, which has ended, and gives its lane's turn to the next run. Returns whether
/// there are any.
pub(super) fn wake_others(session: &mut dyn Session, run: &Run) -> StoreResult<bool> {
    let moved = match &run.lane {
        Some(lane) => session.move_lane(run.org, &lane.id)?,
        None => false,
    };
    Ok(wake_parent(session, run)? || moved)
}

/// Makes the run that waits for this one due. Returns whether there is one. Holds it first, so that the end is not missed
/// while another process changes that run.
fn wake_parent(session: &mut dyn Session, run: &Run) -> StoreResult<bool> {
    let Some(parent) = run.parent else { return Ok(false) };
    let awaits = |parent: &Run| awaited_runs(parent).contains(&run.id);
    let Some(mut parent) = session.hold_run(run.org, parent)?.filter(awaits) else { return Ok(false) };
    parent.due_at = Some(session.now());
    parent.held = false;
    session.update_run(&mut parent)?;
    Ok(true)
}
