//! The workflows that are in force, as those who start runs have to know them.

use std::sync::Arc;

use crate::id::Id;
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
}
