//! Calls of operations, and what they are called with.
//!
//! Functions and templates have their own ways to write a call; what is read from them is the same, and evaluated here.
//! Values are borrowed wherever they come from the scope, the template or the item of a loop.

use std::borrow::Cow;

use serde_json::Value;

use super::inputs::Inputs;
use super::meter::{Exceeded, Meter};
use super::operation::{Need, Operation, Trouble};
use super::operations;
use super::path::Path;
use super::place::{Frame, Place};
use super::report::{Fault, Note, Subject, brief};
use super::scope::Scope;
use crate::objects::nearest;

/// What stands for a value in a call or a template.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Literal(Value),
    /// A value in the scope.
    Path(Path),
    /// A value that is known within a block of a template only.
    Place(Place),
    Call(Call),
}

/// An operation with what it is called on.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub operation: &'static Operation,
    /// At the place of each parameter; `None` where an optional one was left out.
    arguments: Vec<Option<Argument>>,
}

/// One evaluation of a whole expression: what it sees, what it may take, and what is odd about it.
pub(super) struct Work<'w, 'n> {
    pub scope: &'w Scope,
    pub meter: Meter,
    notes: &'n mut Vec<Note>,
    noted: usize,
    expression: &'n dyn Fn() -> String,
}

/// How many notes one expression may make: a loop can find the same thing wrong with each of a thousand items.
const NOTES_MAX: usize = 20;

impl<'w, 'n> Work<'w, 'n> {
    /// `expression` writes the expression as it was written, for notes.
    pub fn new(scope: &'w Scope, notes: &'n mut Vec<Note>, expression: &'n dyn Fn() -> String) -> Work<'w, 'n> {
        Work { scope, meter: Meter::new(scope.clock(), scope.work()), notes, noted: 0, expression }
    }

    /// Tells something odd, once.
    pub fn note(&mut self, message: String) {
        let own = &self.notes[self.notes.len() - self.noted..];
        if self.noted < NOTES_MAX && !own.iter().any(|note| note.message == message) {
            self.noted += 1;
            self.notes.push(Note { pointer: String::new(), expression: (self.expression)(), message });
        }
    }
}

impl Argument {
    /// The value, or `None` if there is none. What is missing from the scope is noted unless that was `asked`.
    pub fn evaluate<'f, 'w: 'f>(
        &'f self,
        frame: Option<&'f Frame<'f>>,
        work: &mut Work<'w, '_>,
        asked: bool,
    ) -> Result<Option<Cow<'f, Value>>, Exceeded> {
        match self {
            Argument::Literal(value) => Ok(Some(Cow::Borrowed(value))),
            Argument::Path(path) => {
                let found = path.find(work.scope);
                if found.is_none() && !asked {
                    work.note(path.explain(work.scope));
                }
                charge_length(found.as_ref(), &work.meter)?;
                Ok(found)
            }
            Argument::Place(place) => {
                let found = place.find(frame, work.scope);
                if found.is_none()
                    && !asked
                    && let Some(message) = place.explain()
                {
                    work.note(message);
                }
                if let Place::Item { .. } = place {
                    charge_length(found.as_ref(), &work.meter)?;
                }
                Ok(found)
            }
            Argument::Call(call) => call.evaluate(frame, work),
        }
    }

    /// Adds the steps and variables that it is about.
    pub fn add_subjects(&self, subjects: &mut Vec<Subject>) {
        match self {
            Argument::Literal(_) | Argument::Place(_) => {}
            Argument::Path(path) => subjects.extend(path.subject()),
            Argument::Call(call) => call.add_subjects(subjects),
        }
    }
}

/// A value that is not borrowed is a length; that of a text was counted.
fn charge_length(found: Option<&Cow<'_, Value>>, meter: &Meter) -> Result<(), Exceeded> {
    match found {
        Some(Cow::Owned(Value::Number(length))) => {
            meter.charge_bytes(length.as_u64().and_then(|length| usize::try_from(length).ok()).unwrap_or_default())
        }
        _ => Ok(()),
    }
}

impl Call {
    /// A call of the operation called `name` on what was written in order and by name, checked as far as it can be.
    pub fn new(
        operation: &'static Operation,
        positional: Vec<Option<Argument>>,
        named: Vec<(String, Argument)>,
    ) -> Result<Call, Fault> {
        let name = operation.name;
        let usage = || format!("it is called like `{}`", operation.usage());
        let mut arguments = positional;
        if arguments.len() > operation.parameters.len() && !operation.variadic {
            let (most, given) = (operation.parameters.len(), arguments.len());
            let plural = if most == 1 { "" } else { "s" };
            return Err(
                Fault::new(format!("`{name}` takes at most {most} argument{plural}, not {given}")).help(usage())
            );
        }
        for (parameter_name, argument) in named {
            let place = operation.parameters.iter().position(|parameter| parameter.name == parameter_name);
            let Some(place) = place else { return Err(unknown_parameter(operation, &parameter_name)) };
            arguments.resize_with(arguments.len().max(place + 1), || None);
            if arguments[place].replace(argument).is_some() {
                return Err(Fault::new(format!("`{name}` is given `{parameter_name}` twice")).help(usage()));
            }
        }
        arguments.resize_with(arguments.len().max(operation.parameters.len()), || None);
        for (place, argument) in arguments.iter().enumerate() {
            let Some(parameter) = operation.parameter(place) else { continue };
            match argument {
                None if parameter.need != Need::Optional => {
                    return Err(Fault::new(format!("`{name}` needs `{}`", parameter.name)).help(usage()));
                }
                Some(Argument::Literal(literal)) => {
                    let at = |fault: Fault| Fault {
                        message: format!("`{}` of `{name}`: {}", parameter.name, fault.message),
                        help: fault.help.or_else(|| Some(usage())),
                        ..fault
                    };
                    parameter.kind.check(literal).map_err(at)?;
                }
                _ => {}
            }
        }
        Ok(Call { operation, arguments })
    }

    /// What the operation gives; `None` and a note if there is nothing.
    pub fn evaluate<'f, 'w: 'f>(
        &'f self,
        frame: Option<&'f Frame<'f>>,
        work: &mut Work<'w, '_>,
    ) -> Result<Option<Cow<'f, Value>>, Exceeded> {
        work.meter.charge(self.operation.cost)?;
        let mut values = Vec::with_capacity(self.arguments.len());
        for (place, argument) in self.arguments.iter().enumerate() {
            let Some(argument) = argument else {
                values.push(None);
                continue;
            };
            let need = self.operation.parameter(place).map_or(Need::Required, |parameter| parameter.need);
            let value = argument.evaluate(frame, work, need == Need::Nullable)?;
            if value.is_none() && matches!(need, Need::Required | Need::Optional) {
                return Ok(None);
            }
            if let Some(Value::String(text)) = value.as_deref() {
                work.meter.charge_bytes(text.len())?;
            }
            values.push(value);
        }
        let mut inputs = Inputs { operation: self.operation, values, scope: work.scope, meter: &work.meter };
        match (self.operation.run)(&mut inputs) {
            Ok(value) => {
                if let Cow::Owned(Value::String(text)) = &value {
                    work.meter.charge_bytes(text.len())?;
                }
                Ok(Some(value))
            }
            Err(Trouble::Exceeded(exceeded)) => Err(exceeded),
            Err(Trouble::Nothing(message)) => {
                work.note(message);
                Ok(None)
            }
        }
    }

    pub fn add_subjects(&self, subjects: &mut Vec<Subject>) {
        self.arguments.iter().flatten().for_each(|argument| argument.add_subjects(subjects));
    }
}

/// The operation called `name`; `what` it is called where it is written.
pub(super) fn find_operation(what: &str, name: &str, others: &[&'static str]) -> Result<&'static Operation, Fault> {
    if let Some(operation) = operations::find(name) {
        return Ok(operation);
    }
    let names = || operations::names().chain(others.iter().copied());
    let help = match nearest(name, names()) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => {
            let primary = operations::all().map(|operation| operation.name);
            format!("the {what}s are {}", others.iter().copied().chain(primary).collect::<Vec<_>>().join(", "))
        }
    };
    Err(Fault::new(format!("unknown {what} `{}`", brief(name))).help(help))
}

fn unknown_parameter(operation: &Operation, name: &str) -> Fault {
    let names = operation.parameters.iter().map(|parameter| parameter.name);
    let help = match nearest(name, names) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => format!("it is called like `{}`", operation.usage()),
    };
    Fault::new(format!("`{}` takes no `{}`", operation.name, brief(name))).help(help)
}
