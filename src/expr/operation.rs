//! What an operation is: a row of the tables in [`super::operations`].
//!
//! An operation takes values and gives one, or says why there is none. Each can be used in two ways: as a function,
//! `/#fn:toUpper,steps.1.name`, which keeps the type of what it gives, and as a helper in a template, `{{toUpper
//! steps.1.name}}`, which shows it. The row says what it takes, so that calls are checked when a workflow is loaded.

use std::borrow::Cow;

use serde_json::Value;

use super::compare::parse_number;
use super::dates;
use super::inputs::Inputs;
use super::meter::Exceeded;
use super::report::{Fault, brief};
use crate::objects::{kind_of, nearest};

/// One row.
#[derive(Debug)]
pub(super) struct Operation {
    pub name: &'static str,
    /// Other spellings: other products', and those that people try.
    pub aliases: &'static [&'static str],
    pub parameters: &'static [Parameter],
    /// Whether the last parameter can be given more than once.
    pub variadic: bool,
    /// Which parameter takes all the rest of a function's text, commas included.
    pub rest: Option<usize>,
    pub shown: Shown,
    /// How many units of work a call is, beside the text that it reads and makes.
    pub cost: usize,
    pub run: Run,
}

/// Does the work. What it gives may be a part of what it was given.
pub(super) type Run = for<'a> fn(&mut Inputs<'a, '_>) -> Result<Cow<'a, Value>, Trouble>;

/// How what an operation gives is shown in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// Escaped for HTML by `{{…}}`, as all values are.
    Escaped,
    /// Never escaped: it is HTML already, or in letters that mean nothing there.
    AsIs,
    /// It is true or false, so that it can also open a block: `{{#eq a b}}…{{else}}…{{/eq}}`.
    Test,
}

/// What an operation takes at one place. In a template it can also be given by its name: `format='LL'`.
#[derive(Debug)]
pub(super) struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Has to be written; if there is nothing then, the operation gives nothing, and a note says so.
    Required,
    /// May be left out.
    Optional,
    /// Has to be written; if there is nothing then, it counts as null.
    Nullable,
    /// The same, but with a note.
    NullNoted,
}

/// What values a parameter takes.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Any,
    /// A text; numbers and booleans become one.
    Text,
    /// A number, or a text that is one.
    Number,
    List,
    /// A list or an object.
    Group,
    /// A date or a moment.
    Moment,
    /// A text that names something, what that is, and how to find out whether there is such a thing.
    Named(&'static str, fn(&str) -> Result<(), String>),
    /// One of these names.
    Choice(&'static [&'static str]),
}

/// Why an operation gives no value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Trouble {
    /// There is none. The sentence says why and becomes a note; the run goes on.
    Nothing(String),
    /// It asks for too much. The step fails.
    Exceeded(Exceeded),
}

impl From<Exceeded> for Trouble {
    fn from(exceeded: Exceeded) -> Trouble {
        Trouble::Exceeded(exceeded)
    }
}

impl From<String> for Trouble {
    fn from(reason: String) -> Trouble {
        Trouble::Nothing(reason)
    }
}

impl Operation {
    /// A row with nothing special about it.
    pub const fn new(name: &'static str, parameters: &'static [Parameter], run: Run) -> Operation {
        Operation { name, aliases: &[], parameters, variadic: false, rest: None, shown: Shown::Escaped, cost: 1, run }
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

    pub const fn shown(self, shown: Shown) -> Operation {
        Operation { shown, ..self }
    }

    pub const fn cost(self, cost: usize) -> Operation {
        Operation { cost, ..self }
    }

    /// The parameter that takes the value at a place; the last one of a variadic operation takes all further ones.
    pub fn parameter(&self, place: usize) -> Option<&'static Parameter> {
        let further = self.parameters.last().filter(|_| self.variadic);
        self.parameters.get(place).or(further)
    }

    /// How it is called: `dateFormat value format? tz?`.
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
    pub const fn required(name: &'static str, kind: Kind) -> Parameter {
        Parameter { name, kind, need: Need::Required }
    }

    pub const fn optional(name: &'static str, kind: Kind) -> Parameter {
        Parameter { name, kind, need: Need::Optional }
    }

    pub const fn nullable(name: &'static str, kind: Kind) -> Parameter {
        Parameter { name, kind, need: Need::Nullable }
    }
}

impl Kind {
    /// What is wrong with a value that stands in the document.
    pub fn check(self, literal: &Value) -> Result<(), Fault> {
        let fits = match self {
            Kind::Any => true,
            Kind::Text => matches!(literal, Value::String(_) | Value::Number(_) | Value::Bool(_)),
            Kind::Number => literal.is_number() || literal.as_str().is_some_and(|text| parse_number(text).is_some()),
            Kind::List => literal.is_array(),
            Kind::Group => literal.is_array() || literal.is_object(),
            Kind::Moment => dates::read(literal).is_ok(),
            Kind::Named(_, check) => {
                let Value::String(name) = literal else { return Err(self.misfit(literal)) };
                return check(name).map_err(Fault::new);
            }
            Kind::Choice(names) => {
                let known = literal.as_str().is_some_and(|name| names.contains(&name));
                return if known { Ok(()) } else { Err(unknown_choice(literal, names)) };
            }
        };
        if fits { Ok(()) } else { Err(self.misfit(literal)) }
    }

    /// What it takes, with its article.
    pub fn describe(self) -> &'static str {
        match self {
            Kind::Any => "any value",
            Kind::Text => "a text",
            Kind::Number => "a number",
            Kind::List => "a list",
            Kind::Group => "a list or an object",
            Kind::Moment => "a date",
            Kind::Named(what, _) => what,
            Kind::Choice(_) => "one of a few names",
        }
    }

    fn misfit(self, literal: &Value) -> Fault {
        Fault::new(format!("expected {}, not {}", self.describe(), shown(literal)))
    }
}

/// A value as a message shows it.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("the text `{}`", brief(text)),
        Value::Number(number) => format!("the number {number}"),
        other => kind_of(other).to_owned(),
    }
}

fn unknown_choice(literal: &Value, names: &'static [&'static str]) -> Fault {
    let fault = Fault::new(format!("expected one of {}, not {}", names.join(", "), shown(literal)));
    match literal.as_str().and_then(|name| nearest(name, names.iter().copied())) {
        Some(suggestion) => fault.help(format!("did you mean `{suggestion}`?")),
        None => fault,
    }
}
