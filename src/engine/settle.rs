//! Steps of a run that wait: an effect, before it is performed and when its outcome is known, and a step that is to be
//! executed again.

use std::time::Duration;

use serde_json::Value;

use super::advance::{Input, Next, PendingCall, Point};
use super::pending::{Attempt, Pending, excerpt, idempotency_key, masked};
use super::stretch::{Executed, Stretch};
use super::waits::unknown_step;
use crate::actions::Failure;
use crate::base::time::Timestamp;
use crate::outbound::{Effect, Retry, Unusable};
use crate::store::{RunStatus, StoreError, StoreResult};

/// How long after its time-out an effect is taken for lost; covers the time that it waits for its turn.
const CALL_MARGIN: Duration = Duration::from_secs(300);
/// Why an attempt that was lost fails its step.
const UNKNOWN_OUTCOME: &str = "the process ended while this was under way, so whether it reached its receiver is not known; \
                               the step does not allow another attempt";

impl<'a> Stretch<'a> {
    /// Stops the stretch for an effect: what is to be performed is written before it is.
    pub(super) fn call(&mut self, executed: Executed<'a>, mut effect: Effect, retry: Retry) -> Next {
        effect.set_key(&idempotency_key(self.run.id, &executed.step.id, 0));
        let now = self.session.now();
        let pending = Pending {
            attempts_before: executed.attempts.len(),
            in_flight: !self.unwritten,
            attempt_started_at: now,
            retry,
            ..self.pending(executed)
        };
        if self.unwritten {
            // Whoever begins a run only hints at what comes next. The engine makes the call, in a commit of its own:
            // if the hint is lost, it finds the run due.
            self.park(Pending { effect: Some(effect), ..pending }, RunStatus::Running, now);
            return Next::Again;
        }
        self.perform(pending, effect)
    }

    /// Goes on with an effect that was under way: takes its outcome, or has it performed again.
    pub(super) fn settle(&mut self, mut pending: Pending, input: Input) -> StoreResult<Option<Next>> {
        let Some(effect) = pending.effect.clone() else { return self.go_on_waiting(pending, &input) };
        let now = self.session.now();
        let number = pending.attempts.len() + 1;
        let key = idempotency_key(self.run.id, &pending.step, 0);
        match input {
            Input::Continue if pending.in_flight => {
                let lost = pending.attempt(None, None);
                let tries_left = pending.wait_after(number, None, &key, now).is_some();
                pending.attempts.push(lost);
                if !tries_left {
                    let unknown = effect.unusable(UNKNOWN_OUTCOME.to_owned());
                    return self.end_call(pending, Err(unknown));
                }
            }
            Input::Continue => {}
            Input::Outcome { step, attempt, outcome, duration_ms } => {
                // A late outcome, of an attempt that was taken for lost: another one has been made since.
                if !pending.in_flight || step != pending.step || attempt != number {
                    return Err(StoreError::Fenced);
                }
                let outcome = masked(outcome, &effect);
                let attempt = pending.attempt(Some((&outcome, duration_ms)), Some(now));
                if let Some(wait) = pending.wait_after(number, Some(&outcome), &key, now) {
                    let due_at = now + wait;
                    pending.attempts.push(Attempt { answer: excerpt(&outcome), retry_at: Some(due_at), ..attempt });
                    pending.in_flight = false;
                    self.park(pending, RunStatus::Waiting, due_at);
                    return Ok(Some(Next::Sleep(due_at)));
                }
                pending.attempts.push(attempt);
                return self.end_call(pending, effect.output(outcome));
            }
        }
        pending.in_flight = true;
        pending.attempt_started_at = now;
        Ok(Some(self.perform(pending, effect)))
    }

    /// Ends the step whose effect has come to its end.
    fn end_call(&mut self, pending: Pending, output: Result<Value, Unusable>) -> StoreResult<Option<Next>> {
        let Some(executed) = self.executed(pending) else { return Ok(Some(self.fail(None, unknown_step()))) };
        let step = executed.step;
        let next = match output {
            Ok(output) => self.finish(executed, output),
            Err(unusable) => self.finish_failed(executed, Failure::new(unusable.code, unusable.message)),
        };
        (self.probe)(Point::AfterStep(&step.id))?;
        Ok(next)
    }

    fn go_on_waiting(&mut self, mut pending: Pending, input: &Input) -> StoreResult<Option<Next>> {
        if matches!(input, Input::Outcome { .. }) {
            return Err(StoreError::Fenced);
        }
        if pending.output.is_some() {
            return Ok(self.waited(pending));
        }
        if let Some(child) = pending.child {
            return self.child_ended(pending, child);
        }
        if let Some(batch) = pending.batch.take() {
            return self.go_on_with_batch(pending, batch);
        }
        // The step had failed, and is executed again, with the attempts made so far.
        self.run.position = Some(pending.step);
        self.carried = pending.attempts;
        Ok(None)
    }

    /// Leaves the stretch with an effect to be performed.
    fn perform(&mut self, pending: Pending, effect: Effect) -> Next {
        let call =
            PendingCall { step: pending.step.clone(), attempt: pending.attempts.len() + 1, effect: effect.clone() };
        // Whoever performs it is expected to be back by then; if not, it is taken for lost and performed again.
        let due_at = pending.attempt_started_at + Duration::from_millis(effect.timeout_ms()) + CALL_MARGIN;
        self.park(Pending { effect: Some(effect), ..pending }, RunStatus::Running, due_at);
        Next::Perform(call)
    }

    pub(super) fn park(&mut self, pending: Pending, status: RunStatus, due_at: Timestamp) {
        self.run.status = status;
        self.run.due_at = Some(due_at);
        self.run.position = Some(pending.step.clone());
        self.run.pending = Some(self.seal_pending(&pending));
    }
}
