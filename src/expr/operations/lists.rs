//! Operations on lists, and on what has parts or members.

use std::borrow::Cow;

use serde_json::{Number, Value};

use super::numbers;
use crate::expr::compare::parse_number;
use crate::expr::inputs::Inputs;
use crate::expr::keys::Keys;
use crate::expr::operation::{Kind, Operation, Parameter, Trouble, shown};

type Given<'a> = Result<Cow<'a, Value>, Trouble>;

const LIST: Parameter = Parameter::required("list", Kind::List);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("length", &[Parameter::required("value", Kind::Any)], length).aliases(&["len", "size"]),
    Operation::new("first", &[LIST], first),
    Operation::new("last", &[LIST], last),
    Operation::new("join", &[LIST, Parameter::optional("separator", Kind::Text)], join).rest(1),
    Operation::new("map", &[LIST, Parameter::required("path", Kind::Text)], map).aliases(&["pluck"]),
    Operation::new("sum", &[LIST, Parameter::optional("path", Kind::Text)], sum),
    Operation::new(
        "lookup",
        &[Parameter::nullable("group", Kind::Group), Parameter::nullable("key", Kind::Text)],
        lookup,
    ),
];

/// How many items, members or characters there are.
fn length<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let length = match inputs.value(0) {
        Value::Array(items) => items.len(),
        Value::Object(fields) => fields.len(),
        Value::String(text) => text.chars().count(),
        other => return Err(Trouble::Nothing(format!("{} has no length", shown(other)))),
    };
    Ok(Cow::Owned(length.into()))
}

fn first<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    item(inputs, |_| 0)
}

fn last<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    item(inputs, |length| length.saturating_sub(1))
}

fn item<'a>(inputs: &mut Inputs<'a, '_>, index: fn(usize) -> usize) -> Given<'a> {
    let index = index(inputs.list(0)?.len());
    let empty = || Trouble::Nothing("the list is empty".to_owned());
    part(inputs.take(0), |list| list.get(index)).ok_or_else(empty)
}

/// The items as a template shows them, with a separator between them.
fn join<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let (items, separator) = (inputs.list(0)?, inputs.text_or(1, ",")?);
    inputs.meter.charge(items.len())?;
    let mut writer = inputs.writer();
    for (index, item) in items.iter().enumerate() {
        writer.push(if index > 0 { &separator } else { "" })?;
        writer.push_shown(item)?;
    }
    Ok(writer.finish())
}

/// What is at the path in each item; null where there is nothing.
fn map<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let (items, keys) = (inputs.list(0)?, keys(inputs, 1)?);
    let mut found = Vec::with_capacity(items.len());
    for item in items {
        let value = keys.find(item, 0).map_or(Value::Null, Cow::into_owned);
        inputs.meter.charge_value(&value)?;
        found.push(value);
    }
    Ok(Cow::Owned(found.into()))
}

/// The items, or what is at the path in each of them, added up.
fn sum<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
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
            return Err(Trouble::Nothing(format!("{} cannot be added up", shown(&value))));
        };
        sum = sum.and_then(|sum| numbers::add(&sum, &number));
    }
    numbers::known(sum)
}

/// A member by its name, an item by its index; null if there is none, as in Handlebars.
fn lookup<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let Ok(key) = inputs.text(1).map(Cow::into_owned) else { return Ok(Cow::Owned(Value::Null)) };
    let found = part(inputs.take(0), |group| match group {
        Value::Object(fields) => fields.get(&key),
        Value::Array(items) => key.parse::<usize>().ok().and_then(|index| items.get(index)),
        _ => None,
    });
    Ok(found.unwrap_or(Cow::Owned(Value::Null)))
}

/// A part of a value, borrowed if the value is.
fn part<'a>(value: Cow<'a, Value>, find: impl Fn(&Value) -> Option<&Value>) -> Option<Cow<'a, Value>> {
    match value {
        Cow::Borrowed(value) => find(value).map(Cow::Borrowed),
        Cow::Owned(value) => find(&value).cloned().map(Cow::Owned),
    }
}

/// The path within items at a place; without one it leads to the item itself.
fn keys(inputs: &Inputs, place: usize) -> Result<Keys, Trouble> {
    let path = inputs.text_or(place, "")?;
    Keys::compile(&path).map_err(|fault| Trouble::Nothing(fault.message))
}
