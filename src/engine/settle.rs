//! Steps of a run that wait: an external call, before it is made and when its outcome is known, and a step that is to be
//! executed again.

use std::time::Duration;

use super::advance::{Input, Next, PendingCall, Point};
use super::pending::{Pending, Verdict, idempotency_key, judge};
use super::stretch::{Executed, Stretch, seed};
use crate::actions::Failure;
use crate::outbound::{HttpOutcome, HttpRequest};
use crate::store::{RunStatus, StoreError, StoreResult};
use crate::time::Timestamp;

/// How long after its time-out an external call is taken for lost; covers the time that it waits for its turn.
const CALL_MARGIN: Duration = Duration::from_secs(300);

impl<'a> Stretch<'a> {
    /// Stops the stretch for an external call: what is to be called is written before it is.
    pub(super) fn call(&mut self, executed: Executed<'a>, mut request: HttpRequest) -> Next {
        let key = idempotency_key(self.run.id, &executed.step.id, 0);
        if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("idempotency-key")) {
            request.headers.push(("idempotency-key".into(), key));
        }
        let now = self.session.now();
        let pending = Pending {
            step: executed.step.id.clone(),
            action: executed.step.action.clone().unwrap_or_default(),
            input: executed.input,
            notes: executed.notes,
            started_at: executed.started_at,
            request: Some(request),
            output: None,
            child: None,
            attempts: executed.attempts,
            in_flight: !self.unwritten,
            attempt_started_at: now,
        };
        if self.unwritten {
            // Whoever begins a run only hints at what comes next. The engine makes the call, in a commit of its own:
            // if the hint is lost, it finds the run due.
            self.park(pending, RunStatus::Running, now);
            return Next::Again;
        }
        let request = pending.request.clone().expect("it was put in just now");
        self.perform(pending, request)
    }

    /// Goes on with a call that was under way: takes its outcome, or makes it again.
    pub(super) fn settle(&mut self, mut pending: Pending, input: Input) -> StoreResult<Option<Next>> {
        let Some(request) = pending.request.clone() else { return self.go_on_waiting(pending, &input) };
        let now = self.session.now();
        let current = pending.attempts.len() + 1;
        let outcome = match input {
            Input::Continue => None,
            Input::Outcome { step, attempt, outcome } => {
                // A late outcome, of an attempt that was taken for lost: another one has been made since.
                if !pending.in_flight || step != pending.step || attempt != current {
                    return Err(StoreError::Fenced);
                }
                Some(outcome)
            }
        };
        let Some(outcome) = outcome else {
            if pending.in_flight {
                let lost = pending.attempt("unknown", None, None);
                pending.attempts.push(lost);
            }
            pending.in_flight = true;
            pending.attempt_started_at = now;
            return Ok(Some(self.perform(pending, request)));
        };
        let workflow = self.loaded.workflow;
        let Some(index) = workflow.step_index(&pending.step) else {
            let message = format!("there is no step `{}`", pending.step);
            return Ok(Some(self.fail(None, Failure::new("unknown_step", message))));
        };
        let status = if matches!(outcome, HttpOutcome::Answer(_)) { "answered" } else { "failed" };
        let mut attempt = pending.attempt(status, Some(&outcome), Some(now));
        let key = idempotency_key(self.run.id, &pending.step, 0);
        let verdict = judge(outcome, attempt.number, &key);
        if let Verdict::Retry(wait) = verdict {
            let due_at = now + wait;
            attempt.retry_at = Some(due_at);
            pending.attempts.push(attempt);
            pending.in_flight = false;
            self.park(pending, RunStatus::Waiting, due_at);
            return Ok(Some(Next::Sleep(due_at)));
        }
        pending.attempts.push(attempt);
        self.loaded.scope.set_moment(now, seed(self.run.id, &workflow.step(index).id));
        let executed = Executed {
            step: workflow.step(index),
            input: pending.input,
            attempts: pending.attempts,
            notes: pending.notes,
            started_at: pending.started_at,
        };
        let next = match verdict {
            Verdict::Output(output) => self.finish(executed, output),
            Verdict::Failed(message) => self.finish_failed(executed, Failure::new("call_failed", message)),
            Verdict::Retry(_) => None,
        };
        (self.probe)(Point::AfterStep(&workflow.step(index).id))?;
        Ok(next)
    }

    fn go_on_waiting(&mut self, pending: Pending, input: &Input) -> StoreResult<Option<Next>> {
        if matches!(input, Input::Outcome { .. }) {
            return Err(StoreError::Fenced);
        }
        if pending.output.is_some() {
            return Ok(self.waited(pending));
        }
        if let Some(child) = pending.child {
            return self.child_ended(pending, child);
        }
        // The step had failed, and is executed again, with the attempts made so far.
        self.run.position = Some(pending.step);
        self.carried = pending.attempts;
        Ok(None)
    }

    /// Leaves the stretch with a call to be made.
    pub(super) fn perform(&mut self, pending: Pending, request: HttpRequest) -> Next {
        let call = PendingCall { step: pending.step.clone(), attempt: pending.attempts.len() + 1, request };
        // Whoever makes the call is expected to be back by then; if not, the call is taken for lost and made again.
        let due_at = pending.attempt_started_at + Duration::from_millis(call.request.timeout_ms) + CALL_MARGIN;
        self.park(pending, RunStatus::Running, due_at);
        Next::Perform(call)
    }

    pub(super) fn park(&mut self, pending: Pending, status: RunStatus, due_at: Timestamp) {
        self.run.status = status;
        self.run.due_at = Some(due_at);
        self.run.position = Some(pending.step.clone());
        self.run.pending = Some(serde_json::to_value(pending).expect("a pending call has string keys"));
    }
}
