//! One stretch: the steps that one transaction executes, and how they are logged and written.

use std::borrow::Cow;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::advance::{Input, Next, OUTPUT_BYTES_MAX, Point, Probe, Progress, STEPS_MAX, STRETCH_MAX};
use super::entry::{Entry, Judged, Segment};
use super::pending::{Attempt, Pending};
use super::starts::{start_others, wake_others};
use crate::actions::{self, Call, Effects, Failure, Outcome};
use crate::base::id::Id;
use crate::base::json::{STEP_LEVELS_MAX, is_deeper_than};
use crate::base::time::Timestamp;
use crate::events::InForce;
use crate::expr::{Note, mask};
use crate::objects::Problem;
use crate::store::{Run, RunError, RunStatus, Session, StoreError, StoreResult, Turn};
use crate::workflow::{Step, Transition};

pub(super) struct Stretch<'a> {
    pub(super) run: &'a mut Run,
    /// Whether the run has yet to be inserted.
    pub(super) unwritten: bool,
    pub(super) loaded: LoadedParts<'a>,
    pub(super) segment: Segment,
    pub(super) session: &'a mut dyn Session,
    pub(super) in_force: &'a InForce,
    pub(super) probe: Probe<'a>,
    pub(super) steps: usize,
    /// The attempts at the step that is executed next.
    pub(super) carried: Vec<Attempt>,
    /// The step that completed last, in this stretch.
    pub(super) last: Option<&'a str>,
    pub(super) effects: Effects,
}

pub(super) struct LoadedParts<'a> {
    pub(super) workflow: &'a crate::workflow::Workflow,
    pub(super) scope: &'a mut crate::expr::Scope,
    /// How often the run has begun.
    pub(super) passes: u32,
}

/// A step that has been executed, before it is logged.
pub(super) struct Executed<'a> {
    pub(super) step: &'a Step,
    /// The resolved params, as text: they are logged as they were before the action took them.
    pub(super) input: Box<RawValue>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) notes: Vec<Note>,
    pub(super) started_at: Timestamp,
}

impl<'a> Stretch<'a> {
    pub(super) fn go(&mut self, input: Input) -> StoreResult<Next> {
        self.unseal_pending()?;
        if let Some(pending) = take_pending(self.run)? {
            if let Some(next) = self.settle(pending, input)? {
                return Ok(next);
            }
        } else if matches!(input, Input::Outcome { .. }) {
            // The run has no call under way: this one's outcome was taken before.
            return Err(StoreError::Fenced);
        } else if self.run.position.is_none() {
            if self.waits_for_its_turn()? {
                return Ok(Next::Sleep(Timestamp::NEVER));
            }
            self.begin()?;
        }
        while let Some(id) = self.run.position.take() {
            let workflow = self.loaded.workflow;
            let Some(index) = workflow.step_index(&id) else {
                return Ok(self.fail(None, Failure::new("unknown_step", format!("there is no step `{id}`"))));
            };
            let step = workflow.step(index);
            if self.run.steps >= STEPS_MAX {
                let message = format!("the run has executed {STEPS_MAX} steps, which is the limit");
                return Ok(self.fail(Some(step), Failure::new("step_limit", message)));
            }
            if self.steps >= STRETCH_MAX {
                self.run.position = Some(id);
                return Ok(Next::Again);
            }
            if let Some(next) = self.execute(step)? {
                return Ok(next);
            }
        }
        Ok(if self.run.status == RunStatus::Failed { Next::Ended(RunStatus::Failed) } else { self.complete() })
    }

    /// Has a run of a limited workflow come to its lane, if it has not done so before; whether it has to wait there.
    fn waits_for_its_turn(&mut self) -> StoreResult<bool> {
        if self.run.lane.as_ref().is_some_and(|lane| lane.turn == Turn::Later) {
            self.session.enter_lane(self.run)?;
        }
        Ok(self.run.waits_in_lane())
    }

    /// Judges the trigger's transitions, and logs the trigger as the first entry.
    pub(super) fn begin(&mut self) -> StoreResult<()> {
        let now = self.session.now();
        self.run.started_at.get_or_insert(now);
        self.loaded.passes += 1;
        let trigger = &self.loaded.workflow.trigger;
        self.loaded.scope.set_moment(now, seed(self.run.id, &trigger.id));
        (self.probe)(Point::BeforeStep(&trigger.id))?;
        let concurrency = self.loaded.workflow.concurrency.as_ref();
        let notes = concurrency.map(|concurrency| concurrency.key(self.loaded.scope).1).unwrap_or_default();
        let judged = self.judge(&trigger.transitions);
        let (error, transitions, taken) = match judged {
            Ok((transitions, taken)) => (None, transitions, taken),
            Err(failure) => (Some(self.run_error(&failure, &trigger.id, None)), Vec::new(), None),
        };
        let entry = Entry {
            id: &trigger.id,
            name: None,
            action: None,
            status: if error.is_some() { "failed" } else { "completed" },
            input: &raw(&Map::new()),
            output: None,
            error: error.as_ref(),
            attempts: &[],
            started_at: now,
            finished_at: now,
            transitions: &transitions,
            notes: &notes,
        };
        self.segment.push(&entry, self.loaded.scope.secrets());
        self.run.position = taken.map(str::to_owned);
        if error.is_some() {
            self.set_failed(error);
        }
        (self.probe)(Point::AfterStep(&trigger.id))
    }

    /// Executes one step up to its end, or up to the external call that it needs.
    pub(super) fn execute(&mut self, step: &'a Step) -> StoreResult<Option<Next>> {
        (self.probe)(Point::BeforeStep(&step.id))?;
        self.steps += 1;
        self.run.steps += 1;
        let started_at = self.session.now();
        self.loaded.scope.set_moment(started_at, seed(self.run.id, &step.id));
        let attempts = std::mem::take(&mut self.carried);
        let mut executed = Executed { step, input: raw(&Map::new()), attempts, notes: Vec::new(), started_at };
        let outcome = match self.act(&mut executed)? {
            Outcome::Perform(effect, retry) => return Ok(Some(self.call(executed, effect, retry))),
            Outcome::Wait(until, output) => return Ok(Some(self.wait(executed, until, output))),
            Outcome::Await(child) => return Ok(Some(self.wait_for_child(executed, child))),
            Outcome::ForEach(batch) => match self.begin_batch(executed, batch)? {
                Some(Next::Sleep(due_at)) => return Ok(Some(Next::Sleep(due_at))),
                ended => ended,
            },
            Outcome::Stop(output, failure) => Some(self.stop(executed, output, failure)),
            Outcome::Output(output) => self.finish(executed, output),
            Outcome::Failed(failure) => self.finish_failed(executed, failure),
        };
        (self.probe)(Point::AfterStep(&step.id))?;
        Ok(outcome)
    }

    /// Resolves the params and runs the action.
    pub(super) fn act(&mut self, executed: &mut Executed<'a>) -> StoreResult<Outcome> {
        let Some(name) = &executed.step.action else { return Ok(Outcome::Output(Value::Null)) };
        let Some(action) = actions::find(name) else {
            return Ok(Outcome::Failed(Failure::new("unknown_action", format!("there is no action `{name}`"))));
        };
        let params = match self.resolve(executed, &action.spec) {
            Ok(params) => params,
            Err(failure) => return Ok(Outcome::Failed(failure)),
        };
        executed.input = raw(&params);
        if executed.input.get().len() > OUTPUT_BYTES_MAX {
            executed.input = raw(&Map::new());
            let message = format!("the params are larger than {OUTPUT_BYTES_MAX} bytes, which is the limit");
            return Ok(Outcome::Failed(Failure::new("params_too_large", message)));
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

    /// Ends a step with its output: puts it where later steps find it, judges the transitions, logs.
    /// What it holds of secrets is masked for later steps too, so that it is the same for a run that was read again.
    pub(super) fn finish(&mut self, executed: Executed<'a>, mut output: Value) -> Option<Next> {
        self.loaded.scope.secrets().mask_value(&mut output);
        if is_deeper_than(&output, STEP_LEVELS_MAX) {
            let message = format!("the output nests deeper than {STEP_LEVELS_MAX} levels, which is the limit");
            return self.finish_failed(executed, Failure::new("output_too_deep", message));
        }
        let text = raw(&output);
        if text.get().len() > OUTPUT_BYTES_MAX {
            let message = format!("the output is larger than {OUTPUT_BYTES_MAX} bytes, which is the limit");
            return self.finish_failed(executed, Failure::new("output_too_large", message));
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

    /// Ends the run with a step that asked for it.
    fn stop(&mut self, executed: Executed<'a>, output: Value, failure: Option<Failure>) -> Next {
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

    /// Judges transitions in order up to the first match; the target of that one.
    pub(super) fn judge(&self, transitions: &'a [Transition]) -> Result<(Vec<Judged<'a>>, Option<&'a str>), Failure> {
        let mut taken: Option<&str> = None;
        let mut judged = Vec::with_capacity(transitions.len());
        for transition in transitions {
            let judgement = match taken {
                Some(_) => None,
                None => Some(transition.condition.evaluate(self.loaded.scope)),
            };
            let judgement = judgement.transpose();
            let judgement = judgement.map_err(|error| Failure::new("condition_failed", error.to_string()))?;
            if judgement.as_ref().is_some_and(|judgement| judgement.result) {
                taken = Some(&transition.target_id);
            }
            judged.push(Judged::new(&transition.target_id, transition.name.as_deref(), judgement));
        }
        Ok((judged, taken))
    }

    pub(super) fn fail(&mut self, step: Option<&Step>, failure: Failure) -> Next {
        let mut error = self.run_error(&failure, "", None);
        error.step = step.map(|step| step.id.clone());
        error.action = step.and_then(|step| step.action.clone());
        self.set_failed(Some(error));
        Next::Ended(RunStatus::Failed)
    }

    /// A failure as the run tells it, with the secrets in it masked.
    pub(super) fn run_error(&self, failure: &Failure, step: &str, action: Option<&str>) -> RunError {
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

    pub(super) fn set_failed(&mut self, error: Option<RunError>) {
        self.run.status = RunStatus::Failed;
        self.run.error = error;
    }

    pub(super) fn complete(&mut self) -> Next {
        if self.loaded.workflow.trigger.callable.is_some() {
            match self.answer() {
                Ok(mut answer) => {
                    answer.iter_mut().for_each(|answer| self.loaded.scope.secrets().mask_value(answer));
                    self.run.output = answer;
                }
                Err(failure) => return self.fail(None, failure),
            }
        }
        self.run.status = RunStatus::Completed;
        Next::Ended(RunStatus::Completed)
    }

    /// Writes the run, its log and what it does to other runs.
    pub(super) fn write(mut self, next: Next) -> StoreResult<Progress> {
        (self.probe)(Point::BeforeWrite)?;
        if let Next::Ended(_) = next {
            self.run.position = None;
            self.run.finished_at = Some(self.session.now());
            self.run.due_at = None;
        }
        // Whoever hears of these is to act on them at once; all else is for whoever looks first.
        self.run.held = matches!(next, Next::Perform(_) | Next::Again);
        let segment = self.run.rev;
        // The run first: whoever has lost it has to hear that, and not that the segment is there already.
        if self.unwritten {
            self.run.rev += 1;
            self.session.insert_run(self.run)?;
        } else {
            self.session.update_run(self.run)?;
        }
        append(self.segment, self.run, segment, self.session)?;
        self.effects.mask(self.loaded.scope.secrets());
        let lines = std::mem::take(&mut self.effects.lines);
        let started = start_others(self.session, self.in_force, self.run, self.effects)?;
        let woken = matches!(next, Next::Ended(_)) && wake_others(self.session, self.run)?;
        // It may have its turn when this is committed.
        let comes = self.run.waits_in_lane();
        Ok(Progress { next, rev: self.run.rev, frees_runs: started || woken || comes, lines })
    }
}

pub(super) fn append(entries: Segment, run: &Run, segment: i64, session: &mut dyn Session) -> StoreResult<()> {
    match entries.finish() {
        Some(entries) => session.append_log(run.org, run.id, segment, &entries),
        None => Ok(()),
    }
}

/// The step that waits; without its call, if that is sealed.
pub(super) fn take_pending(run: &mut Run) -> StoreResult<Option<Pending>> {
    let pending = run.pending.take().map(serde_json::from_value).transpose();
    pending.map_err(|error| StoreError::Corrupt { what: "a run's pending call", detail: error.to_string() })
}

/// What chance is made from in a step: the same when the step is executed again, and another one in every other step. The
/// hash is FNV-1a, <http://www.isthe.com/chongo/tech/comp/fnv/>.
pub(super) fn seed(run: Id, step: &str) -> u64 {
    let bytes = run.hex();
    let mix = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    bytes.as_str().bytes().chain(step.bytes()).fold(0xCBF2_9CE4_8422_2325, mix)
}

/// A value as its JSON text.
pub(super) fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("JSON values have string keys")
}
