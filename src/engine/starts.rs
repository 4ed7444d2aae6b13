//! What a stretch of a run does to other runs: those that it starts, and the one that waits for it.

use serde_json::Value;

use super::lanes::is_within_a_turn;
use crate::actions::Effects;
use crate::base::id::Id;
use crate::events::{Cause, InForce, insert, raise};
use crate::store::{Run, Session, StoreError, StoreResult, Turn};

/// Writes what a stretch of a run does to other runs; whether there are any to be taken now.
pub(super) fn start_others(
    session: &mut dyn Session,
    in_force: &InForce,
    run: &Run,
    effects: Effects,
) -> StoreResult<bool> {
    let mut started = effects.runs.len();
    for mut child in effects.runs {
        if is_within_a_turn(session, run, &child)? {
            child.lane.iter_mut().for_each(|lane| lane.turn = Turn::Has);
        }
        insert(session, &mut child)?;
    }
    for (event, payload) in effects.events {
        started += raise(session, in_force, Cause::of(run), &event, &payload)?;
    }
    Ok(started > 0)
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
pub(super) fn waits_for(pending: &Value, run: Id) -> bool {
    awaited(pending).contains(&run)
}

/// The runs that a pending step waits for.
pub(super) fn awaited(pending: &Value) -> Vec<Id> {
    let id = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    let running = pending.pointer("/batch/running").and_then(Value::as_array).into_iter().flatten();
    running.filter_map(|pair| pair.get(1)).chain(pending.get("child")).filter_map(id).collect()
}
