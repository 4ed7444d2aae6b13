//! Steps that wait for a time, or for another run.

use std::time::Duration;

use serde_json::{Value, json};

use super::advance::Next;
use super::lanes::{TURN_EVERY, free_from_circle};
use super::pending::Pending;
use super::stretch::{Executed, Stretch, seed};
use crate::actions::Failure;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::outbound::Retry;
use crate::store::{RunStatus, StoreResult};

/// How often a run that waits for another one looks by itself; it is woken when that one ends.
const CHILD_EVERY: Duration = Duration::from_secs(3_600);

impl<'a> Stretch<'a> {
    /// Leaves the step until a time comes; then it completes with `output`.
    pub(super) fn wait(&mut self, executed: Executed<'a>, until: Timestamp, output: Value) -> Next {
        let pending = Pending { output: Some(output), ..self.pending(executed) };
        self.park(pending, RunStatus::Waiting, until);
        Next::Sleep(until)
    }

    /// Leaves the step until the run that it started has ended.
    pub(super) fn wait_for_child(&mut self, executed: Executed<'a>, child: Id) -> Next {
        let pending = Pending { child: Some(child), ..self.pending(executed) };
        let may_wait = self.effects.runs.iter().any(|run| run.id == child && run.lane.is_some());
        self.park_for_child(pending, may_wait)
    }

    /// A child that waits for its turn is looked after sooner, but ever more rarely.
    fn park_for_child(&mut self, pending: Pending, may_wait: bool) -> Next {
        let now = self.session.now();
        let waited = now.since(pending.started_at).clamp(TURN_EVERY, CHILD_EVERY);
        let due_at = now + if may_wait { waited } else { CHILD_EVERY };
        self.park(pending, RunStatus::Waiting, due_at);
        Next::Sleep(due_at)
    }

    /// Goes on with a step that waited for its time.
    pub(super) fn waited(&mut self, mut pending: Pending) -> Option<Next> {
        if let Some(due_at) = self.run.due_at.filter(|due_at| *due_at > self.session.now()) {
            self.park(pending, RunStatus::Waiting, due_at);
            return Some(Next::Sleep(due_at));
        }
        let output = pending.output.take().unwrap_or_default();
        match self.executed(pending) {
            Some(executed) => self.finish(executed, output),
            None => Some(self.fail(None, unknown_step())),
        }
    }

    /// Goes on with a step that waited for another run, if that one has ended.
    pub(super) fn child_ended(&mut self, pending: Pending, child: Id) -> StoreResult<Option<Next>> {
        let found = self.session.run(self.run.org, child)?;
        if let Some(child) = found.as_ref().filter(|run| run.status.is_open()) {
            free_from_circle(self.session, self.run, child)?;
            return Ok(Some(self.park_for_child(pending, child.waits_in_lane())));
        }
        let Some(executed) = self.executed(pending) else { return Ok(Some(self.fail(None, unknown_step()))) };
        Ok(match found {
            Some(run) if run.status == RunStatus::Completed => {
                let output = json!({ "run": run.id, "workflow": run.workflow_name, "response": run.output });
                self.finish(executed, output)
            }
            Some(run) => {
                let reason = run.error.map(|error| format!(": {}", error.message)).unwrap_or_default();
                let message = format!("the run {child} of `{}` has {}{reason}", run.workflow_name, run.status);
                self.finish_failed(executed, Failure::new("workflow_failed", message))
            }
            None => self.finish_failed(executed, Failure::new("workflow_failed", format!("the run {child} is gone"))),
        })
    }

    /// A step that is left, with nothing yet to wait for.
    pub(super) fn pending(&self, executed: Executed<'a>) -> Pending {
        Pending {
            step: executed.step.id.clone(),
            action: executed.step.action.clone().unwrap_or_default(),
            input: executed.input,
            notes: executed.notes,
            started_at: executed.started_at,
            effect: None,
            retry: Retry::default(),
            attempts_before: 0,
            output: None,
            child: None,
            batch: None,
            attempts: executed.attempts,
            in_flight: false,
            attempt_started_at: executed.started_at,
        }
    }

    /// The step that waited, as it was when it was left.
    pub(super) fn executed(&mut self, pending: Pending) -> Option<Executed<'a>> {
        let workflow = self.loaded.workflow;
        self.loaded.scope.set_moment(self.session.now(), seed(self.run.id, &pending.step));
        Some(Executed {
            step: workflow.step(workflow.step_index(&pending.step)?),
            input: pending.input,
            attempts: pending.attempts,
            notes: pending.notes,
            started_at: pending.started_at,
        })
    }

    /// What a callable workflow answers.
    pub(super) fn answer(&mut self) -> Result<Option<Value>, Failure> {
        let Some(response) = &self.loaded.workflow.response else {
            return Ok(self.last.and_then(|step| self.loaded.scope.step(step)).cloned());
        };
        let answer = response.resolve(self.loaded.scope, "/response/value", &mut Vec::new());
        answer.map_err(|error| Failure::new("expression_failed", error.to_string()))
    }
}

pub(super) fn unknown_step() -> Failure {
    Failure::new("unknown_step", "the step that waited is not in the workflow")
}
