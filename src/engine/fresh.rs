//! Runs in memory.

use std::sync::Arc;

use serde_json::Value;

use crate::events::trigger_scope;
use crate::expr::Scope;
use crate::store::Run;
use crate::workflow::Workflow;

/// A run with everything that [`super::advance`] needs.
pub struct Loaded {
    pub run: Run,
    pub workflow: Arc<Workflow>,
    pub scope: Scope,
    /// How often the run has begun: more than once after `retry-workflow`.
    pub passes: u32,
}

impl Loaded {
    /// A run that has not begun. `payload` is its event's.
    pub fn fresh(run: Run, workflow: Arc<Workflow>, payload: Value) -> Loaded {
        let scope = trigger_scope(&run, &workflow, payload);
        Loaded { run, workflow, scope, passes: 0 }
    }
}
