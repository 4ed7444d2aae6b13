//! The evaluated arguments of an operation, converted to the types of its parameters.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Number, Value};

use super::compare::parse_number;
use super::dates;
use super::meter::{Exceeded, Meter, VALUE_MAX};
use super::number_text::number_text;
use super::operation::{Operation, OperationError, describe};
use super::scope::Scope;
use crate::base::time::Timestamp;

/// The values of one call, with the scope and the meter.
pub(super) struct Inputs<'a, 'w> {
    pub operation: &'static Operation,
    /// In the order of the parameters; `None` for an omitted one.
    pub values: Vec<Option<Cow<'a, Value>>>,
    pub scope: &'w Scope,
    pub meter: &'w Meter,
}

impl<'a> Inputs<'a, '_> {
    /// The value at an index; null if omitted.
    pub fn value(&self, index: usize) -> &Value {
        const NULL: &Value = &Value::Null;
        self.get(index).unwrap_or(NULL)
    }

    /// The value at an index, if present.
    pub fn get(&self, index: usize) -> Option<&Value> {
        self.values.get(index)?.as_deref()
    }

    /// Takes the value at an index; null if omitted.
    pub fn take(&mut self, index: usize) -> Cow<'a, Value> {
        self.values.get_mut(index).and_then(Option::take).unwrap_or(Cow::Owned(Value::Null))
    }

    /// The number of values, including omitted ones.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    pub fn text(&self, index: usize) -> Result<Cow<'_, str>, OperationError> {
        match self.value(index) {
            Value::String(text) => Ok(Cow::Borrowed(text)),
            Value::Number(number) => Ok(Cow::Owned(number_text(number))),
            Value::Bool(value) => Ok(Cow::Borrowed(if *value { "true" } else { "false" })),
            other => Err(self.type_error(index, other)),
        }
    }

    /// The string at an index, or `default` if omitted.
    pub fn text_or<'s>(&'s self, index: usize, default: &'s str) -> Result<Cow<'s, str>, OperationError> {
        if self.get(index).is_some() { self.text(index) } else { Ok(Cow::Borrowed(default)) }
    }

    pub fn number(&self, index: usize) -> Result<Number, OperationError> {
        let value = self.value(index);
        let number = match value {
            Value::Number(number) => Some(number.clone()),
            Value::String(text) => parse_number(text),
            _ => None,
        };
        number.ok_or_else(|| self.type_error(index, value))
    }

    /// The integer at an index, or `default` if omitted.
    pub fn whole_or(&self, index: usize, default: i64) -> Result<i64, OperationError> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        if self.get(index).is_none() {
            return Ok(default);
        }
        let number = self.number(index)?;
        let fraction = |number: f64| number.fract() == 0.0 && number.abs() <= EXACT_MAX;
        let whole =
            number.as_i64().or_else(|| number.as_f64().filter(|number| fraction(*number)).map(|number| number as i64));
        whole.ok_or_else(|| {
            OperationError::NoValue(format!("`{}` expects an integer, not {number}", self.operation.name))
        })
    }

    pub fn list(&self, index: usize) -> Result<&[Value], OperationError> {
        match self.value(index) {
            Value::Array(items) => Ok(items),
            other => Err(self.type_error(index, other)),
        }
    }

    /// The date at an index, or the current time if omitted.
    pub fn moment(&self, index: usize) -> Result<Timestamp, OperationError> {
        let Some(value) = self.get(index) else { return Ok(self.scope.now()) };
        Ok(dates::read(value)?)
    }

    /// The error for a value of the wrong type at an index.
    pub fn type_error(&self, index: usize, value: &Value) -> OperationError {
        let kind = self.operation.parameter(index).map_or("a value", |parameter| parameter.value_type.describe());
        OperationError::NoValue(format!("`{}` expects {kind}, not {}", self.operation.name, describe(value)))
    }

    /// A writer for the result.
    pub fn writer(&self) -> Writer {
        Writer::default()
    }
}

/// A string with a maximum length of [`VALUE_MAX`] bytes.
#[derive(Default)]
pub(super) struct Writer {
    text: String,
}

impl Writer {
    pub fn push(&mut self, text: &str) -> Result<(), Exceeded> {
        if self.text.len() + text.len() > VALUE_MAX {
            return Err(Exceeded::Value);
        }
        self.text.push_str(text);
        Ok(())
    }

    /// Writes a value as templates do: null as nothing, lists and objects as JSON.
    pub fn push_shown(&mut self, value: &Value) -> Result<(), Exceeded> {
        match value {
            Value::Null => Ok(()),
            Value::String(text) => self.push(text),
            Value::Number(number) => self.push(&number_text(number)),
            other => self.push_json(other),
        }
    }

    /// Writes a value as JSON.
    pub fn push_json(&mut self, value: &Value) -> Result<(), Exceeded> {
        // Serialising a JSON value can't fail; only the writer can.
        serde_json::to_writer(&mut *self, value).map_err(|_| Exceeded::Value)
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    pub fn finish<'a>(self) -> Cow<'a, Value> {
        Cow::Owned(Value::String(self.text))
    }
}

impl fmt::Write for Writer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text).map_err(|_| fmt::Error)
    }
}

impl std::io::Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        // serde_json writes whole UTF-8 pieces.
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        self.push(text).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
