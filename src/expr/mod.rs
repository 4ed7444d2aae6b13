//! Expressions in the params and conditions of workflows.
//!
//! A string in a param is one of five things: `"/#steps.2.id"` is a reference and keeps the type of its value;
//! `"/#$.steps.1.items[*].sku"` is a JSONPath and evaluates to a list; `"/#fn:parseInt,steps.1.total"` calls a
//! function; a string that contains `{{` is a Handlebars template and evaluates to a string; every other string is a
//! literal. Only a whole string is a reference: `"Order /#steps.1.id"` is a literal. Lists and objects can contain
//! expressions.
//!
//! [`Expr::compile`] and [`Condition::compile`] run when a workflow is loaded and report every [`Fault`] in an
//! expression; `compile_stored` accepts what an older version accepted. [`Expr::resolve`] and [`Condition::evaluate`] run for every step of every run and borrow data: a
//! reference clones only its result. A missing value does not stop a run; it adds a [`Note`].
//!
//! Limits: 64 KiB per expression and per template output, 64 segments per path, 4 KiB and 10,000 results per JSONPath.
//! Everything here is pure.

mod call;
mod compare;
mod condition;
mod dates;
mod function;
mod inputs;
mod invalid;
mod jsonpath;
mod keys;
mod local;
mod meter;
mod number_text;
mod operation;
mod operations;
mod operator;
mod path;
mod references;
mod report;
mod scope;
mod secrets;
mod spelling;
mod template;

pub use condition::{Condition, ConditionResult, Operand};
pub use invalid::Invalid;
pub use meter::Clock;
pub use operator::Operator;
pub use references::Reference;
pub use report::{EvalError, Fault, Mention, Note, Subject};
pub use scope::{Environment, Scope};
pub use secrets::{Secrets, mask};

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde_json::{Map, Value};

use crate::objects::escape_pointer;

/// The longest expression, in bytes.
pub const SOURCE_MAX: usize = 64 * 1024;

/// A compiled param or operand.
#[derive(Clone, Debug)]
pub enum Expr {
    /// A value without expressions.
    Literal(Value),
    /// The value at a path: `"/#steps.2.id"`.
    Reference(path::Path),
    /// The list of values that a JSONPath selects.
    JsonPath(jsonpath::JsonPath),
    /// The result of a function.
    Function(function::Function),
    /// The output of a template.
    Template(template::Template),
    /// A list that contains an expression.
    Array(Vec<Expr>),
    /// An object that contains an expression.
    Object(Vec<(String, Expr)>),
    /// An expression of a stored document that this version refuses. Evaluating it is an error.
    Invalid(Invalid),
}

impl Expr {
    /// Compiles a param.
    ///
    /// # Errors
    /// All faults.
    pub fn compile(value: &Value) -> Result<Expr, Vec<Fault>> {
        match value {
            Value::String(text) => compile_text(text).map_err(|fault| vec![fault]),
            Value::Array(items) => {
                let items = compile_all(items.iter().enumerate().map(|(index, item)| (index.to_string(), item)))?;
                let literal = items.iter().all(|(_, item)| item.as_literal().is_some());
                let items = items.into_iter().map(|(_, item)| item).collect();
                Ok(if literal { Expr::Literal(value.clone()) } else { Expr::Array(items) })
            }
            Value::Object(fields) => {
                let fields = compile_all(fields.iter().map(|(name, field)| (name.clone(), field)))?;
                let literal = fields.iter().all(|(_, field)| field.as_literal().is_some());
                Ok(if literal { Expr::Literal(value.clone()) } else { Expr::Object(fields) })
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(Expr::Literal(value.clone())),
        }
    }

    /// Compiles a param of a document that was accepted when it was stored. What this version refuses fails when it is
    /// evaluated, so that everything else in the document keeps working.
    pub fn compile_stored(value: &Value) -> Expr {
        Expr::compile(value).unwrap_or_else(|faults| Expr::Invalid(Invalid::new(value, &faults)))
    }

    /// Evaluates the expression; `None` if it refers to a missing value. A missing member of an object is omitted, and
    /// a missing entry of a list is null. Each missing value is noted, with a pointer below `pointer`.
    pub fn resolve(&self, scope: &Scope, pointer: &str, notes: &mut Vec<Note>) -> Result<Option<Value>, EvalError> {
        let start = notes.len();
        let value = self.evaluate(scope, notes)?;
        for note in &mut notes[start..] {
            note.pointer.insert_str(0, pointer);
        }
        Ok(value.map(Cow::into_owned))
    }

    /// Like [`Expr::resolve`], for a param that contains JSON: a string or template in the form of JSON evaluates to
    /// the parsed value. Values are escaped so that they can't break the structure of a template.
    pub fn resolve_json(
        &self,
        scope: &Scope,
        pointer: &str,
        notes: &mut Vec<Note>,
    ) -> Result<Option<Value>, EvalError> {
        let start = notes.len();
        let value = match self {
            Expr::Literal(Value::String(text)) => read_json(text),
            Expr::Template(template) => template.render_json(scope, notes),
            _ => None,
        };
        let Some(value) = value else { return self.resolve(scope, pointer, notes) };
        for note in &mut notes[start..] {
            note.pointer.insert_str(0, pointer);
        }
        value.map(Some)
    }

    /// The steps and variables that the expression refers to, with pointers.
    pub fn mentions(&self) -> Vec<Mention> {
        let mut subjects = Vec::new();
        match self {
            Expr::Literal(_) | Expr::Invalid(_) => {}
            Expr::Reference(path) => subjects.extend(path.subject()),
            Expr::JsonPath(query) => subjects.extend(query.subject()),
            Expr::Function(call) => call.add_subjects(&mut subjects),
            Expr::Template(template) => subjects.extend_from_slice(template.subjects()),
            Expr::Array(items) => {
                let items = items.iter().enumerate();
                return items.flat_map(|(index, item)| within(item.mentions(), &index.to_string())).collect();
            }
            Expr::Object(fields) => {
                return fields.iter().flat_map(|(name, field)| within(field.mentions(), name)).collect();
            }
        }
        let mention = |subject: Subject| Mention { pointer: String::new(), subject };
        subjects.into_iter().map(mention).collect()
    }

    /// Whether the result is always a string.
    pub fn is_always_string(&self) -> bool {
        matches!(self, Expr::Template(template) if !template.is_json())
    }

    /// The value, if the expression is a literal.
    pub fn as_literal(&self) -> Option<&Value> {
        match self {
            Expr::Literal(value) => Some(value),
            _ => None,
        }
    }

    /// Like [`Expr::resolve`], but borrows the value where possible. Pointers of notes are relative to this expression,
    /// so that they cost nothing unless there is a note.
    fn evaluate<'a>(&'a self, scope: &'a Scope, notes: &mut Vec<Note>) -> Result<Option<Cow<'a, Value>>, EvalError> {
        Ok(match self {
            Expr::Literal(value) => Some(Cow::Borrowed(value)),
            Expr::Reference(path) => {
                let found = path.find(scope);
                if found.is_none() {
                    let expression = format!("/#{}", path.text());
                    notes.push(Note { pointer: String::new(), expression, message: path.explain(scope) });
                }
                found
            }
            Expr::JsonPath(query) => Some(Cow::Owned(Value::Array(query.select(scope)?))),
            Expr::Function(function) => function.run(scope, notes)?,
            Expr::Template(template) => Some(Cow::Owned(Value::String(template.render(scope, notes)?))),
            Expr::Array(items) => {
                let mut values = Vec::with_capacity(items.len());
                for (index, item) in items.iter().enumerate() {
                    let value = evaluate_nested(item, scope, notes, || index.to_string())?;
                    values.push(value.map_or(Value::Null, Cow::into_owned));
                }
                Some(Cow::Owned(Value::Array(values)))
            }
            Expr::Object(fields) => {
                let mut values = Map::with_capacity(fields.len());
                for (name, field) in fields {
                    if let Some(value) = evaluate_nested(field, scope, notes, || escape_pointer(name))? {
                        values.insert(name.clone(), value.into_owned());
                    }
                }
                Some(Cow::Owned(Value::Object(values)))
            }
            Expr::Invalid(invalid) => return Err(invalid.error()),
        })
    }

    /// Like [`Expr::evaluate`], without notes.
    fn peek<'a>(&'a self, scope: &'a Scope) -> Result<Option<Cow<'a, Value>>, EvalError> {
        match self {
            Expr::Reference(path) => Ok(path.find(scope)),
            _ => self.evaluate(scope, &mut Vec::new()),
        }
    }
}

/// Parses a string in the form of JSON, that is, one that begins like a list or an object; `None` for other strings.
pub fn read_json(text: &str) -> Option<Result<Value, EvalError>> {
    template::begins_as_json(text).then(|| template::parse_json(text, text))
}

fn evaluate_nested<'a>(
    expression: &'a Expr,
    scope: &'a Scope,
    notes: &mut Vec<Note>,
    name: impl FnOnce() -> String,
) -> Result<Option<Cow<'a, Value>>, EvalError> {
    let start = notes.len();
    let value = expression.evaluate(scope, notes)?;
    if notes.len() > start {
        let prefix = format!("/{}", name());
        for note in &mut notes[start..] {
            note.pointer.insert_str(0, &prefix);
        }
    }
    Ok(value)
}

fn compile_text(text: &str) -> Result<Expr, Fault> {
    let reference = text.strip_prefix("/#");
    if reference.is_none() && !text.contains("{{") {
        return Ok(Expr::Literal(Value::String(text.to_owned())));
    }
    if text.len() > SOURCE_MAX {
        return Err(Fault::new(format!("an expression has at most {SOURCE_MAX} bytes; this one has {}", text.len())));
    }
    let Some(reference) = reference else {
        return template::Template::compile(text).map(Expr::Template);
    };
    if reference.contains("{{") {
        let help = "write a reference like `/#steps.1.id`, or a template like `{{{steps.1.id}}}`";
        return Err(Fault::new("a string is either a reference or a template, not both").help(help));
    }
    if let Some(call) = reference.strip_prefix("fn:") {
        function::Function::compile(call).map(Expr::Function)
    } else if reference.starts_with('$') {
        jsonpath::JsonPath::compile(reference).map(Expr::JsonPath)
    } else {
        path::Path::compile(reference).map(Expr::Reference)
    }
}

/// Compiles the parts of a list or an object, and collects all faults.
fn compile_all<'a>(parts: impl Iterator<Item = (String, &'a Value)>) -> Result<Vec<(String, Expr)>, Vec<Fault>> {
    let mut compiled = Vec::new();
    let mut faults = Vec::new();
    for (name, value) in parts {
        match Expr::compile(value) {
            Ok(expression) => compiled.push((name, expression)),
            Err(found) => faults.extend(faults_within(found, &name)),
        }
    }
    if faults.is_empty() { Ok(compiled) } else { Err(faults) }
}

/// Prefixes the pointers of faults with `name`.
fn faults_within(faults: Vec<Fault>, name: &str) -> impl Iterator<Item = Fault> + use<> {
    let prefix = format!("/{}", escape_pointer(name));
    faults.into_iter().map(move |fault| Fault { pointer: format!("{prefix}{}", fault.pointer), ..fault })
}

/// Prefixes the pointers of mentions with `name`.
fn within(mentions: Vec<Mention>, name: &str) -> impl Iterator<Item = Mention> + use<> {
    let prefix = format!("/{}", escape_pointer(name));
    mentions.into_iter().map(move |mention| Mention { pointer: format!("{prefix}{}", mention.pointer), ..mention })
}

/// Calls a library function that may panic; `None` if it did.
fn guarded<T>(call: impl FnOnce() -> T) -> Option<T> {
    // Unwind safe, because a panicking call leaves no shared state behind.
    catch_unwind(AssertUnwindSafe(call)).ok()
}

#[cfg(test)]
mod documented;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
