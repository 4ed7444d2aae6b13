//! Operations: the rows of the tables in [`super::operations`].
//!
//! An operation takes values and returns one, or the reason why there is none. Each can be used as a function,
//! `/#fn:toUpper,steps.1.name`, which keeps the type of the result, and as a template helper, `{{toUpper
//! steps.1.name}}`, which renders it. The row declares the parameters, so that calls are checked when a workflow is
//! loaded.

use std::borrow::Cow;

use serde_json::Value;

use super::compare::parse_number;
use super::dates;
use super::inputs::Inputs;
use super::meter::Exceeded;
use super::report::{Fault, brief};
use crate::objects::{kind_of, nearest};

/// The declaration of an operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub name: &'static str,
    /// Other names: those of other products, and those that people try.
    pub aliases: &'static [&'static str],
    pub parameters: &'static [Parameter],
    /// Whether the last parameter can be repeated.
    pub variadic: bool,
    /// The parameter that takes the rest of a function's text, including commas.
    pub rest: Option<usize>,
    pub output: Output,
    /// The work of a call in units, without the text that it reads and writes.
    pub cost: usize,
    pub run: Run,
}

/// Computes the result, which may borrow from an argument.
pub(super) type Run = for<'a> fn(&mut Inputs<'a, '_>) -> Result<Cow<'a, Value>, OperationError>;

/// How a template renders the result of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Output {
    /// Escaped for HTML by `{{…}}`, like any value.
    Escaped,
    /// Never escaped, because the result is HTML or has no characters to escape.
    Raw,
    /// A Boolean, so the operation is also a block helper: `{{#eq a b}}…{{else}}…{{/eq}}`.
    Boolean,
}

/// A parameter of an operation. Templates can also pass it by name: `format='LL'`.
#[derive(Debug)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub value_type: ValueType,
    pub need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// The argument is required; if its value is missing, there is no result, and a note says so.
    Required,
    /// The argument may be omitted.
    Optional,
    /// The argument is required; a missing value counts as null.
    Nullable,
    /// Like `Nullable`, with a note.
    NullNoted,
}

/// The type of a parameter.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValueType {
    Any,
    /// A string; numbers and Booleans are converted.
    Text,
    /// A number, or a numeric string.
    Number,
    List,
    /// A list or an object.
    Collection,
    /// A date or a date-time.
    Moment,
    /// A string that names something: a description, and a check that the name is valid.
    Named(&'static str, fn(&str) -> Result<(), String>),
    /// One of these names.
    Choice(&'static [&'static str]),
}

/// Why an operation has no result.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum OperationError {
    /// There is no result. The reason becomes a note, and the run continues.
    NoValue(String),
    /// The operation exceeds a limit, and the step fails.
    Exceeded(Exceeded),
}

impl From<Exceeded> for OperationError {
    fn from(exceeded: Exceeded) -> OperationError {
        OperationError::Exceeded(exceeded)
    }
}

impl From<String> for OperationError {
    fn from(reason: String) -> OperationError {
        OperationError::NoValue(reason)
    }
}

impl Operation {
    /// An operation with default settings.
    pub const fn new(name: &'static str, parameters: &'static [Parameter], run: Run) -> Operation {
        Operation { name, aliases: &[], parameters, variadic: false, rest: None, output: Output::Escaped, cost: 1, run }
    }

    pub const fn aliases(self, aliases: &'static [&'static str]) -> Operation {
        Operation { aliases, ..self }
    }

    pub const fn variadic(self) -> Operation {
        Operation { variadic: true, ..self }
    }

    pub const fn rest(self, parameter: usize) -> Operation {
        Operation { rest: Some(parameter), ..self }
    }

    pub const fn output(self, output: Output) -> Operation {
        Operation { output, ..self }
    }

    pub const fn cost(self, cost: usize) -> Operation {
        Operation { cost, ..self }
    }

    /// Whether the result has no characters that mean something in HTML: numbers, dates and identifiers.
    pub fn is_plain(&self) -> bool {
        const PLAIN: [&str; 17] = [
            "parseInt",
            "parseFloat",
            "parseBool",
            "math",
            "round",
            "floor",
            "ceil",
            "abs",
            "toFixed",
            "length",
            "sum",
            "date",
            "dateFormat",
            "parseDate",
            "dateDiff",
            "toE164",
            "randomId",
        ];
        PLAIN.contains(&self.name)
    }

    /// The parameter for the argument at an index; the last one of a variadic operation takes all further arguments.
    pub fn parameter(&self, index: usize) -> Option<&'static Parameter> {
        let repeated = self.parameters.last().filter(|_| self.variadic);
        self.parameters.get(index).or(repeated)
    }

    /// The signature: `dateFormat value format? tz?`.
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        for parameter in self.parameters {
            usage += " ";
            usage += parameter.name;
            usage += if parameter.need == Need::Optional { "?" } else { "" };
        }
        usage + if self.variadic { " …" } else { "" }
    }
}

impl Parameter {
    pub const fn required(name: &'static str, value_type: ValueType) -> Parameter {
        Parameter { name, value_type, need: Need::Required }
    }

    pub const fn optional(name: &'static str, value_type: ValueType) -> Parameter {
        Parameter { name, value_type, need: Need::Optional }
    }

    pub const fn nullable(name: &'static str, value_type: ValueType) -> Parameter {
        Parameter { name, value_type, need: Need::Nullable }
    }
}

impl ValueType {
    /// Checks a literal argument.
    pub fn check(self, literal: &Value) -> Result<(), Fault> {
        let fits = match self {
            ValueType::Any => true,
            ValueType::Text => matches!(literal, Value::String(_) | Value::Number(_) | Value::Bool(_)),
            ValueType::Number => {
                literal.is_number() || literal.as_str().is_some_and(|text| parse_number(text).is_some())
            }
            ValueType::List => literal.is_array(),
            ValueType::Collection => literal.is_array() || literal.is_object(),
            ValueType::Moment => dates::read(literal).is_ok(),
            ValueType::Named(_, check) => {
                let Value::String(name) = literal else { return Err(self.type_error(literal)) };
                return check(name).map_err(Fault::new);
            }
            ValueType::Choice(names) => {
                let known = literal.as_str().is_some_and(|name| names.contains(&name));
                return if known { Ok(()) } else { Err(unknown_choice(literal, names)) };
            }
        };
        if fits { Ok(()) } else { Err(self.type_error(literal)) }
    }

    /// The type in words, with its article.
    pub fn describe(self) -> &'static str {
        match self {
            ValueType::Any => "any value",
            ValueType::Text => "a string",
            ValueType::Number => "a number",
            ValueType::List => "a list",
            ValueType::Collection => "a list or an object",
            ValueType::Moment => "a date",
            ValueType::Named(description, _) => description,
            ValueType::Choice(_) => "one of a few names",
        }
    }

    fn type_error(self, literal: &Value) -> Fault {
        Fault::new(format!("expected {}, not {}", self.describe(), describe(literal)))
    }
}

/// Describes a value for a message.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the string `{}`", brief(text)),
        Value::Number(number) => format!("the number {number}"),
        other => kind_of(other).to_owned(),
    }
}

fn unknown_choice(literal: &Value, names: &'static [&'static str]) -> Fault {
    let fault = Fault::new(format!("expected one of {}, not {}", names.join(", "), describe(literal)));
    match literal.as_str().and_then(|name| nearest(name, names.iter().copied())) {
        Some(suggestion) => fault.help(format!("did you mean `{suggestion}`?")),
        None => fault,
    }
}
