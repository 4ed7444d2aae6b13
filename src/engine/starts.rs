//! Starts the runs that a stretch of a run asked for.

use super::ending::wake_others;
use super::lanes::is_within_a_turn;
use super::step::Executed;
use super::stretch::Stretch;
use crate::actions::{Effects, EffectsMark, StepFailure};
use crate::events::{DESCENDANTS_MAX, InForce, dispatch};
use crate::store::{Run, RunError, Session, StoreResult, Turn};

impl<'a> Stretch<'a> {
    /// Counts the runs that a step starts, those since `mark`, against the budget of their root. If they exceed it,
    /// none starts, and the run must fail at the step, whatever its error cases say.
    pub(super) fn check_budget(&mut self, executed: &Executed<'a>, mark: EffectsMark) -> StoreResult<Option<RunError>> {
        let count = i64::try_from(self.effects.count_runs(mark, self.in_force)).unwrap_or(i64::MAX);
        let (org, root) = (self.run.org, self.run.root());
        if count == 0 || self.session.count_descendants(org, root, count, DESCENDANTS_MAX)? {
            return Ok(None);
        }
        self.effects.truncate(mark);
        let message = format!(
            "with the runs that this step starts, more than {DESCENDANTS_MAX} would descend from one cause ({root}), which is \
             the limit; does a workflow start itself over and over?"
        );
        let failure = StepFailure::new("run_budget_exceeded", message);
        Ok(Some(self.run_error(&failure, &executed.step.id, executed.step.action.as_deref())))
    }
}

/// Starts the runs that a stretch of `run` asked for. Returns whether there are any.
pub(super) fn start_others(
    session: &mut dyn Session,
    in_force: &InForce,
    run: &Run,
    effects: Effects,
) -> StoreResult<bool> {
    let mut started = Vec::new();
    for start in effects.starts {
        started.push(start.write_prepared(session, |session, child| {
            if is_within_a_turn(session, run, child)? {
                child.lane.iter_mut().for_each(|lane| lane.turn = Turn::Has);
            }
            Ok(())
        })?);
    }
    for event in effects.events {
        started.extend(dispatch(session, in_force, event)?.runs);
    }
    // A run that is too deep to begin has ended: wake the step that waits for it.
    for ended in started.iter().filter(|run| !run.status.is_open()) {
        wake_others(session, ended)?;
    }
    Ok(!started.is_empty())
}
