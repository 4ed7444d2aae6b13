//! The lane of a run, in which it takes turns with others.
//!
//! A run's lane is a hash of its workflow and its key, computed when the run is created. A run gets its place in the
//! lane in the transaction that inserts it, so runs begin in the order of those commits.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::expr::{Environment, Scope};
use crate::store::{Lane, Run, Session, StoreResult, Turn};
use crate::workflow::Workflow;

/// Finds the lane of a run that has not ended, if its workflow has a limit. `payload` is that of the run's event.
pub fn find_lane(run: &mut Run, workflow: &Workflow, payload: &Value) {
    let Some(concurrency) = workflow.concurrency.as_ref().filter(|_| run.status.is_open()) else { return };
    let mut scope = trigger_scope(run, workflow, payload.clone());
    scope.set_moment(run.created_at, 0);
    let (key, _) = concurrency.key(&scope);
    // A missing key differs from any key, and keys of two workflows differ.
    let text = format!("{}/{}", run.workflow, key.map(|key| format!("={key}")).unwrap_or_default());
    let id = hex::encode(&Sha256::digest(text)[..16]);
    run.lane = Some(Lane { id, limit: concurrency.limit, turn: Turn::Later });
}

/// Inserts a run that has not begun. If it is due and has a lane, it first gets its place there, and may have to wait.
///
/// # Errors
/// Those of the store.
pub fn insert(session: &mut dyn Session, run: &mut Run) -> StoreResult<()> {
    let is_later = run.lane.as_ref().is_some_and(|lane| lane.turn == Turn::Later);
    if is_later && run.due_at.is_some_and(|due_at| due_at <= session.now()) {
        session.enter_lane(run)?;
    }
    session.insert_run(run)
}

/// The scope of `run` with the event's payload, under the trigger's id and under `1`.
pub fn trigger_scope(run: &Run, workflow: &Workflow, payload: Value) -> Scope {
    let mut scope = Scope::new();
    let app_version = env!("CARGO_PKG_VERSION");
    scope.set_environment(Environment { org: run.org, workflow: run.workflow, run: run.id, app_version });
    if workflow.trigger.id != "1" {
        scope.set_step("1", payload.clone());
    }
    scope.set_step(&workflow.trigger.id, payload);
    scope
}
