//! The state machine of a run.
//!
//! A stretch is what one call of [`advance`] executes: the trigger or the settled external call, then internal steps,
//! until there is a reason to stop. Everything a stretch does is written in the caller's transaction, the run last, and
//! guarded by the run's `rev`: whoever lost the run to somebody else loses the whole stretch with it.
//!
//! Limits: [`STEPS_MAX`] steps a run, [`STRETCH_MAX`] steps a stretch, [`OUTPUT_BYTES_MAX`] bytes of a step's output,
//! [`STEP_LEVELS_MAX`] levels of nesting in its params and output.

use serde_json::Value;

use super::Loaded;
use super::entry::Segment;
use super::stretch::{LoadedParts, Stretch};
use crate::actions::{Effects, LogLine};
use crate::base::time::Timestamp;
use crate::events::InForce;
use crate::outbound::{Effect, EffectOutcome};
use crate::store::{RunStatus, Session, StoreResult};

/// How many steps one run may execute.
pub const STEPS_MAX: i64 = 1_000;
/// How many steps one transaction may execute; a longer run goes on in the next one, so that others get their turn.
pub const STRETCH_MAX: usize = 100;
/// How large one step's params, and its output, may be as JSON.
pub const OUTPUT_BYTES_MAX: usize = 1_048_576;

/// What has happened since the run was last advanced.
#[derive(Clone, Debug)]
pub enum Input {
    /// Nothing: it is new, or its time has come, or the process that had it is gone.
    Continue,
    /// An effect has been performed: the one that [`Next::Perform`] asked for.
    Outcome(CallOutcome),
    /// The event that the run waits for has come, with this payload.
    Event(Value),
}

/// How an effect ended.
#[derive(Clone, Debug)]
pub struct CallOutcome {
    pub step: String,
    /// Which attempt it was; see [`PendingCall::attempt`].
    pub attempt: usize,
    pub outcome: EffectOutcome,
    pub duration_ms: u64,
}

/// An effect that is to be performed.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingCall {
    pub step: String,
    /// Counted from 1; comes back with the outcome, so that a late one is not taken for another.
    pub attempt: usize,
    pub effect: Effect,
}

/// What has to happen after the commit.
#[derive(Debug, PartialEq)]
pub enum Next {
    /// The run has ended.
    Ended(RunStatus),
    /// This is to be performed, and its outcome brought back.
    Perform(PendingCall),
    /// Nothing before this time.
    Sleep(Timestamp),
    /// More steps; the stretch was long enough.
    Again,
}

/// What a stretch came to.
#[derive(Debug, PartialEq)]
pub struct Progress {
    pub next: Next,
    /// The run's `rev` as it was written; whoever does what comes next has to find it unchanged.
    pub rev: i64,
    /// Whether other runs were started or may go on now, for anybody to take.
    pub frees_runs: bool,
    /// What its steps want to be written to the server's log, now that it is certain that they were executed.
    pub lines: Vec<LogLine>,
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

/// What a stretch goes on in.
pub struct Context<'a> {
    pub session: &'a mut dyn Session,
    pub in_force: &'a InForce,
    pub probe: Probe<'a>,
}

/// Advances a run by one stretch, and writes all of it.
///
/// # Errors
/// Those of the store; the caller rolls back, and the run is as it was.
pub fn advance(mut loaded: Loaded, input: Input, context: Context<'_>) -> StoreResult<Progress> {
    stretch(&mut loaded, false, input, context)
}

/// Inserts a run that is not in the database yet, as it is after its first stretch. What is left of `loaded` is of no use;
/// the caller keeps it, to drop it when nobody waits for that.
///
/// # Errors
/// Those of the store; the caller rolls back, and there is no such run.
pub fn begin(loaded: &mut Loaded, context: Context<'_>) -> StoreResult<Progress> {
    stretch(loaded, true, Input::Continue, context)
}

fn stretch(loaded: &mut Loaded, unwritten: bool, input: Input, context: Context<'_>) -> StoreResult<Progress> {
    let Context { session, in_force, probe } = context;
    let Loaded { run, workflow, scope, passes } = loaded;
    // Most workflows have none, so most runs pay nothing for them.
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
