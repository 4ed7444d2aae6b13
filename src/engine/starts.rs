//! The runs that a stretch of a run starts.

use super::lanes::is_within_a_turn;
use crate::actions::Effects;
use crate::events::{Cause, InForce, insert, raise};
use crate::store::{Run, Session, StoreResult, Turn};

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
