//! How runs come to be: for a transaction, for an event that something else raised, for a call, and again.
//!
//! A change of an object raises an event; every workflow that listens for it gets a run, in the transaction that made the
//! change. Such a run knows which one started it, and how many stand between it and something from outside. Workflows that
//! start each other in a circle are stopped by a limit on that.
//!
//! Limits: [`DEPTH_MAX`] runs that start each other one after the other.

use serde_json::Value;

mod in_force;
mod lane;

pub use in_force::{CurrentInForce, InForce, Listener, OrgInForce, VariableInForce, call_event};
pub use lane::{insert, trigger_scope, with_lane};

use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::{Run, RunError, RunStatus, Session, StoreResult};
use crate::workflow::Workflow;

/// How many runs may start each other one after the other.
pub const DEPTH_MAX: i64 = 10;

/// What starts a run that no hook started.
#[derive(Clone, Copy, Debug)]
pub struct Cause {
    pub org: Id,
    /// The run that it was; none for a change over HTTP.
    pub parent: Option<Id>,
    /// The depth of the runs that are started.
    pub depth: i64,
}

impl Cause {
    /// Something from outside.
    pub fn outside(org: Id) -> Cause {
        Cause { org, parent: None, depth: 0 }
    }

    /// What `run` did.
    pub fn of(run: &Run) -> Cause {
        Cause { org: run.org, parent: Some(run.id), depth: run.depth + 1 }
    }
}

/// Inserts a queued run for every workflow that listens for the event; how many.
///
/// # Errors
/// Those of the store.
pub fn raise(
    session: &mut dyn Session,
    in_force: &InForce,
    cause: Cause,
    event: &str,
    payload: &Value,
) -> StoreResult<usize> {
    let listeners = in_force.listeners(cause.org, event);
    for listener in listeners {
        let mut run = started_run(cause, listener, payload.clone(), session.now());
        insert(session, &mut run)?;
    }
    Ok(listeners.len())
}

/// A queued run of a workflow with this payload; one that has failed already if too many runs started each other.
pub fn started_run(cause: Cause, listener: &Listener, payload: Value, now: Timestamp) -> Run {
    let workflow = (listener.workflow, listener.version, listener.program.as_ref());
    let run = fresh_run(cause.org, workflow, None, &listener.event, now);
    let run = with_lane(run, &listener.program, &payload);
    let run = Run { input: Some(payload), parent: cause.parent, depth: cause.depth, ..run };
    if cause.depth <= DEPTH_MAX {
        return run;
    }
    let message = format!(
        "{DEPTH_MAX} runs have started each other, one after the other, which is the limit; do workflows start each other \
         in a circle?"
    );
    let error = RunError { code: "event_loop".into(), step: None, action: None, message, problems: Vec::new() };
    Run { status: RunStatus::Failed, error: Some(error), finished_at: Some(now), due_at: None, ..run }
}

/// A queued run of `workflow` for an event that a transaction raised; without its lane, which takes the payload.
pub fn fresh_run(org: Id, workflow: (Id, i64, &Workflow), transaction: Option<Id>, event: &str, now: Timestamp) -> Run {
    let (id, version, workflow) = workflow;
    Run {
        id: Id::generate(),
        org,
        workflow: id,
        workflow_name: workflow.name.clone(),
        version,
        event: event.to_owned(),
        transaction,
        input: None,
        replay_of: None,
        parent: None,
        depth: 0,
        output: None,
        status: RunStatus::Queued,
        position: None,
        steps: 0,
        pending: None,
        error: None,
        created_at: now,
        started_at: None,
        finished_at: None,
        due_at: Some(now),
        held: false,
        rev: 0,
        lane: None,
    }
}

/// A queued run that does again what `original` did, with the same version of the workflow and the same payload; without
/// its lane.
pub fn replay_run(original: &Run, now: Timestamp) -> Run {
    Run {
        id: Id::generate(),
        replay_of: Some(original.id),
        parent: None,
        depth: 0,
        output: None,
        status: RunStatus::Queued,
        position: None,
        steps: 0,
        pending: None,
        error: None,
        created_at: now,
        started_at: None,
        finished_at: None,
        due_at: Some(now),
        held: false,
        rev: 0,
        lane: None,
        ..original.clone()
    }
}
