//! What the actions on objects share: how they are told which object, and how they end.
//!
//! An action that looks something up and finds nothing does not fail: it outputs an empty object, and the entry says so.
//! One that is to change something has to be told what there is.

use serde_json::{Map, Value};

use super::{Call, Failure, Outcome};
use crate::base::id::Id;
use crate::changes::Refusal;
use crate::objects::{Problem, missing};
use crate::store::{StoreError, StoreResult};

/// The output of an action, or why there is none.
pub(super) type Answer = Result<Value, Stop>;

/// Why an action on an object has no output.
pub(super) enum Stop {
    Store(StoreError),
    Failed(Failure),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Stop {
        Stop::Failed(failure)
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Stop {
        vec![problem].into()
    }
}

impl From<Vec<Problem>> for Stop {
    fn from(problems: Vec<Problem>) -> Stop {
        Stop::Failed(Failure::invalid(problems))
    }
}

/// How the engine is told.
pub(super) fn outcome(answer: Answer) -> StoreResult<Outcome> {
    match answer {
        Ok(output) => Ok(Outcome::Output(output)),
        Err(Stop::Failed(failure)) => Ok(Outcome::Failed(failure)),
        Err(Stop::Store(error)) => Err(error),
    }
}

/// The failure that a refused change of a `what` is.
pub(super) fn refused(what: &str) -> impl Fn(Refusal) -> Failure {
    move |refusal| match refusal {
        Refusal::Invalid(problems) => Failure::invalid(problems),
        Refusal::Taken(taken) => {
            Failure::new("taken", format!("{}: {what} {} has this already", taken.pointer, taken.by))
        }
    }
}

/// Takes a text param out.
pub(super) fn take_text(params: &mut Map<String, Value>, name: &str) -> Option<String> {
    match params.shift_remove(name) {
        Some(Value::String(text)) => Some(text),
        _ => None,
    }
}

/// Takes the id of a `what` out of the params; none if it is absent or null.
pub(super) fn take_id(params: &mut Map<String, Value>, name: &str, what: &str) -> Result<Option<Id>, Problem> {
    let Some(text) = take_text(params, name) else { return Ok(None) };
    let wrong = || format!("`{text}` is not a {what}'s id, which is 24 hexadecimal characters");
    text.trim().parse().map(Some).map_err(|_| Problem::new(format!("/{name}"), wrong()))
}

/// Takes the id of a `what` out of the params, which the spec has seen to that it is there.
pub(super) fn take_required_id(params: &mut Map<String, Value>, name: &str, what: &str) -> Result<Id, Problem> {
    Ok(take_id(params, name, what)?.unwrap_or(Id::MIN))
}

/// A failure because of the attribute `field` as one because of the param that it was made from.
pub(super) fn blame(failure: Failure, field: &str, param: &str) -> Failure {
    let blame = |problem: Problem| match problem.pointer.strip_prefix('/').and_then(|it| it.strip_prefix(field)) {
        Some(rest) => Problem::new(format!("/{param}{rest}"), problem.message),
        None => problem,
    };
    match failure.problems.is_empty() {
        true => failure,
        false => Failure::invalid(failure.problems.into_iter().map(blame).collect()),
    }
}

impl Call<'_> {
    /// Finds the `what` whose id the param `name` says, which has to be there.
    pub(super) fn require<T>(
        &mut self,
        name: &str,
        what: &str,
        find: impl FnOnce(&mut Call<'_>, Id) -> StoreResult<Option<T>>,
    ) -> Result<T, Stop> {
        let id = take_required_id(&mut self.params, name, what)?;
        find(self, id)?.ok_or_else(|| missing(name, what, id).into())
    }

    /// Looks a `what` up by the id that the param `name` says. What can be nobody's id is an id of nothing.
    pub(super) fn look_up(
        &mut self,
        name: &str,
        what: &str,
        find: impl FnOnce(&mut Call<'_>, Id) -> Result<Option<Value>, Stop>,
    ) -> Answer {
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

    /// The output of an action that looks a `what` up by the param `name`: what it found, or an empty object and a note.
    pub(super) fn found(&mut self, name: &str, what: &str, found: Option<Value>) -> Value {
        found.unwrap_or_else(|| {
            self.note(&format!("/{name}"), format!("there is no such {what}"));
            Value::Object(Map::new())
        })
    }

    /// All params, for an object to be read from them.
    pub(super) fn take_params(&mut self) -> Value {
        Value::Object(std::mem::take(&mut self.params))
    }
}
