//! Runs that have just been made.

use std::sync::Arc;

use serde_json::Value;

use crate::events::trigger_scope;
use crate::expr::Scope;
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
