//! The workflows that are in force, as those who start runs have to know them.

use std::fmt;
use std::sync::{Arc, LazyLock};

use crate::base::id::Id;
use crate::secrets::vault::Vault;
use crate::workflow::Workflow;

/// A workflow that is in force.
#[derive(Clone, Debug)]
pub struct Listener {
    pub workflow: Id,
    pub version: i64,
    /// What starts it: the event that it listens for, or that it was called.
    pub event: String,
    pub program: Arc<Workflow>,
}

/// The event that a call of a workflow raises.
pub fn call_event(workflow_name: &str) -> String {
    format!("workflow.{workflow_name}.call")
}

/// A variable with its value, which is a secret.
pub struct VariableInForce {
    pub id: Id,
    /// The workflow that alone can use it; none if all workflows of the org can.
    pub workflow: Option<Id>,
    pub name: String,
    pub value: String,
}

impl fmt::Debug for VariableInForce {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("VariableInForce").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What is in force at the moment; the engine asks, and somebody above it knows.
pub trait InForce: Send + Sync {
    /// Whether any workflow of the org listens for the event.
    fn is_heard(&self, org: Id, event: &str) -> bool;
    /// The workflows that listen for the event.
    fn listeners(&self, org: Id, event: &str) -> Vec<Listener>;
    /// The callable workflow with this name or id.
    fn callable(&self, org: Id, name_or_id: &str) -> Option<Listener>;
    /// The names of the callable workflows, for suggestions.
    fn callable_names(&self, org: Id) -> Vec<String>;
    /// The variable that a workflow means by its id or name.
    fn variable(&self, org: Id, workflow: Id, id_or_name: &str) -> Option<Arc<VariableInForce>>;
    /// What seals that which holds the values of variables.
    fn vault(&self) -> &Vault;
}

/// Nothing is in force: runs start no other runs.
pub struct Nothing;

impl InForce for Nothing {
    fn is_heard(&self, _: Id, _: &str) -> bool {
        false
    }

    fn listeners(&self, _: Id, _: &str) -> Vec<Listener> {
        Vec::new()
    }

    fn callable(&self, _: Id, _: &str) -> Option<Listener> {
        None
    }

    fn callable_names(&self, _: Id) -> Vec<String> {
        Vec::new()
    }

    fn variable(&self, _: Id, _: Id, _: &str) -> Option<Arc<VariableInForce>> {
        None
    }

    fn vault(&self) -> &Vault {
        static VAULT: LazyLock<Vault> = LazyLock::new(Vault::random);
        &VAULT
    }
}
