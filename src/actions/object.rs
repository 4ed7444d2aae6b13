//! Code shared by the actions on objects: how they identify an object, and how they end.
//!
//! A lookup that finds nothing does not fail: it outputs an empty object, and the entry says so. A change needs an
//! existing object.

use serde_json::{Map, Value};

use super::{ActionOutcome, Call, StepFailure};
use crate::base::id::Id;
use crate::changes::ChangeError;
use crate::objects::{Problem, missing};
use crate::store::{StoreError, StoreResult};

/// The output of an action, or why there is none.
pub(super) type ActionResult = Result<Value, ActionError>;

/// Why an action on an object has no output.
pub(super) enum ActionError {
    Store(StoreError),
    Failed(StepFailure),
}

impl From<StoreError> for ActionError {
    fn from(error: StoreError) -> ActionError {
        ActionError::Store(error)
    }
}

impl From<StepFailure> for ActionError {
    fn from(failure: StepFailure) -> ActionError {
        ActionError::Failed(failure)
    }
}

impl From<Problem> for ActionError {
    fn from(problem: Problem) -> ActionError {
        vec![problem].into()
    }
}

impl From<Vec<Problem>> for ActionError {
    fn from(problems: Vec<Problem>) -> ActionError {
        ActionError::Failed(StepFailure::invalid(problems))
    }
}

/// Converts the result for the engine.
pub(super) fn outcome(result: ActionResult) -> StoreResult<ActionOutcome> {
    match result {
        Ok(output) => Ok(ActionOutcome::Output(output)),
        Err(ActionError::Failed(failure)) => Ok(ActionOutcome::Failed(failure)),
        Err(ActionError::Store(error)) => Err(error),
    }
}

/// Converts a refused change of a `what` into a failure.
pub(super) fn refused(what: &str) -> impl Fn(ChangeError) -> StepFailure {
    move |refusal| match refusal {
        ChangeError::Invalid(problems) => StepFailure::invalid(problems),
        ChangeError::Taken(taken) => {
            StepFailure::new("taken", format!("{}: already used by {what} {}", taken.pointer, taken.by))
        }
    }
}

/// Removes and returns a string param.
pub(super) fn take_text(params: &mut Map<String, Value>, name: &str) -> Option<String> {
    match params.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Removes and returns the id of a `what`; `None` if absent or null.
pub(super) fn take_id(params: &mut Map<String, Value>, name: &str, what: &str) -> Result<Option<Id>, Problem> {
    let Some(text) = take_text(params, name) else { return Ok(None) };
    let message = || format!("`{text}` is not a valid {what} id, which has 24 hexadecimal characters");
    text.trim().parse().map(Some).map_err(|_| Problem::new(format!("/{name}"), message()))
}

/// Removes and returns the required id of a `what`; the spec guarantees that it is present.
pub(super) fn take_required_id(params: &mut Map<String, Value>, name: &str, what: &str) -> Result<Id, Problem> {
    Ok(take_id(params, name, what)?.unwrap_or(Id::MIN))
}

/// Moves the problems of a failure from the attribute `field` to the param that it was made from.
pub(super) fn blame_param(failure: StepFailure, field: &str, param: &str) -> StepFailure {
    let move_problem =
        |problem: Problem| match problem.pointer.strip_prefix('/').and_then(|pointer| pointer.strip_prefix(field)) {
            Some(rest) => Problem::new(format!("/{param}{rest}"), problem.message),
            None => problem,
        };
    match failure.problems.is_empty() {
        true => failure,
        false => StepFailure::invalid(failure.problems.into_iter().map(move_problem).collect()),
    }
}

impl Call<'_> {
    /// Finds the `what` whose id is in the param `name`; it is an error if there is none.
    pub(super) fn require<T>(
        &mut self,
        name: &str,
        what: &str,
        find: impl FnOnce(&mut Call<'_>, Id) -> StoreResult<Option<T>>,
    ) -> Result<T, ActionError> {
        let id = take_required_id(&mut self.params, name, what)?;
        find(self, id)?.ok_or_else(|| missing(name, what, id).into())
    }

    /// Looks up a `what` by the id in the param `name`. An invalid id matches nothing.
    pub(super) fn look_up(
        &mut self,
        name: &str,
        what: &str,
        find: impl FnOnce(&mut Call<'_>, Id) -> Result<Option<Value>, ActionError>,
    ) -> ActionResult {
        match take_required_id(&mut self.params, name, what) {
            Ok(id) => {
                let found = find(self, id)?;
                Ok(self.found(name, what, found))
            }
            Err(problem) => {
                self.note(&problem.pointer, problem.message);
                Ok(Value::Object(Map::new()))
            }
        }
    }

    /// The output of a lookup by the param `name`: the object found, or an empty object and a note.
    pub(super) fn found(&mut self, name: &str, what: &str, found: Option<Value>) -> Value {
        found.unwrap_or_else(|| {
            self.note(&format!("/{name}"), format!("there is no such {what}"));
            Value::Object(Map::new())
        })
    }

    /// Removes and returns all params, to read an object from them.
    pub(super) fn take_params(&mut self) -> Value {
        Value::Object(std::mem::take(&mut self.params))
    }
}
