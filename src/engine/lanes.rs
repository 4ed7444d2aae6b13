//! Runs that take turns and wait for each other at the same time.
//!
//! A run has its turn until it ends, also while it waits for a run that it called. So that nobody waits for ever, a run that
//! is waited for by a run of its own lane, be it through others, has its turn within that one's. Workflows that call each
//! other can still come to stand in each other's way: each has its turn and waits for a run that waits for the turn of the
//! other. Who waits for such a run looks after a while, and then gives it its turn.
//!
//! Limits: a circle of more than [`CIRCLE_MAX`] runs is not found.

use std::collections::HashSet;
use std::time::Duration;

use super::pending::awaited_runs;
use crate::base::id::Id;
use crate::store::{Run, Session, StoreError, StoreResult, Turn};

/// How soon a run looks whether one that it waits for can get its turn at all.
pub(super) const TURN_EVERY: Duration = Duration::from_secs(10);
/// How many runs are looked at to find a circle.
const CIRCLE_MAX: usize = 200;

/// Whether a run that `run` starts belongs to the turn of a run that waits for it: of this one, or of one that waits for
/// this one.
pub(super) fn is_within_a_turn(session: &mut dyn Session, run: &Run, child: &Run) -> StoreResult<bool> {
    let Some(lane) = &child.lane else { return Ok(false) };
    let (mut waiting, mut awaited) = (run.clone(), child.id);
    loop {
        if !awaited_runs(&waiting).contains(&awaited) {
            return Ok(false);
        }
        if waiting.lane.as_ref().is_some_and(|own| own.id == lane.id) {
            return Ok(true);
        }
        let Some(parent) = waiting.parent else { return Ok(false) };
        let Some(parent) = session.run(run.org, parent)?.filter(|parent| parent.status.is_open()) else {
            return Ok(false);
        };
        awaited = std::mem::replace(&mut waiting, parent).id;
    }
}

/// Gives a run its turn that `run` waits for, if it would never get it: all that it waits for come to wait for `run`.
pub(super) fn free_from_circle(session: &mut dyn Session, run: &Run, child: &Run) -> StoreResult<()> {
    if !child.waits_in_lane() {
        return Ok(());
    }
    let mut seen = HashSet::new();
    if !is_stuck(session, child, &mut seen)? || !seen.contains(&run.id) {
        return Ok(());
    }
    let mut child = child.clone();
    child.lane.iter_mut().for_each(|lane| lane.turn = Turn::Has);
    child.due_at = Some(session.now());
    match session.update_run(&mut child) {
        // It has got its turn at this moment, or was cancelled.
        Ok(()) | Err(StoreError::Fenced) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a run does nothing but wait for runs that do nothing but wait, and so on; these are put into `seen`.
fn is_stuck(session: &mut dyn Session, run: &Run, seen: &mut HashSet<Id>) -> StoreResult<bool> {
    if !seen.insert(run.id) {
        return Ok(true);
    }
    let size = i64::try_from(CIRCLE_MAX).unwrap_or(i64::MAX);
    let others = match &run.lane {
        Some(lane) if run.waits_in_lane() => session.runs_going(run.org, &lane.id, size)?,
        _ => awaited_runs(run),
    };
    if others.is_empty() || seen.len() + others.len() > CIRCLE_MAX {
        return Ok(false);
    }
    for other in others {
        let Some(other) = session.run(run.org, other)?.filter(|other| other.status.is_open()) else { return Ok(false) };
        if !is_stuck(session, &other, seen)? {
            return Ok(false);
        }
    }
    Ok(true)
}
