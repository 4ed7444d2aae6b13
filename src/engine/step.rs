//! Executes one step: resolves its params, runs its action, judges its transitions, and logs it.

use std::borrow::Cow;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::advance::{Next, OUTPUT_BYTES_MAX, Point};
use super::attempt::Attempt;
use super::entry::{Entry, Judged};
use super::params::resolve;
use super::pending::Waiting;
use super::stretch::{Stretch, raw, seed};
use crate::actions::{self, ActionOutcome, Call, StepFailure};
use crate::base::json::{STEP_LEVELS_MAX, is_deeper_than};
use crate::base::time::Timestamp;
use crate::expr::{Note, mask};
use crate::objects::Problem;
use crate::store::{RunError, StoreResult};
use crate::workflow::{Step, Transition};

/// An executed step that is not logged yet.
pub(super) struct Executed<'a> {
    pub(super) step: &'a Step,
    /// The resolved params as text, because the action consumes the values.
    pub(super) input: Box<RawValue>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) notes: Vec<Note>,
    pub(super) started_at: Timestamp,
}

impl<'a> Stretch<'a> {
    /// Executes one step to its end, or until it must wait.
    pub(super) fn execute(&mut self, step: &'a Step) -> StoreResult<Option<Next>> {
        (self.probe)(Point::BeforeStep(&step.id))?;
        self.steps += 1;
        self.run.steps += 1;
        let started_at = self.session.now();
        self.loaded.scope.set_moment(started_at, seed(self.run.id, &step.id));
        let attempts = std::mem::take(&mut self.carried);
        let mut executed = Executed { step, input: raw(&Map::new()), attempts, notes: Vec::new(), started_at };
        let mark = self.effects.mark();
        let outcome = self.act(&mut executed)?;
        if let Some(error) = self.check_budget(&executed, mark)? {
            return Ok(Some(self.fail_at(executed, error)));
        }
        let outcome = match outcome {
            ActionOutcome::Perform(effect, retry) => return Ok(Some(self.begin_call(executed, effect, retry))),
            ActionOutcome::Wait(until, output) => {
                return Ok(Some(self.wait(executed, Waiting::Until { output }, until)));
            }
            ActionOutcome::Await(child) => return Ok(Some(self.wait_for_child(executed, child))),
            ActionOutcome::ForEach(batch) => match self.go_on_with_batch(executed, batch)? {
                Some(Next::Sleep(due_at)) => return Ok(Some(Next::Sleep(due_at))),
                ended => ended,
            },
            ActionOutcome::Stop(output, failure) => Some(self.stop(executed, output, failure)),
            ActionOutcome::Output(output) => self.finish(executed, output),
            ActionOutcome::Failed(failure) => self.finish_failed(executed, failure),
        };
        (self.probe)(Point::AfterStep(&step.id))?;
        Ok(outcome)
    }

    /// Resolves the params and runs the action.
    fn act(&mut self, executed: &mut Executed<'a>) -> StoreResult<ActionOutcome> {
        let Some(name) = &executed.step.action else { return Ok(ActionOutcome::Output(Value::Null)) };
        let Some(action) = actions::find(name) else {
            return Ok(ActionOutcome::Failed(StepFailure::new(
                "unknown_action",
                format!("there is no action `{name}`"),
            )));
        };
        let params = match resolve(self.loaded.scope, executed, &action.spec) {
            Ok(params) => params,
            Err(failure) => return Ok(ActionOutcome::Failed(failure)),
        };
        executed.input = raw(&params);
        if executed.input.get().len() > OUTPUT_BYTES_MAX {
            executed.input = raw(&Map::new());
            let message = format!("the params are larger than {OUTPUT_BYTES_MAX} bytes, which is the limit");
            return Ok(ActionOutcome::Failed(StepFailure::new("params_too_large", message)));
        }
        if let Cow::Owned(shown) = action.spec.masked(&params) {
            executed.input = raw(&shown);
        }
        let mut call = Call {
            org: self.run.org,
            run: self.run,
            step: &executed.step.id,
            params,
            session: self.session,
            in_force: self.in_force,
            effects: &mut self.effects,
            notes: &mut executed.notes,
        };
        (action.run)(&mut call)
    }

    /// Ends a step with its output: makes it available to later steps, judges the transitions, and logs. Secrets in it
    /// are masked for later steps too, so that a run that is loaded again has the same output.
    pub(super) fn finish(&mut self, executed: Executed<'a>, mut output: Value) -> Option<Next> {
        self.loaded.scope.secrets().mask_value(&mut output);
        if is_deeper_than(&output, STEP_LEVELS_MAX) {
            let message = format!("the output nests deeper than {STEP_LEVELS_MAX} levels, which is the limit");
            return self.finish_failed(executed, StepFailure::new("output_too_deep", message));
        }
        let text = raw(&output);
        if text.get().len() > OUTPUT_BYTES_MAX {
            let message = format!("the output is larger than {OUTPUT_BYTES_MAX} bytes, which is the limit");
            return self.finish_failed(executed, StepFailure::new("output_too_large", message));
        }
        let step = executed.step;
        if step.action.is_some() {
            self.loaded.scope.set_step(&step.id, output);
            self.last = Some(&step.id);
        }
        let (transitions, taken) = match self.judge(&step.transitions) {
            Ok(judged) => judged,
            Err(failure) => return self.finish_failed(executed, failure),
        };
        self.log(&executed, Ok(&text), &transitions);
        self.run.position = taken.map(str::to_owned);
        None
    }

    /// Ends the run because its step ended it.
    fn stop(&mut self, executed: Executed<'a>, output: Value, failure: Option<StepFailure>) -> Next {
        self.log(&executed, Ok(&raw(&output)), &[]);
        match failure {
            Some(failure) => self.fail(Some(executed.step), failure),
            None => self.complete(),
        }
    }

    pub(super) fn log(
        &mut self,
        executed: &Executed<'a>,
        outcome: Result<&RawValue, &RunError>,
        judged: &[Judged<'_>],
    ) {
        let step = executed.step;
        let finished_at = self.session.now();
        let entry = Entry {
            id: &step.id,
            name: step.name.as_deref(),
            action: step.action.as_deref(),
            status: if outcome.is_ok() { "completed" } else { "failed" },
            input: &executed.input,
            output: outcome.ok(),
            error: outcome.err(),
            attempts: &executed.attempts,
            started_at: executed.started_at,
            finished_at,
            transitions: judged,
            notes: &executed.notes,
        };
        self.segment.push(&entry, self.loaded.scope.secrets());
    }

    /// Judges transitions in order up to the first match, and returns that one's target.
    pub(super) fn judge(
        &self,
        transitions: &'a [Transition],
    ) -> Result<(Vec<Judged<'a>>, Option<&'a str>), StepFailure> {
        let mut taken: Option<&str> = None;
        let mut judged = Vec::with_capacity(transitions.len());
        for transition in transitions {
            let judgement = match taken {
                Some(_) => None,
                None => Some(transition.condition.evaluate(self.loaded.scope)),
            };
            let judgement = judgement.transpose();
            let judgement = judgement.map_err(|error| StepFailure::new("condition_failed", error.to_string()))?;
            if judgement.as_ref().is_some_and(|judgement| judgement.result) {
                taken = Some(&transition.target_id);
            }
            judged.push(Judged::new(&transition.target_id, transition.name.as_deref(), judgement));
        }
        Ok((judged, taken))
    }

    /// A failure as the run's error, with secrets masked.
    pub(super) fn run_error(&self, failure: &StepFailure, step: &str, action: Option<&str>) -> RunError {
        let secrets = self.loaded.scope.secrets();
        let masked = |text: &str| mask(text, secrets).into_owned();
        let problem = |problem: &Problem| Problem { message: masked(&problem.message), ..problem.clone() };
        RunError {
            code: failure.code.to_owned(),
            step: Some(step.to_owned()),
            action: action.map(str::to_owned),
            message: masked(&failure.message),
            problems: failure.problems.iter().map(problem).collect(),
        }
    }
}
