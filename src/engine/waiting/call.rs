//! Steps that wait for an effect, such as an external call.
//!
//! The effect and the number of the attempt are committed with the run before the effect is performed, and its outcome
//! afterwards. A process that dies in between leaves an attempt with an unknown outcome. It is logged as such, and
//! repeated if the step allows another attempt.

use std::time::Duration;

use serde_json::Value;

use crate::actions::StepFailure;
use crate::engine::advance::{CallOutcome, Next, PendingCall, Point};
use crate::engine::attempt::{Attempt, excerpt, idempotency_key, masked, wait_after};
use crate::engine::pending::{Call, StoredEffect, Waiting};
use crate::engine::step::Executed;
use crate::engine::stretch::Stretch;
use crate::outbound::{Effect, EffectError, Retry};
use crate::store::{RunStatus, StoreError, StoreResult};

/// How long after its time-out an effect counts as lost, which covers the time that it waits for a permit.
const CALL_MARGIN: Duration = Duration::from_secs(300);
/// The error of a step that allows no attempt after a lost one.
const UNKNOWN_OUTCOME: &str = "the process ended while this was under way, so whether it reached its receiver is unknown; \
                               the step does not allow another attempt";

impl<'a> Stretch<'a> {
    /// Stops the stretch for an effect, which is stored before it is performed.
    pub(in crate::engine) fn begin_call(&mut self, executed: Executed<'a>, mut effect: Effect, retry: Retry) -> Next {
        effect.set_key(&idempotency_key(self.run.id, &executed.step.id, 0));
        let attempts_before = executed.attempts.len();
        let call = Call { effect: self.seal(&effect), retry, attempts_before, under_way_since: None };
        if self.unwritten {
            // What begins a run only hints at what comes next. The engine makes the call, after a commit of its own: if
            // the hint is lost, a poll finds the run.
            let now = self.session.now();
            self.leave(executed, Waiting::Call(call), RunStatus::Running, now);
            return Next::Again;
        }
        self.perform(executed, call, effect)
    }

    /// Performs the effect again: it is due, or the attempt under way was lost.
    pub(super) fn call_again(&mut self, mut executed: Executed<'a>, call: Call) -> StoreResult<Option<Next>> {
        let effect = self.open(&call.effect)?;
        if let Some(since) = call.under_way_since {
            let number = executed.attempts.len() + 1;
            executed.attempts.push(Attempt::lost(&effect, number, since));
            let (made, key) =
                (number.saturating_sub(call.attempts_before), idempotency_key(self.run.id, &executed.step.id, 0));
            if wait_after((number, made), call.retry, None, &key, self.session.now()).is_none() {
                let unknown = effect.error(UNKNOWN_OUTCOME.to_owned());
                return self.end_call(executed, Err(unknown));
            }
        }
        Ok(Some(self.perform(executed, call, effect)))
    }

    /// Handles the outcome of an attempt: ends the step, or waits until the next attempt.
    pub(super) fn settle_call(
        &mut self,
        mut executed: Executed<'a>,
        mut call: Call,
        ended: CallOutcome,
    ) -> StoreResult<Option<Next>> {
        let CallOutcome { step, attempt, outcome, duration_ms } = ended;
        let number = executed.attempts.len() + 1;
        // A late outcome of an attempt that counted as lost is rejected: another attempt has been made since.
        let under_way = call.under_way_since.take().filter(|_| step == executed.step.id && attempt == number);
        let Some(since) = under_way else { return Err(StoreError::Fenced) };
        let (effect, now) = (self.open(&call.effect)?, self.session.now());
        let outcome = masked(outcome, &effect);
        let attempt = Attempt::lost(&effect, number, since).with_outcome(&outcome, now, duration_ms);
        let (made, key) = (number.saturating_sub(call.attempts_before), idempotency_key(self.run.id, &step, 0));
        if let Some(wait) = wait_after((number, made), call.retry, Some(&outcome), &key, now) {
            let due_at = now + wait;
            executed.attempts.push(Attempt { answer: excerpt(&outcome), retry_at: Some(due_at), ..attempt });
            return Ok(Some(self.wait(executed, Waiting::Call(call), due_at)));
        }
        executed.attempts.push(attempt);
        self.end_call(executed, effect.output(outcome))
    }

    /// Ends the step after the last attempt.
    fn end_call(&mut self, executed: Executed<'a>, output: Result<Value, EffectError>) -> StoreResult<Option<Next>> {
        let step = executed.step;
        let next = match output {
            Ok(output) => self.finish(executed, output),
            Err(error) => self.finish_failed(executed, StepFailure::new(error.code, error.message)),
        };
        (self.probe)(Point::AfterStep(&step.id))?;
        Ok(next)
    }

    /// Stops the stretch with an effect to perform.
    fn perform(&mut self, executed: Executed<'a>, mut call: Call, effect: Effect) -> Next {
        let now = self.session.now();
        call.under_way_since = Some(now);
        // Without an outcome by then, the attempt counts as lost and is repeated.
        let due_at = now + Duration::from_millis(effect.timeout_ms()) + CALL_MARGIN;
        let attempt = executed.attempts.len() + 1;
        let pending = PendingCall { step: executed.step.id.clone(), attempt, effect };
        self.leave(executed, Waiting::Call(call), RunStatus::Running, due_at);
        Next::Perform(pending)
    }

    /// The stored form of an effect: encrypted if the run uses secrets, or if the effect has credentials.
    fn seal(&self, effect: &Effect) -> StoredEffect {
        if self.loaded.scope.secrets().is_empty() && effect.credentials().is_empty() {
            return StoredEffect::Plain(effect.clone());
        }
        let text = serde_json::to_string(effect).expect("an effect has string keys");
        StoredEffect::Sealed(self.in_force.vault().seal(&text, &self.sealed_for()))
    }

    fn open(&self, stored: &StoredEffect) -> StoreResult<Effect> {
        let sealed = match stored {
            StoredEffect::Plain(effect) => return Ok(effect.clone()),
            StoredEffect::Sealed(sealed) => sealed,
        };
        let corrupt = |detail: String| StoreError::Corrupt { what: "a run's sealed call", detail };
        let opened = self.in_force.vault().unseal(sealed, &self.sealed_for());
        let opened = opened.map_err(|error| corrupt(error.to_string()))?;
        serde_json::from_str(&opened).map_err(|error| corrupt(error.to_string()))
    }

    /// The context that a sealed effect is bound to.
    fn sealed_for(&self) -> String {
        format!("call {}/{}", self.run.org, self.run.id)
    }
}
