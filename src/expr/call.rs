//! Calls of operations and their arguments.
//!
//! Functions and templates have their own syntax for calls, but share this representation. Values from the scope, the
//! template and the items of loops are borrowed.

use std::borrow::Cow;

use serde_json::Value;

use super::inputs::Inputs;
use super::local::{Frame, LocalPath};
use super::meter::{Exceeded, Meter};
use super::operation::{Need, Operation, OperationError, Output};
use super::operations;
use super::path::Path;
use super::report::{Fault, Note, Subject, brief};
use super::scope::Scope;
use crate::objects::nearest;

/// An argument of a call, or a value in a template.
#[derive(Clone, Debug)]
pub(super) enum Argument {
    Literal(Value),
    /// A value in the scope.
    Path(Path),
    /// A value of an enclosing block in a template.
    Local(LocalPath),
    Call(Call),
}

/// An operation with its arguments.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub operation: &'static Operation,
    /// In the order of the parameters; `None` for an omitted optional one.
    arguments: Vec<Option<Argument>>,
}

/// The state of evaluating one expression: scope, work limit and notes.
pub(super) struct Evaluation<'w, 'n> {
    pub scope: &'w Scope,
    pub meter: Meter,
    notes: &'n mut Vec<Note>,
    note_count: usize,
    expression: &'n dyn Fn() -> String,
}

/// The most notes of one expression: a loop could add one for each of thousands of items.
const NOTES_MAX: usize = 20;

impl<'w, 'n> Evaluation<'w, 'n> {
    /// `expression` returns the source of the expression, for notes.
    pub fn new(scope: &'w Scope, notes: &'n mut Vec<Note>, expression: &'n dyn Fn() -> String) -> Evaluation<'w, 'n> {
        Evaluation { scope, meter: Meter::new(scope.clock(), scope.work()), notes, note_count: 0, expression }
    }

    /// Adds a note, unless it is already there.
    pub fn note(&mut self, message: String) {
        let own = &self.notes[self.notes.len() - self.note_count..];
        if self.note_count < NOTES_MAX && !own.iter().any(|note| note.message == message) {
            self.note_count += 1;
            self.notes.push(Note { pointer: String::new(), expression: (self.expression)(), message });
        }
    }
}

impl Argument {
    /// The value; `None` if it is missing. A value missing from the scope is noted unless it `may_be_missing`.
    pub fn evaluate<'f, 'w: 'f>(
        &'f self,
        frame: Option<&'f Frame<'f>>,
        evaluation: &mut Evaluation<'w, '_>,
        may_be_missing: bool,
    ) -> Result<Option<Cow<'f, Value>>, Exceeded> {
        match self {
            Argument::Literal(value) => Ok(Some(Cow::Borrowed(value))),
            Argument::Path(path) => {
                let found = path.find(evaluation.scope);
                if found.is_none() && !may_be_missing {
                    evaluation.note(path.explain(evaluation.scope));
                }
                charge_length(found.as_ref(), &evaluation.meter)?;
                Ok(found)
            }
            Argument::Local(path) => {
                let found = path.find(frame, evaluation.scope);
                if found.is_none()
                    && !may_be_missing
                    && let Some(message) = path.explain()
                {
                    evaluation.note(message);
                }
                if let LocalPath::Item { .. } = path {
                    charge_length(found.as_ref(), &evaluation.meter)?;
                }
                Ok(found)
            }
            Argument::Call(call) => call.evaluate(frame, evaluation),
        }
    }

    /// Adds the steps and variables that it refers to.
    pub fn add_subjects(&self, subjects: &mut Vec<Subject>) {
        match self {
            Argument::Literal(_) | Argument::Local(_) => {}
            Argument::Path(path) => subjects.extend(path.subject()),
            Argument::Call(call) => call.add_subjects(subjects),
        }
    }

    /// Adds the names of the paths from the root that it reads.
    pub fn add_paths(&self, paths: &mut Vec<Vec<String>>) {
        match self {
            Argument::Literal(_) | Argument::Local(_) => {}
            Argument::Path(path) => paths.push(path.names()),
            Argument::Call(call) => call.add_paths(paths),
        }
    }

    /// Whether the value may have characters that mean something in HTML.
    pub fn may_be_markup(&self) -> bool {
        match self {
            Argument::Literal(_) | Argument::Local(LocalPath::Loop { .. }) => false,
            Argument::Path(_) | Argument::Local(_) => true,
            Argument::Call(call) => call.operation.output == Output::Escaped && !call.operation.is_plain(),
        }
    }
}

/// Charges the work of counting a length. A value that is not borrowed is a length, and that of a string was counted.
fn charge_length(found: Option<&Cow<'_, Value>>, meter: &Meter) -> Result<(), Exceeded> {
    match found {
        Some(Cow::Owned(Value::Number(length))) => {
            meter.charge_bytes(length.as_u64().and_then(|length| usize::try_from(length).ok()).unwrap_or_default())
        }
        _ => Ok(()),
    }
}

impl Call {
    /// A call with positional and named arguments, validated as far as possible before evaluation.
    pub fn new(
        operation: &'static Operation,
        positional: Vec<Option<Argument>>,
        named: Vec<(String, Argument)>,
    ) -> Result<Call, Fault> {
        let name = operation.name;
        let usage = || format!("usage: `{}`", operation.usage());
        let mut arguments = positional;
        if arguments.len() > operation.parameters.len() && !operation.variadic {
            let (most, count) = (operation.parameters.len(), arguments.len());
            let plural = if most == 1 { "" } else { "s" };
            return Err(
                Fault::new(format!("`{name}` takes at most {most} argument{plural}, not {count}")).help(usage())
            );
        }
        for (parameter_name, argument) in named {
            let index = operation.parameters.iter().position(|parameter| parameter.name == parameter_name);
            let Some(index) = index else { return Err(unknown_parameter(operation, &parameter_name)) };
            arguments.resize_with(arguments.len().max(index + 1), || None);
            if arguments[index].replace(argument).is_some() {
                return Err(Fault::new(format!("`{name}` has `{parameter_name}` twice")).help(usage()));
            }
        }
        arguments.resize_with(arguments.len().max(operation.parameters.len()), || None);
        for (index, argument) in arguments.iter().enumerate() {
            let Some(parameter) = operation.parameter(index) else { continue };
            match argument {
                None if parameter.need != Need::Optional => {
                    return Err(Fault::new(format!("`{name}` requires `{}`", parameter.name)).help(usage()));
                }
                Some(Argument::Literal(literal)) => {
                    let at = |fault: Fault| Fault {
                        message: format!("`{}` of `{name}`: {}", parameter.name, fault.message),
                        help: fault.help.or_else(|| Some(usage())),
                        ..fault
                    };
                    parameter.value_type.check(literal).map_err(at)?;
                }
                _ => {}
            }
        }
        Ok(Call { operation, arguments })
    }

    /// The result of the operation; `None` with a note if there is none.
    pub fn evaluate<'f, 'w: 'f>(
        &'f self,
        frame: Option<&'f Frame<'f>>,
        evaluation: &mut Evaluation<'w, '_>,
    ) -> Result<Option<Cow<'f, Value>>, Exceeded> {
        evaluation.meter.charge(self.operation.cost)?;
        let mut values = Vec::with_capacity(self.arguments.len());
        for (index, argument) in self.arguments.iter().enumerate() {
            let Some(argument) = argument else {
                values.push(None);
                continue;
            };
            let need = self.operation.parameter(index).map_or(Need::Required, |parameter| parameter.need);
            let value = argument.evaluate(frame, evaluation, need == Need::Nullable)?;
            if value.is_none() && matches!(need, Need::Required | Need::Optional) {
                return Ok(None);
            }
            if let Some(Value::String(text)) = value.as_deref() {
                evaluation.meter.charge_bytes(text.len())?;
            }
            values.push(value);
        }
        let mut inputs =
            Inputs { operation: self.operation, values, scope: evaluation.scope, meter: &evaluation.meter };
        match (self.operation.run)(&mut inputs) {
            Ok(value) => {
                if let Cow::Owned(Value::String(text)) = &value {
                    evaluation.meter.charge_bytes(text.len())?;
                }
                Ok(Some(value))
            }
            Err(OperationError::Exceeded(exceeded)) => Err(exceeded),
            Err(OperationError::NoValue(message)) => {
                evaluation.note(message);
                Ok(None)
            }
        }
    }

    pub fn add_paths(&self, paths: &mut Vec<Vec<String>>) {
        self.arguments.iter().flatten().for_each(|argument| argument.add_paths(paths));
    }

    pub fn add_subjects(&self, subjects: &mut Vec<Subject>) {
        self.arguments.iter().flatten().for_each(|argument| argument.add_subjects(subjects));
    }
}

/// Finds an operation by name. `kind` is `function` or `helper`, for the error message.
pub(super) fn find_operation(kind: &str, name: &str, others: &[&'static str]) -> Result<&'static Operation, Fault> {
    if let Some(operation) = operations::find(name) {
        return Ok(operation);
    }
    let names = || operations::names().chain(others.iter().copied());
    let help = match nearest(name, names()) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => {
            let primary = operations::all().map(|operation| operation.name);
            format!("the {kind}s are {}", others.iter().copied().chain(primary).collect::<Vec<_>>().join(", "))
        }
    };
    Err(Fault::new(format!("unknown {kind} `{}`", brief(name))).help(help))
}

fn unknown_parameter(operation: &Operation, name: &str) -> Fault {
    let names = operation.parameters.iter().map(|parameter| parameter.name);
    let help = match nearest(name, names) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => format!("usage: `{}`", operation.usage()),
    };
    Fault::new(format!("`{}` has no parameter `{}`", operation.name, brief(name))).help(help)
}
