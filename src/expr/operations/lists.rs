//! Operations on lists and objects.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::numbers;
use crate::expr::compare::parse_number;
use crate::expr::inputs::Inputs;
use crate::expr::keys::Keys;
use crate::expr::operation::{Operation, OperationError, Parameter, ValueType, describe};

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

const LIST: Parameter = Parameter::required("list", ValueType::List);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("length", &[Parameter::required("value", ValueType::Any)], length).aliases(&["len", "size"]),
    Operation::new("asList", &[Parameter::nullable("value", ValueType::Any)], as_list)
        .aliases(&["toList", "castArray"]),
    Operation::new("first", &[LIST], first),
    Operation::new("last", &[LIST], last),
    Operation::new("join", &[LIST, Parameter::optional("separator", ValueType::Text)], join).rest(1),
    Operation::new("map", &[LIST, Parameter::required("path", ValueType::Text)], map).aliases(&["pluck"]),
    Operation::new("sum", &[LIST, Parameter::optional("path", ValueType::Text)], sum),
    Operation::new(
        "lookup",
        &[Parameter::nullable("group", ValueType::Collection), Parameter::nullable("key", ValueType::Text)],
        lookup,
    ),
];

/// The number of items, members or characters.
fn length<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let length = match inputs.value(0) {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::String(text) => text.chars().count(),
        other => return Err(OperationError::NoValue(format!("{} has no length", describe(other)))),
    };
    Ok(Cow::Owned(length.into()))
}

/// The value as a list: a list stays, null is none, anything else is the only item.
fn as_list<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let value = inputs.take(0);
    Ok(match &*value {
        Value::Array(_) => value,
        Value::Null => Cow::Owned(Value::Array(Vec::new())),
        _ => {
            inputs.meter.charge_value(&value)?;
            Cow::Owned(Value::Array(vec![value.into_owned()]))
        }
    })
}

fn first<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    item(inputs, |_| 0)
}

fn last<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    item(inputs, |length| length.saturating_sub(1))
}

fn item<'a>(inputs: &mut Inputs<'a, '_>, index: fn(usize) -> usize) -> OperationResult<'a> {
    let index = index(inputs.list(0)?.len());
    let empty = || OperationError::NoValue("the list is empty".to_owned());
    part(inputs.take(0), |list| list.get(index)).ok_or_else(empty)
}

/// The items as templates render them, joined by a separator.
fn join<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (items, separator) = (inputs.list(0)?, inputs.text_or(1, ",")?);
    inputs.meter.charge(items.len())?;
    let mut writer = inputs.writer();
    for (index, item) in items.iter().enumerate() {
        writer.push(if index > 0 { &separator } else { "" })?;
        writer.push_shown(item)?;
    }
    Ok(writer.finish())
}

/// The value at a path in each item; null if missing.
fn map<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (items, keys) = (inputs.list(0)?, keys(inputs, 1)?);
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let value = keys.find(item, 0).map_or(Value::Null, Cow::into_owned);
        inputs.meter.charge_value(&value)?;
        found.push(value);
    }
    Ok(Cow::Owned(found.into()))
}

/// The sum of the items, or of the values at a path in each item.
fn sum<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (items, keys) = (inputs.list(0)?, keys(inputs, 1)?);
    inputs.meter.charge(items.len())?;
    let mut sum = Some(Number::from(0));
    for item in items {
        let value = keys.find(item, 0).unwrap_or(Cow::Owned(Value::Null));
        let number = match &*value {
            Value::Number(number) => Some(number.clone()),
            Value::String(text) => parse_number(text),
            _ => None,
        };
        let Some(number) = number else {
            return Err(OperationError::NoValue(format!("{} is not a number", describe(&value))));
        };
        sum = sum.and_then(|sum| numbers::add(&sum, &number));
    }
    numbers::finite(sum)
}

/// A member by name, or an item by index; null if missing, as in Handlebars.
fn lookup<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let Ok(key) = inputs.text(1).map(Cow::into_owned) else { return Ok(Cow::Owned(Value::Null)) };
    let found = part(inputs.take(0), |group| match group {
        Value::Object(fields) => fields.get(&key),
        Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
        _ => None,
    });
    Ok(found.unwrap_or(Cow::Owned(Value::Null)))
}

/// A part of a value, borrowed if the value is borrowed.
fn part<'a>(value: Cow<'a, Value>, find: impl Fn(&Value) -> Option<&Value>) -> Option<Cow<'a, Value>> {
    match value {
        Cow::Borrowed(value) => find(value).map(Cow::Borrowed),
        Cow::Owned(value) => find(&value).cloned().map(Cow::Owned),
    }
}

/// The path in the argument at an index; by default the item itself.
fn keys(inputs: &Inputs, index: usize) -> Result<Keys, OperationError> {
    let path = inputs.text_or(index, "")?;
    Keys::compile(&path).map_err(|fault| OperationError::NoValue(fault.message))
}
