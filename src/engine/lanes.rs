//! Runs of a lane that wait for each other.
//!
//! A run keeps its turn until it ends, even while it waits for a run that it called. If a run of the same lane waits
//! for a run, directly or through others, that run therefore gets a turn within the waiting run's, or both would wait
//! for ever. Two workflows that call each other can still block each other: each has its lane's turn and waits for a
//! run that waits for the other's turn. A run that waits for such a run finds this out after a while, and gives it a
//! turn.
//!
//! Limit: a circle of more than [`CIRCLE_MAX`] runs is not found.

use std::collections::HashSet;
use std::time::Duration;

use super::pending::awaited_runs;
use crate::base::id::Id;
use crate::store::{Run, Session, StoreError, StoreResult, Turn};

/// How soon a run checks whether the run that it waits for can ever get a turn.
pub(super) const TURN_EVERY: Duration = Duration::from_secs(10);
/// The most runs read to find a circle.
const CIRCLE_MAX: usize = 200;

/// Whether `child`, which `run` starts, runs within the turn of a run that waits for it: `run`, or one that waits for
/// `run`.
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

/// Gives `child`, which `run` waits for, a turn if it would never get one, because all runs that it waits for wait for
/// `run`.
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
        // The run has just got its turn, or was cancelled.
        Ok(()) | Err(StoreError::Fenced) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Whether a run only waits for runs that only wait, and so on. Adds these runs to `seen`.
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
