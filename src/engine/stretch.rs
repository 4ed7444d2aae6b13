//! One stretch: the steps that one transaction executes, and what it writes at its end.

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::advance::{Input, Next, Point, Probe, Progress, STEPS_MAX, STRETCH_MAX};
use super::attempt::Attempt;
use super::ending::wake_others;
use super::entry::{Entry, Segment};
use super::pending::Pending;
use super::starts::start_others;
use crate::actions::{Effects, StepFailure};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::events::InForce;
use crate::store::{Ending, Run, Session, StoreError, StoreResult, Turn};
use crate::workflow::Step;

pub(super) struct Stretch<'a> {
    pub(super) run: &'a mut Run,
    /// Whether the run is not in the database yet.
    pub(super) unwritten: bool,
    pub(super) loaded: LoadedParts<'a>,
    pub(super) segment: Segment,
    pub(super) session: &'a mut dyn Session,
    pub(super) in_force: &'a InForce,
    pub(super) probe: Probe<'a>,
    pub(super) steps: usize,
    /// The earlier attempts at the step that is executed next.
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

impl<'a> Stretch<'a> {
    pub(super) fn go(&mut self, input: Input) -> StoreResult<Next> {
        if let Some(pending) = Pending::take(self.run)? {
            if let Some(next) = self.resume(pending, input)? {
                return Ok(next);
            }
        } else if !matches!(input, Input::Continue) {
            // The run does not wait, so it has received this input before.
            return Err(StoreError::Fenced);
        } else if self.run.position.is_none() {
            if self.waits_for_its_turn()? {
                return Ok(Next::Sleep(Timestamp::NEVER));
            }
            if let Some(next) = self.begin()? {
                return Ok(next);
            }
        }
        while let Some(id) = self.run.position.take() {
            let workflow = self.loaded.workflow;
            let Some(index) = workflow.step_index(&id) else {
                return Ok(self.fail(None, StepFailure::new("unknown_step", format!("there is no step `{id}`"))));
            };
            let step = workflow.step(index);
            if self.run.steps >= STEPS_MAX {
                let message = format!("the run has executed {STEPS_MAX} steps, which is the limit");
                return Ok(self.fail(Some(step), StepFailure::new("step_limit", message)));
            }
            if self.steps >= STRETCH_MAX {
                self.run.position = Some(id);
                return Ok(Next::Again);
            }
            if let Some(next) = self.execute(step)? {
                return Ok(next);
            }
        }
        Ok(self.complete())
    }

    /// Puts a run of a limited workflow into its lane, if it is not there yet. Returns whether it must wait there.
    fn waits_for_its_turn(&mut self) -> StoreResult<bool> {
        if self.run.lane.as_ref().is_some_and(|lane| lane.turn == Turn::Later) {
            self.session.enter_lane(self.run)?;
        }
        Ok(self.run.waits_in_lane())
    }

    /// Judges the trigger's transitions, and logs the trigger as the first entry. `None` if steps come next.
    fn begin(&mut self) -> StoreResult<Option<Next>> {
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
        let ended = error.map(|error| self.end(Ending::Failed(error)));
        (self.probe)(Point::AfterStep(&trigger.id))?;
        Ok(ended)
    }

    pub(super) fn fail(&mut self, step: Option<&Step>, failure: StepFailure) -> Next {
        let mut error = self.run_error(&failure, "", None);
        error.step = step.map(|step| step.id.clone());
        error.action = step.and_then(|step| step.action.clone());
        self.end(Ending::Failed(error))
    }

    /// Ends the run.
    pub(super) fn end(&mut self, ending: Ending) -> Next {
        self.run.end(ending, self.session.now());
        Next::Ended(self.run.status)
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
        self.end(Ending::Completed)
    }

    /// The response of a callable workflow.
    fn answer(&self) -> Result<Option<Value>, StepFailure> {
        let Some(response) = &self.loaded.workflow.response else {
            return Ok(self.last.and_then(|step| self.loaded.scope.step(step)).cloned());
        };
        let answer = response.resolve(self.loaded.scope, "/response/value", &mut Vec::new());
        answer.map_err(|error| StepFailure::new("expression_failed", error.to_string()))
    }

    /// Writes the run, its log and its effects on other runs.
    pub(super) fn write(mut self, next: Next) -> StoreResult<Progress> {
        (self.probe)(Point::BeforeWrite)?;
        // This process continues these at once; any process can claim the others.
        self.run.held = matches!(next, Next::Perform(_) | Next::Again);
        let segment = self.run.rev;
        // The run first: if it was lost, the error must say so, not that the segment exists already.
        let entries = self.segment.finish();
        if self.unwritten {
            self.run.rev += 1;
            match entries {
                Some(entries) => self.session.insert_run_with_log(self.run, segment, &entries)?,
                None => self.session.insert_run(self.run)?,
            }
        } else {
            self.session.update_run(self.run)?;
            append(entries, self.run, segment, self.session)?;
        }
        self.effects.mask(self.loaded.scope.secrets());
        let lines = std::mem::take(&mut self.effects.lines);
        let started = start_others(self.session, self.in_force, self.run, self.effects)?;
        let woken = matches!(next, Next::Ended(_)) && wake_others(self.session, self.run)?;
        // The run may get its turn with this commit.
        let may_move = self.run.waits_in_lane();
        Ok(Progress { next, rev: self.run.rev, frees_runs: started || woken || may_move, lines })
    }
}

pub(super) fn append(entries: Option<String>, run: &Run, segment: i64, session: &mut dyn Session) -> StoreResult<()> {
    match entries {
        Some(entries) => session.append_log(run.org, run.id, segment, &entries),
        None => Ok(()),
    }
}

/// The seed of a step's random values: the same whenever the step is executed, and different in every other step. The
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
