//! Calls: events for one callable workflow.

use serde_json::{Map, Value};

use super::{Cause, Event, InForce, Listener, Start};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::{Problem, unknown};

/// The callable workflow with this name or id.
///
/// # Errors
/// If there is none, with a suggestion.
pub fn callable<'a>(in_force: &'a InForce, org: Id, name_or_id: &str) -> Result<&'a Listener, String> {
    let missing = || unknown("callable workflow", name_or_id, in_force.callable_names(org));
    in_force.callable(org, name_or_id).ok_or_else(missing)
}

/// The start of a callable workflow, with inputs that fit its schema.
///
/// # Errors
/// Every problem with the inputs, with its pointer.
pub fn call(
    org: Id,
    listener: &Listener,
    inputs: Map<String, Value>,
    cause: Cause,
    now: Timestamp,
) -> Result<Start, Vec<Problem>> {
    let schema = listener.program.trigger.callable.clone().unwrap_or_default();
    let inputs = schema.accept(inputs)?;
    let event = Event::new(org, listener.event.as_str(), Value::Object(inputs), cause, now);
    Ok(Start::new(event, listener))
}
