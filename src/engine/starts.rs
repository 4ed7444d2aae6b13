//! What a stretch of a run does to other runs: those that it starts, and the one that waits for it.

use serde_json::Value;

use crate::actions::Effects;
use crate::id::Id;
use crate::starts::{Cause, InForce, raise};
use crate::store::{Run, Session, StoreError, StoreResult};

/// Writes what a stretch of a run does to other runs; whether there are any to be taken now.
pub(super) fn start_others(
    session: &mut dyn Session,
    in_force: &dyn InForce,
    run: &Run,
    effects: Effects,
) -> StoreResult<bool> {
    let mut started = effects.runs.len();
    effects.runs.iter().try_for_each(|run| session.insert_run(run))?;
    for (event, payload) in effects.events {
        started += raise(session, in_force, Cause::of(run), &event, &payload)?;
    }
    Ok(started > 0)
}

/// Makes the run due that waits for this one, which has ended; whether there is one.
pub(super) fn wake_parent(session: &mut dyn Session, run: &Run) -> StoreResult<bool> {
    let Some(parent) = run.parent else { return Ok(false) };
    let Some(mut parent) = session.run(run.org, parent)? else { return Ok(false) };
    if !parent.status.is_open() || !parent.pending.as_ref().is_some_and(|pending| waits_for(pending, run.id)) {
        return Ok(false);
    }
    parent.due_at = Some(session.now());
    parent.held = false;
    match session.update_run(&mut parent) {
        // Somebody else is changing it at this moment: another run that it waited for, or itself. It looks again.
        Ok(()) | Err(StoreError::Fenced) => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether a pending step waits for this run.
fn waits_for(pending: &Value, run: Id) -> bool {
    let id = run.hex();
    let is_it = |value: Option<&Value>| value.and_then(Value::as_str) == Some(id.as_str());
    let running = pending.pointer("/batch/running").and_then(Value::as_array);
    is_it(pending.get("child")) || running.is_some_and(|running| running.iter().any(|pair| is_it(pair.get(1))))
}
