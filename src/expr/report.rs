//! What expressions tell of themselves: what is wrong with one as written, what it refers to, and what was odd or
//! impossible when it was resolved.

use std::borrow::Cow;

use super::{jsonpath, meter, template};

/// What was odd while an expression was resolved; goes into the step's log.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize, utoipa::ToSchema)]
#[schema(as = StepNote)]
pub struct Note {
    /// Where in the params or the condition: `/email`, `/custom/orderIdStr`, `/values/0`.
    pub pointer: String,
    /// The expression as written.
    pub expression: String,
    /// What was odd, in a sentence without a full stop.
    pub message: String,
}

/// What is wrong with an expression as written; found at load time.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// JSON pointer relative to the value that was compiled; empty for that value itself.
    pub pointer: String,
    /// What is wrong, in a sentence without a full stop.
    pub message: String,
    /// What would be right, where that can be told.
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

/// Something that an expression refers to by name and that can be missing altogether.
#[derive(Clone, Debug, PartialEq)]
pub struct Mention {
    /// JSON pointer relative to the value that was compiled.
    pub pointer: String,
    pub subject: Subject,
}

/// What a [`Mention`] is of.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subject {
    /// The step with this id.
    Step(String),
    /// The variable with this id or name.
    Variable(String),
    /// The item of a list, which is only there where a step goes through one.
    Item,
}

/// Why an expression has no value at all, not even a missing one. The run's step fails with this.
#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error("the template `{}` gives more than {} bytes of text", brief(.expression), template::OUTPUT_MAX)]
    OutputTooLarge { expression: String },
    #[error("`{}` takes too much work: {reason}", brief(.expression))]
    TooMuchWork { expression: String, reason: meter::Exceeded },
    #[error("`{}` gives no JSON: {reason}", brief(.expression))]
    NotJson { expression: String, reason: String },
    #[error("the JSONPath `{}` failed: {reason}", brief(.expression))]
    JsonPath { expression: String, reason: String },
    #[error("the JSONPath `{}` finds {count} values; at most {} are allowed", brief(.expression), jsonpath::RESULTS_MAX)]
    TooManyResults { expression: String, count: usize },
}

/// A text short enough for a message: others send megabytes.
pub(super) fn brief(text: &str) -> Cow<'_, str> {
    const CHARACTERS_MAX: usize = 120;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}
