//! How runs end that no step ends, and what the end of a run means to others.

use super::entry::{Entry, Segment};
use super::pending::{Pending, awaited_runs};
use super::stretch::append;
use crate::base::id::Id;
use crate::expr::Secrets;
use crate::store::{Ending, Run, RunError, RunStatus, Session, StoreError, StoreResult};

/// How often a run tries to wake the one that waits for it, if that is being changed.
const WAKE_TRIES: usize = 5;

/// What cancelling a run came to.
#[derive(Debug, PartialEq)]
pub enum Cancelled {
    /// There is no such run.
    Missing,
    /// It had ended already, like this.
    Ended(RunStatus),
    /// It is cancelled.
    Now(Box<Run>),
}

/// Ends an open run on request. The call under way, if there is one, is logged as cancelled; whether it still reaches its
/// receiver is open.
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
        // What was stored of it is masked already.
        entries.push(&entry, &Secrets::default());
    }
    let segment = run.rev;
    run.end(Ending::Cancelled, now);
    session.update_run(&mut run)?;
    append(entries, &run, segment, session)?;
    wake_others(session, &run)?;
    Ok(Cancelled::Now(Box::new(run)))
}

/// Marks an open run as failed, whatever it was doing, unless another process has it by now.
pub(super) fn fail_run(session: &mut dyn Session, org: Id, id: Id, rev: i64, message: &str) -> StoreResult<()> {
    let ours = |run: &Run| run.status.is_open() && run.rev == rev;
    let Some(mut run) = session.run(org, id)?.filter(ours) else { return Ok(()) };
    let error = RunError { step: run.position.take(), ..RunError::engine(message) };
    run.end(Ending::Failed(error), session.now());
    session.update_run(&mut run)?;
    wake_others(session, &run).map(|_| ())
}

/// Does what the end of a run means to others: the run that waits for it goes on, and the next in its lane gets its turn.
/// Whether there are any.
pub(super) fn wake_others(session: &mut dyn Session, run: &Run) -> StoreResult<bool> {
    let moved = match &run.lane {
        Some(lane) => session.move_lane(run.org, &lane.id)?,
        None => false,
    };
    Ok(wake_parent(session, run)? || moved)
}

/// Makes the run due that waits for this one, which has ended; whether there is one.
fn wake_parent(session: &mut dyn Session, run: &Run) -> StoreResult<bool> {
    let Some(parent) = run.parent else { return Ok(false) };
    let awaits = |parent: &Run| parent.status.is_open() && awaited_runs(parent).contains(&run.id);
    for _ in 0..WAKE_TRIES {
        let Some(mut parent) = session.run(run.org, parent)?.filter(awaits) else { return Ok(false) };
        parent.due_at = Some(session.now());
        parent.held = false;
        match session.update_run(&mut parent) {
            Ok(()) => return Ok(true),
            // Another process has changed it meanwhile, and may have looked at this run before it had ended.
            Err(StoreError::Fenced) => {}
            Err(error) => return Err(error),
        }
    }
    // Then it is changed so often that it looks again soon.
    Ok(true)
}
