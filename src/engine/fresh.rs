//! Runs that have just been made.

use std::sync::Arc;

use serde_json::Value;

use crate::expr::{Environment, Scope};
use crate::store::Run;
use crate::workflow::Workflow;

/// A run with all that [`super::advance`] needs to carry it on.
pub struct Loaded {
    pub run: Run,
    pub workflow: Arc<Workflow>,
    pub scope: Scope,
    /// How often it has begun: more than once if it was begun anew after a failure.
    pub passes: u32,
}

impl Loaded {
    /// A run that has not begun, with the payload of its event.
    pub fn fresh(run: Run, workflow: Arc<Workflow>, payload: Value) -> Loaded {
        let scope = trigger_scope(&run, &workflow, payload);
        Loaded { run, workflow, scope, passes: 0 }
    }
}

/// A scope of `run` with the event's payload: under the trigger's own id, and always under `1`.
pub(super) fn trigger_scope(run: &Run, workflow: &Workflow, payload: Value) -> Scope {
    let mut scope = Scope::new();
    let app_version = env!("CARGO_PKG_VERSION");
    scope.set_environment(Environment { org: run.org, workflow: run.workflow, run: run.id, app_version });
    if workflow.trigger.id != "1" {
        scope.set_step("1", payload.clone());
    }
    scope.set_step(&workflow.trigger.id, payload);
    scope
}
