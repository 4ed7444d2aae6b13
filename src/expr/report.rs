//! Reports about expressions: faults in the source, the names that it refers to, and notes and errors of evaluation.

use std::borrow::Cow;

use super::{jsonpath, meter, template};

/// A remark about the evaluation of an expression, for the step's log.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = StepNote)]
pub struct Note {
    /// JSON pointer into the params or the condition: `/email`, `/custom/orderIdStr`, `/values/0`.
    pub pointer: String,
    /// The source of the expression.
    pub expression: String,
    /// A sentence without a full stop.
    pub message: String,
}

/// An error in the source of an expression, found when a workflow is loaded.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// JSON pointer relative to the compiled value; empty for the value itself.
    pub pointer: String,
    /// What is wrong, as a sentence without a full stop.
    pub message: String,
    /// How to fix it, if known.
    pub help: Option<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Fault {
        Fault { pointer: String::new(), message: message.into(), help: None }
    }

    pub(super) fn help(self, help: impl Into<String>) -> Fault {
        Fault { help: Some(help.into()), ..self }
    }
}

/// A name in an expression that may not exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// JSON pointer relative to the compiled value.
    pub pointer: String,
    pub subject: Subject,
}

/// What a [`Mention`] refers to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The step with this id.
    Step(String),
    /// The variable with this id or name.
    Variable(String),
    /// The item of a list, which exists only in a step that iterates over one.
    Item,
}

/// Why an expression can't be evaluated. The run's step fails with this error.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error("`{}` was accepted by an earlier version, but is not valid: {reason}", brief(.expression))]
    Invalid { expression: String, reason: String },
    #[error("the output of the template `{}` is longer than {} bytes", brief(.expression), template::OUTPUT_MAX)]
    OutputTooLarge { expression: String },
    #[error("`{}` is too expensive: {reason}", brief(.expression))]
    TooMuchWork { expression: String, reason: meter::Exceeded },
    #[error("the result of `{}` is not valid JSON: {reason}", brief(.expression))]
    NotJson { expression: String, reason: String },
    #[error("the JSONPath `{}` looks at more than {} values", brief(.expression), jsonpath::VISITS_MAX)]
    TooManyVisits { expression: String },
    #[error("the JSONPath `{}` selects {count} values; the limit is {}", brief(.expression), jsonpath::RESULTS_MAX)]
    TooManyResults { expression: String, count: usize },
}

/// Shortens a text for a message: senders may send megabytes.
pub(super) fn brief(text: &str) -> Cow<'_, str> {
    const CHARACTERS_MAX: usize = 120;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
