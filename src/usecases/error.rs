//! The errors of use cases.

use std::fmt;

use crate::changes::ChangeError;
use crate::objects::Problem;
use crate::store::{StoreError, Taken};
use crate::workflow::Diagnostic;

/// The result of a use case.
pub type UseCaseResult<T> = Result<T, UseCaseError>;

/// Why a use case failed. A failed use case changes nothing.
#[derive(Debug, thiserror::Error)]
pub enum UseCaseError {
    /// The actor's org has no such resource.
    #[error("{0}")]
    NotFound(String),
    /// The state of the resource does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// A query parameter, or another parameter with a name, is invalid.
    #[error("{name}: {detail}")]
    Parameter { name: &'static str, detail: String },
    /// The input is invalid; each problem has a pointer.
    #[error("{}", list(.0))]
    Invalid(Vec<Problem>),
    /// A workflow document is invalid; each finding has a line and column.
    #[error("the document has {} errors", .0.len())]
    Document(Vec<Diagnostic>),
    /// Another resource has the same unique value, which is at `pointer`.
    #[error("{detail}")]
    Taken { pointer: String, detail: String },
    /// Too many callers do this at the moment.
    #[error("{0}")]
    Overloaded(&'static str),
    /// The body of a document is not UTF-8.
    #[error("the body is not UTF-8: {0}")]
    NotUtf8(#[from] std::str::Utf8Error),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl UseCaseError {
    /// No `what` has this id or name.
    pub fn not_found(what: &str, id: impl fmt::Display) -> UseCaseError {
        UseCaseError::NotFound(format!("unknown {what} `{id}`"))
    }

    /// One problem with the input.
    pub fn invalid(pointer: impl Into<String>, message: impl Into<String>) -> UseCaseError {
        UseCaseError::Invalid(vec![Problem::new(pointer, message)])
    }
}

fn list(problems: &[Problem]) -> String {
    let problems = problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message));
    problems.collect::<Vec<_>>().join("; ")
}

impl From<Vec<Problem>> for UseCaseError {
    fn from(problems: Vec<Problem>) -> UseCaseError {
        UseCaseError::Invalid(problems)
    }
}

impl From<Taken> for UseCaseError {
    fn from(taken: Taken) -> UseCaseError {
        UseCaseError::Taken { detail: format!("already used by {}", taken.by), pointer: taken.pointer }
    }
}

impl From<ChangeError> for UseCaseError {
    fn from(error: ChangeError) -> UseCaseError {
        match error {
            ChangeError::Invalid(problems) => problems.into(),
            ChangeError::Taken(taken) => taken.into(),
        }
    }
}
