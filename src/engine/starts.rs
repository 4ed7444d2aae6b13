//! What a stretch of a run does to other runs: those that it starts, and the one that waits for it.

use serde_json::Value;

use crate::actions::Effects;
use crate::starts::{Cause, InForce, raise};
use crate::store::{Run, Session, StoreResult};

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
    let waits = parent.pending.as_ref().and_then(|pending| pending.get("child")).and_then(Value::as_str);
    if waits != Some(run.id.hex().as_str()) || !parent.status.is_open() {
        return Ok(false);
    }
    parent.due_at = Some(session.now());
    parent.held = false;
    session.update_run(&mut parent)?;
    Ok(true)
}
