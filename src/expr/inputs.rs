//! What an operation is called with, in the types that it asks for.

use std::borrow::Cow;
use std::fmt;

use serde_json::{Number, Value};

use super::compare::parse_number;
use super::dates;
use super::meter::{Exceeded, Meter, VALUE_MAX};
use super::operation::{Operation, Trouble, shown};
use super::scope::Scope;
use crate::base::time::Timestamp;

/// The values of one call, and what else an operation may ask for.
pub(super) struct Inputs<'a, 'w> {
    pub operation: &'static Operation,
    /// At the place of each parameter; `None` where one was left out.
    pub values: Vec<Option<Cow<'a, Value>>>,
    pub scope: &'w Scope,
    pub meter: &'w Meter,
}

impl<'a> Inputs<'a, '_> {
    /// The value at a place; null if it was left out.
    pub fn value(&self, place: usize) -> &Value {
        const NULL: &Value = &Value::Null;
        self.get(place).unwrap_or(NULL)
    }

    /// The value at a place, if it was given.
    pub fn get(&self, place: usize) -> Option<&Value> {
        self.values.get(place)?.as_deref()
    }

    /// The value at a place, as it is; null if it was left out.
    pub fn take(&mut self, place: usize) -> Cow<'a, Value> {
        self.values.get_mut(place).and_then(Option::take).unwrap_or(Cow::Owned(Value::Null))
    }

    /// How many values there are, those that were left out included.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    pub fn text(&self, place: usize) -> Result<Cow<'_, str>, Trouble> {
        match self.value(place) {
            Value::String(text) => Ok(Cow::Borrowed(text)),
            Value::Number(number) => Ok(Cow::Owned(number.to_string())),
            Value::Bool(value) => Ok(Cow::Borrowed(if *value { "true" } else { "false" })),
            other => Err(self.misfit(place, other)),
        }
    }

    /// The text at a place, or `default` if it was left out.
    pub fn text_or<'s>(&'s self, place: usize, default: &'s str) -> Result<Cow<'s, str>, Trouble> {
        if self.get(place).is_some() { self.text(place) } else { Ok(Cow::Borrowed(default)) }
    }

    pub fn number(&self, place: usize) -> Result<Number, Trouble> {
        let value = self.value(place);
        let number = match value {
            Value::Number(number) => Some(number.clone()),
            Value::String(text) => parse_number(text),
            _ => None,
        };
        number.ok_or_else(|| self.misfit(place, value))
    }

    /// The whole number at a place, or `default` if it was left out.
    pub fn whole_or(&self, place: usize, default: i64) -> Result<i64, Trouble> {
        const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
        if self.get(place).is_none() {
            return Ok(default);
        }
        let number = self.number(place)?;
        let fraction = |number: f64| number.fract() == 0.0 && number.abs() <= EXACT_MAX;
        let whole =
            number.as_i64().or_else(|| number.as_f64().filter(|number| fraction(*number)).map(|number| number as i64));
        whole.ok_or_else(|| Trouble::Nothing(format!("`{}` takes whole numbers, not {number}", self.operation.name)))
    }

    pub fn list(&self, place: usize) -> Result<&[Value], Trouble> {
        match self.value(place) {
            Value::Array(items) => Ok(items),
            other => Err(self.misfit(place, other)),
        }
    }

    /// The moment at a place, or the present one if it was left out.
    pub fn moment(&self, place: usize) -> Result<Timestamp, Trouble> {
        let Some(value) = self.get(place) else { return Ok(self.scope.now()) };
        Ok(dates::read(value)?)
    }

    /// What goes wrong because the value at `place` is `value`.
    pub fn misfit(&self, place: usize, value: &Value) -> Trouble {
        let kind = self.operation.parameter(place).map_or("a value", |parameter| parameter.kind.describe());
        Trouble::Nothing(format!("`{}` takes {kind} here, not {}", self.operation.name, shown(value)))
    }

    /// An empty text to write what the operation gives.
    pub fn writer(&self) -> Writer {
        Writer::default()
    }
}

/// A text that does not grow past [`VALUE_MAX`].
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

    /// Writes a value as a template shows it: null is nothing, lists and objects are JSON.
    pub fn push_shown(&mut self, value: &Value) -> Result<(), Exceeded> {
        match value {
            Value::Null => Ok(()),
            Value::String(text) => self.push(text),
            other => self.push_json(other),
        }
    }

    /// Writes a value as JSON.
    pub fn push_json(&mut self, value: &Value) -> Result<(), Exceeded> {
        // A JSON value can always be written as JSON; only the writer fails.
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
        // JSON is written in whole pieces of text.
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        self.push(text).map_err(std::io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
