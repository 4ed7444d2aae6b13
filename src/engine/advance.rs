//! The state machine of a run.
//!
//! A stretch is what one call of [`advance`] executes: the trigger or the outcome of an external call, then internal
//! steps, until there is a reason to stop. It writes everything in the caller's transaction, guarded by the run's
//! `rev`: a process that has lost the run loses the whole stretch.
//!
//! Limits: [`STEPS_MAX`] steps per run, [`STRETCH_MAX`] steps per stretch, [`OUTPUT_BYTES_MAX`] bytes of a step's
//! output, [`STEP_LEVELS_MAX`] levels of nesting in its params and output.

use serde_json::Value;

use super::Loaded;
use super::entry::Segment;
use super::stretch::{LoadedParts, Stretch};
use crate::actions::{Effects, LogLine};
use crate::base::time::Timestamp;
use crate::events::InForce;
use crate::outbound::{Effect, EffectOutcome};
use crate::store::{RunStatus, Session, StoreResult};

/// The most steps of a run.
pub const STEPS_MAX: i64 = 1_000;
/// The most steps of a stretch. A longer run continues in the next one, so that other runs get their turn.
pub const STRETCH_MAX: usize = 100;
/// The most bytes of a step's params, and of its output, as JSON.
pub const OUTPUT_BYTES_MAX: usize = 1_048_576;

/// What happened since the run was last advanced.
#[derive(Clone, Debug)]
pub enum Input {
    /// Nothing: the run is new or due, or its process died.
    Continue,
    /// The effect of [`Next::Perform`] was performed.
    Outcome(CallOutcome),
    /// The event that the run waits for occurred, with this payload.
    Event(Value),
}

/// How an effect ended.
#[derive(Clone, Debug)]
pub struct CallOutcome {
    pub step: String,
    /// See [`PendingCall::attempt`].
    pub attempt: usize,
    pub outcome: EffectOutcome,
    pub duration_ms: u64,
}

/// An effect to perform.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCall {
    pub step: String,
    /// Counted from 1. The outcome repeats it, so that a late one is not mistaken for another's.
    pub attempt: usize,
    pub effect: Effect,
}

/// What must happen after the commit.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// The run has ended.
    Ended(RunStatus),
    /// Perform this call, and pass its outcome as the next input.
    Perform(PendingCall),
    /// Nothing before this time.
    Sleep(Timestamp),
    /// More steps, after other runs had their turn.
    Again,
}

/// The result of a stretch.
#[derive(Debug, PartialEq)]
pub struct Progress {
    pub next: Next,
    /// The `rev` that the run was written with. The next stretch must find it unchanged.
    pub rev: i64,
    /// Whether other runs were started or became due, for any process to claim.
    pub frees_runs: bool,
    /// The lines that its steps log, which are written after the commit.
    pub lines: Vec<LogLine>,
}

/// A point of a stretch; see [`Probe`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Point<'a> {
    BeforeStep(&'a str),
    AfterStep(&'a str),
    BeforeWrite,
}

/// Called at every point of a stretch. An error stops the stretch there, as a failing database would. Tests use this to
/// stop runs everywhere; otherwise it is `&mut |_| Ok(())`.
pub type Probe<'a> = &'a mut dyn FnMut(Point<'_>) -> StoreResult<()>;

/// What a stretch works with.
pub struct Context<'a> {
    pub session: &'a mut dyn Session,
    pub in_force: &'a InForce,
    pub probe: Probe<'a>,
}

/// Advances a run by one stretch, and writes the result.
///
/// # Errors
/// Those of the store. The caller then rolls back, which leaves the run unchanged.
pub fn advance(mut loaded: Loaded, input: Input, context: Context<'_>) -> StoreResult<Progress> {
    stretch(&mut loaded, false, input, context)
}

/// Executes the first stretch of a run that is not in the database yet, and inserts the run in its new state. `loaded`
/// can't be used afterwards; the caller keeps it to drop it when no request waits.
///
/// # Errors
/// Those of the store. The caller then rolls back, and the run does not exist.
pub fn begin(loaded: &mut Loaded, context: Context<'_>) -> StoreResult<Progress> {
    stretch(loaded, true, Input::Continue, context)
}

fn stretch(loaded: &mut Loaded, unwritten: bool, input: Input, context: Context<'_>) -> StoreResult<Progress> {
    let Context { session, in_force, probe } = context;
    let Loaded { run, workflow, scope, passes } = loaded;
    // Most workflows use no variables, so most runs pay nothing for them.
    for mentioned in &workflow.variables {
        if let Some(variable) = in_force.variable(run.org, run.workflow, mentioned) {
            scope.set_variable(mentioned, &variable.name, variable.value.clone());
        }
    }
    let loaded = LoadedParts { workflow, scope, passes: *passes };
    let (segment, carried) = (Segment::default(), Vec::new());
    let effects = Effects::default();
    let mut stretch =
        Stretch { run, unwritten, loaded, segment, session, in_force, probe, steps: 0, carried, last: None, effects };
    let next = stretch.go(input)?;
    stretch.write(next)
}
