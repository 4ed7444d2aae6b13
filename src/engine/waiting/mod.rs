//! Waiting steps: how a run stops at one, and how it continues.
//!
//! A waiting step stores what it waits for ([`Waiting`]) with the run, and the latest time at which the run checks
//! again. Anything that makes the run due earlier is a hint: the run checks whether it can continue, and waits again if
//! it can't. External calls are in [`call`], the runs of a `for-each` in [`batch`].
//!
//! Stored values show no secrets: what the log shows is masked, and an effect with secrets is encrypted as a whole.

mod batch;
mod call;

use std::time::Duration;

use serde_json::{Value, json};

use super::advance::{Input, Next};
use super::lanes::{TURN_EVERY, free_from_circle};
use super::pending::{Pending, Waiting};
use super::step::Executed;
use super::stretch::{Stretch, seed};
use crate::actions::StepFailure;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::{RunStatus, StoreError, StoreResult};

/// How often a run that waits for another one checks by itself. Usually, the other run's end wakes it.
const CHILD_EVERY: Duration = Duration::from_secs(3_600);

impl<'a> Stretch<'a> {
    /// Continues with the pending step. `None` if other steps come next.
    pub(super) fn resume(&mut self, pending: Pending, input: Input) -> StoreResult<Option<Next>> {
        let Pending { step, input: params, notes, started_at, attempts, waiting, .. } = pending;
        let workflow = self.loaded.workflow;
        let Some(index) = workflow.step_index(&step) else {
            let failure = StepFailure::new("unknown_step", "the step that waited is not in the workflow");
            return Ok(Some(self.fail(None, failure)));
        };
        self.loaded.scope.set_moment(self.session.now(), seed(self.run.id, &step));
        let executed = Executed { step: workflow.step(index), input: params, attempts, notes, started_at };
        match (waiting, input) {
            (Waiting::Call(call), Input::Continue) => self.call_again(executed, call),
            (Waiting::Call(call), Input::Outcome(outcome)) => self.settle_call(executed, call, outcome),
            (Waiting::Until { output }, Input::Continue) => Ok(self.time_has_come(executed, output)),
            (Waiting::Run { child }, Input::Continue) => self.look_at_child(executed, child),
            (Waiting::Batch(batch), Input::Continue) => self.go_on_with_batch(executed, batch),
            (Waiting::Event { .. }, Input::Event(payload)) => Ok(self.finish(executed, payload)),
            (Waiting::Event { name, key, until }, Input::Continue) => Ok(self.no_event(executed, name, key, until)),
            (Waiting::Retry, Input::Continue) => {
                self.run.position = Some(step);
                self.carried = executed.attempts;
                Ok(None)
            }
            // The step no longer waits for this.
            (_, Input::Outcome(_) | Input::Event(_)) => Err(StoreError::Fenced),
        }
    }

    /// Stops the stretch at a waiting step. The run checks again at `due_at`, if nothing wakes it earlier.
    pub(super) fn wait(&mut self, executed: Executed<'a>, waiting: Waiting, due_at: Timestamp) -> Next {
        self.leave(executed, waiting, RunStatus::Waiting, due_at);
        Next::Sleep(due_at)
    }

    fn leave(&mut self, executed: Executed<'a>, waiting: Waiting, status: RunStatus, due_at: Timestamp) {
        let Executed { step, input, attempts, notes, started_at } = executed;
        let (step, action) = (step.id.clone(), step.action.clone().unwrap_or_default());
        let mut pending = Pending { step, action, input, notes, started_at, attempts, waiting };
        pending.mask(self.loaded.scope.secrets());
        self.run.status = status;
        self.run.due_at = Some(due_at);
        self.run.pending = Some(pending.to_value());
        self.run.position = Some(pending.step);
    }

    /// Ends a step that waits for a time, if it has passed.
    fn time_has_come(&mut self, executed: Executed<'a>, output: Value) -> Option<Next> {
        match self.run.due_at.filter(|due_at| *due_at > self.session.now()) {
            Some(due_at) => Some(self.wait(executed, Waiting::Until { output }, due_at)),
            None => self.finish(executed, output),
        }
    }

    /// Ends a step whose event did not occur in time, or waits again.
    fn no_event(
        &mut self,
        executed: Executed<'a>,
        name: String,
        key: Option<String>,
        until: Timestamp,
    ) -> Option<Next> {
        if until > self.session.now() {
            return Some(self.wait(executed, Waiting::Event { name, key, until }, until));
        }
        let message = format!("the event `{name}` did not occur until {until}");
        self.finish_failed(executed, StepFailure::new("wait_timeout", message))
    }

    /// Waits until the run that the step started has ended.
    pub(super) fn wait_for_child(&mut self, executed: Executed<'a>, child: Id) -> Next {
        let mut starts = self.effects.starts.iter();
        let has_lane = starts.any(|start| start.run.id == child && start.program.concurrency.is_some());
        self.wait_on_for_child(executed, child, has_lane)
    }

    /// A child that may wait in a lane is checked sooner, and then ever less often.
    fn wait_on_for_child(&mut self, executed: Executed<'a>, child: Id, may_wait_in_lane: bool) -> Next {
        let now = self.session.now();
        let waited = now.since(executed.started_at).clamp(TURN_EVERY, CHILD_EVERY);
        let due_at = now + if may_wait_in_lane { waited } else { CHILD_EVERY };
        self.wait(executed, Waiting::Run { child }, due_at)
    }

    /// Ends a step that waits for another run, if that one has ended.
    fn look_at_child(&mut self, executed: Executed<'a>, child: Id) -> StoreResult<Option<Next>> {
        let found = self.session.run(self.run.org, child)?;
        if let Some(run) = found.as_ref().filter(|run| run.status.is_open()) {
            free_from_circle(self.session, self.run, run)?;
            return Ok(Some(self.wait_on_for_child(executed, child, run.waits_in_lane())));
        }
        Ok(match found {
            Some(run) if run.status == RunStatus::Completed => {
                let output = json!({ "run": run.id, "workflow": run.workflow_name, "response": run.output });
                self.finish(executed, output)
            }
            Some(run) => {
                let reason = run.error.map(|error| format!(": {}", error.message)).unwrap_or_default();
                let message = format!("the run {child} of `{}` has {}{reason}", run.workflow_name, run.status);
                self.finish_failed(executed, StepFailure::new("workflow_failed", message))
            }
            None => {
                self.finish_failed(executed, StepFailure::new("workflow_failed", format!("the run {child} is gone")))
            }
        })
    }
}
