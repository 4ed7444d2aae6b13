//! The state machine of a run.
//!
//! A stretch is what one call of [`advance`] executes: the trigger or the settled external call, then internal steps,
//! until there is a reason to stop. Everything a stretch does is written in the caller's transaction, the run last, and
//! guarded by the run's `rev`: whoever lost the run to somebody else loses the whole stretch with it.
//!
//! Limits: [`STEPS_MAX`] steps a run, [`STRETCH_MAX`] steps a stretch, [`OUTPUT_BYTES_MAX`] bytes of a step's output,
//! [`STEP_LEVELS_MAX`] levels of nesting in its params and output.

use std::time::Duration;

use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value};

use super::Loaded;
use super::entry::{Entry, Judged, Segment};
use super::pending::{Attempt, Pending, Verdict, idempotency_key, judge};
use crate::actions::{self, Call, Failure, Outcome};
use crate::expr::Note;
use crate::json::{STEP_LEVELS_MAX, is_deeper_than};
use crate::outbound::{HttpOutcome, HttpRequest};
use crate::store::{Run, RunError, RunStatus, Session, StoreError, StoreResult};
use crate::time::Timestamp;
use crate::workflow::{ActionSpec, Step, Transition};

/// How many steps one run may execute.
pub const STEPS_MAX: i64 = 1_000;
/// How many steps one transaction may execute; a longer run goes on in the next one, so that others get their turn.
pub const STRETCH_MAX: usize = 100;
/// How long after its time-out an external call is taken for lost; covers the time that it waits for its turn.
const CALL_MARGIN: Duration = Duration::from_secs(300);
/// How large one step's params, and its output, may be as JSON.
pub const OUTPUT_BYTES_MAX: usize = 1_048_576;

/// What has happened since the run was last advanced.
#[derive(Clone, Debug)]
pub enum Input {
    /// Nothing: it is new, or its time has come, or the process that had it is gone.
    Continue,
    /// An external call has ended: the one that [`Next::Perform`] asked for.
    Outcome { step: String, attempt: usize, outcome: HttpOutcome },
}

/// An external call that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCall {
    pub step: String,
    /// Counted from 1; comes back with the outcome, so that a late one is not taken for another.
    pub attempt: usize,
    pub request: HttpRequest,
}

/// What has to happen after the commit.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// The run has ended.
    Ended(RunStatus),
    /// This call is to be made, and its outcome brought back.
    Perform(PendingCall),
    /// Nothing before this time.
    Sleep(Timestamp),
    /// More steps; the stretch was long enough.
    Again,
}

/// Where a stretch is; see [`Probe`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Point<'a> {
    BeforeStep(&'a str),
    AfterStep(&'a str),
    BeforeWrite,
}

/// Called at every point of a stretch; an error stops it there, as a failing database would. Tests use it to stop runs
/// everywhere; elsewhere it is `&mut |_| Ok(())`.
pub type Probe<'a> = &'a mut dyn FnMut(Point<'_>) -> StoreResult<()>;

struct Stretch<'a> {
    run: Run,
    /// Whether the run has yet to be inserted.
    unwritten: bool,
    loaded: LoadedParts<'a>,
    segment: Segment,
    session: &'a mut dyn Session,
    probe: Probe<'a>,
    steps: usize,
}

struct LoadedParts<'a> {
    workflow: &'a crate::workflow::Workflow,
    scope: &'a mut crate::expr::Scope,
}

/// A step that has been executed, before it is logged.
struct Executed<'a> {
    step: &'a Step,
    /// The resolved params, as text: they are logged as they were before the action took them.
    input: Box<RawValue>,
    attempts: Vec<Attempt>,
    notes: Vec<Note>,
    started_at: Timestamp,
}

/// Advances a run by one stretch, and writes all of it.
///
/// # Errors
/// Those of the store; the caller rolls back, and the run is as it was.
pub fn advance(loaded: Loaded, input: Input, session: &mut dyn Session, probe: Probe<'_>) -> StoreResult<Next> {
    stretch(loaded, false, input, session, probe)
}

/// Inserts a run that is not in the database yet, as it is after its first stretch.
///
/// # Errors
/// Those of the store; the caller rolls back, and there is no such run.
pub fn begin(loaded: Loaded, session: &mut dyn Session, probe: Probe<'_>) -> StoreResult<Next> {
    stretch(loaded, true, Input::Continue, session, probe)
}

fn stretch(
    loaded: Loaded,
    unwritten: bool,
    input: Input,
    session: &mut dyn Session,
    probe: Probe<'_>,
) -> StoreResult<Next> {
    let Loaded { run, workflow, mut scope } = loaded;
    let loaded = LoadedParts { workflow: &workflow, scope: &mut scope };
    let mut stretch = Stretch { run, unwritten, loaded, segment: Segment::default(), session, probe, steps: 0 };
    let next = stretch.go(input)?;
    stretch.write(&next)?;
    Ok(next)
}

/// Ends an open run because somebody asked for it. The call under way, if there is one, is logged as cancelled; whether
/// it still reaches its receiver is open.
///
/// # Errors
/// Those of the store.
pub fn cancel(mut run: Run, session: &mut dyn Session) -> StoreResult<Run> {
    let now = session.now();
    let mut entries = Segment::default();
    if let Some(pending) = take_pending(&mut run)? {
        entries.push(&Entry {
            id: &pending.step,
            name: None,
            action: Some(&pending.action),
            status: "cancelled",
            input: &pending.input,
            output: None,
            error: None,
            attempts: &pending.attempts,
            started_at: pending.started_at,
            finished_at: now,
            transitions: &[],
            notes: &pending.notes,
        });
    }
    let segment = run.rev;
    run.status = RunStatus::Cancelled;
    run.position = None;
    run.finished_at = Some(now);
    run.due_at = None;
    session.update_run(&mut run)?;
    append(entries, &run, segment, session)?;
    Ok(run)
}

impl<'a> Stretch<'a> {
    fn go(&mut self, input: Input) -> StoreResult<Next> {
        if let Some(pending) = take_pending(&mut self.run)? {
            if let Some(next) = self.settle(pending, input)? {
                return Ok(next);
            }
        } else if matches!(input, Input::Outcome { .. }) {
            // The run has no call under way: this one's outcome was taken before.
            return Err(StoreError::Fenced);
        } else if self.run.started_at.is_none() {
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

    /// Judges the trigger's transitions, and logs the trigger as the first entry.
    fn begin(&mut self) -> StoreResult<()> {
        let now = self.session.now();
        self.run.started_at = Some(now);
        let trigger = &self.loaded.workflow.trigger;
        (self.probe)(Point::BeforeStep(&trigger.id))?;
        let judged = self.judge(&trigger.transitions);
        let (error, transitions, taken) = match judged {
            Ok((transitions, taken)) => (None, transitions, taken),
            Err(failure) => (Some(run_error(&failure, &trigger.id, None)), Vec::new(), None),
        };
        self.segment.push(&Entry {
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
            notes: &[],
        });
        self.run.position = taken.map(str::to_owned);
        if error.is_some() {
            self.set_failed(error);
        }
        (self.probe)(Point::AfterStep(&trigger.id))
    }

    /// Executes one step up to its end, or up to the external call that it needs.
    fn execute(&mut self, step: &'a Step) -> StoreResult<Option<Next>> {
        (self.probe)(Point::BeforeStep(&step.id))?;
        self.steps += 1;
        self.run.steps += 1;
        let started_at = self.session.now();
        let mut executed =
            Executed { step, input: raw(&Map::new()), attempts: Vec::new(), notes: Vec::new(), started_at };
        let outcome = match self.act(&mut executed)? {
            Outcome::Request(request) => return Ok(Some(self.call(executed, request))),
            Outcome::Output(output) => self.finish(executed, output),
            Outcome::Failed(failure) => self.finish_failed(executed, failure),
        };
        (self.probe)(Point::AfterStep(&step.id))?;
        Ok(outcome)
    }

    /// Resolves the params and runs the action.
    fn act(&mut self, executed: &mut Executed<'a>) -> StoreResult<Outcome> {
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
        let mut call = Call { org: self.run.org, params, session: self.session, notes: &mut executed.notes };
        (action.run)(&mut call)
    }

    /// The step's params with their values; those that refer to something missing are left out and noted.
    fn resolve(&self, executed: &mut Executed<'a>, spec: &ActionSpec) -> Result<Map<String, Value>, Failure> {
        let mut params = Map::with_capacity(executed.step.params.len());
        let mut problems = Vec::new();
        for (name, expression) in &executed.step.params {
            let pointer = format!("/{}", crate::objects::escape_pointer(name));
            let resolved = expression.resolve(self.loaded.scope, &pointer, &mut executed.notes);
            let resolved = resolved.map_err(|error| Failure::new("expression_failed", error.to_string()))?;
            let kind = spec.params.iter().find(|param| param.name == name).map(|param| param.kind);
            match (resolved, kind) {
                (None, _) => {}
                (Some(value), Some(kind)) if !value.is_null() => match kind.cast(value) {
                    Ok(value) => drop(params.insert(name.clone(), value)),
                    Err(message) => problems.push(crate::objects::Problem::new(pointer, message)),
                },
                (Some(value), _) => drop(params.insert(name.clone(), value)),
            }
        }
        for param in spec.params.iter().filter(|param| param.required) {
            let absent = params.get(param.name).is_none_or(Value::is_null);
            let pointer = format!("/{}", param.name);
            if absent && !problems.iter().any(|problem| problem.pointer == pointer) {
                let note = executed.notes.iter().find(|note| note.pointer == pointer);
                let reason = note.map(|note| format!(": {}", note.message)).unwrap_or_default();
                problems.push(crate::objects::Problem::new(pointer, format!("a value is required{reason}")));
            }
        }
        for (name, value) in &params {
            if is_deeper_than(value, STEP_LEVELS_MAX) {
                let message = format!("nests deeper than {STEP_LEVELS_MAX} levels, which is the limit");
                problems.push(crate::objects::Problem::new(format!("/{name}"), message));
            }
        }
        params.retain(|_, value| !is_deeper_than(value, STEP_LEVELS_MAX));
        match problems.is_empty() {
            true => Ok(params),
            false => {
                executed.input = raw(&params);
                Err(Failure::invalid(problems))
            }
        }
    }

    /// Stops the stretch for an external call: what is to be called is written before it is.
    fn call(&mut self, executed: Executed<'a>, mut request: HttpRequest) -> Next {
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
            request,
            attempts: Vec::new(),
            in_flight: !self.unwritten,
            attempt_started_at: now,
        };
        if self.unwritten {
            // Whoever begins a run only hints at what comes next. The engine makes the call, in a commit of its own:
            // if the hint is lost, it finds the run due.
            self.park(pending, RunStatus::Waiting, now);
            return Next::Again;
        }
        self.perform(pending)
    }

    /// Goes on with a call that was under way: takes its outcome, or makes it again.
    fn settle(&mut self, mut pending: Pending, input: Input) -> StoreResult<Option<Next>> {
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
            return Ok(Some(self.perform(pending)));
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

    /// Leaves the stretch with a call to be made.
    fn perform(&mut self, pending: Pending) -> Next {
        let call = PendingCall {
            step: pending.step.clone(),
            attempt: pending.attempts.len() + 1,
            request: pending.request.clone(),
        };
        // Whoever makes the call is expected to be back by then; if not, the call is taken for lost and made again.
        let due_at = pending.attempt_started_at + Duration::from_millis(call.request.timeout_ms) + CALL_MARGIN;
        self.park(pending, RunStatus::Running, due_at);
        Next::Perform(call)
    }

    fn park(&mut self, pending: Pending, status: RunStatus, due_at: Timestamp) {
        self.run.status = status;
        self.run.due_at = Some(due_at);
        self.run.position = Some(pending.step.clone());
        self.run.pending = Some(serde_json::to_value(pending).expect("a pending call has string keys"));
    }

    /// Ends a step with its output: puts it where later steps find it, judges the transitions, logs.
    fn finish(&mut self, executed: Executed<'a>, output: Value) -> Option<Next> {
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
        }
        let (transitions, taken) = match self.judge(&step.transitions) {
            Ok(judged) => judged,
            Err(failure) => return self.finish_failed(executed, failure),
        };
        self.log(&executed, Ok(&text), &transitions);
        self.run.position = taken.map(str::to_owned);
        None
    }

    /// Ends a step, and with it the run, because of a failure.
    fn finish_failed(&mut self, executed: Executed<'a>, failure: Failure) -> Option<Next> {
        let error = run_error(&failure, &executed.step.id, executed.step.action.as_deref());
        self.log(&executed, Err(&error), &[]);
        self.set_failed(Some(error));
        Some(Next::Ended(RunStatus::Failed))
    }

    fn log(&mut self, executed: &Executed<'a>, outcome: Result<&RawValue, &RunError>, judged: &[Judged<'_>]) {
        let step = executed.step;
        let finished_at = self.session.now();
        self.segment.push(&Entry {
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
        });
    }

    /// Judges transitions in order up to the first match; the target of that one.
    fn judge(&self, transitions: &'a [Transition]) -> Result<(Vec<Judged<'a>>, Option<&'a str>), Failure> {
        let mut taken: Option<&str> = None;
        let mut judged = Vec::with_capacity(transitions.len());
        for transition in transitions {
            let judgement = match taken {
                Some(_) => None,
                None => Some(transition.condition.judge(self.loaded.scope)),
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

    fn fail(&mut self, step: Option<&Step>, failure: Failure) -> Next {
        let mut error = run_error(&failure, "", None);
        error.step = step.map(|step| step.id.clone());
        error.action = step.and_then(|step| step.action.clone());
        self.set_failed(Some(error));
        Next::Ended(RunStatus::Failed)
    }

    fn set_failed(&mut self, error: Option<RunError>) {
        self.run.status = RunStatus::Failed;
        self.run.error = error;
    }

    fn complete(&mut self) -> Next {
        self.run.status = RunStatus::Completed;
        Next::Ended(RunStatus::Completed)
    }

    /// Writes the log and the run.
    fn write(mut self, next: &Next) -> StoreResult<()> {
        (self.probe)(Point::BeforeWrite)?;
        if let Next::Ended(_) = next {
            self.run.position = None;
            self.run.finished_at = Some(self.session.now());
            self.run.due_at = None;
        }
        let segment = self.run.rev;
        // The run first: whoever has lost it has to hear that, and not that the segment is there already.
        if self.unwritten {
            self.run.rev += 1;
            self.session.insert_run(&self.run)?;
        } else {
            self.session.update_run(&mut self.run)?;
        }
        append(self.segment, &self.run, segment, self.session)
    }
}

fn append(entries: Segment, run: &Run, segment: i64, session: &mut dyn Session) -> StoreResult<()> {
    match entries.finish() {
        Some(entries) => session.append_log(run.org, run.id, segment, &entries),
        None => Ok(()),
    }
}

fn take_pending(run: &mut Run) -> StoreResult<Option<Pending>> {
    let pending = run.pending.take().map(serde_json::from_value).transpose();
    pending.map_err(|error| StoreError::Corrupt { what: "a run's pending call", detail: error.to_string() })
}

fn run_error(failure: &Failure, step: &str, action: Option<&str>) -> RunError {
    RunError {
        code: failure.code.to_owned(),
        step: Some(step.to_owned()),
        action: action.map(str::to_owned),
        message: failure.message.clone(),
        problems: failure.problems.clone(),
    }
}

/// A value as its JSON text.
fn raw(value: &impl serde::Serialize) -> Box<RawValue> {
    to_raw_value(value).expect("JSON values have string keys")
}
