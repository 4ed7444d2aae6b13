//! Tests and fallbacks. Values are compared as in conditions.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use crate::expr::compare;
use crate::expr::inputs::Inputs;
use crate::expr::meter::Exceeded;
use crate::expr::operation::{Operation, OperationError, Output, Parameter, ValueType};

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

const VALUE: Parameter = Parameter::nullable("value", ValueType::Any);
const LEFT: Parameter = Parameter::nullable("left", ValueType::Any);
const RIGHT: Parameter = Parameter::nullable("right", ValueType::Any);
const FALLBACK: Parameter = Parameter::nullable("fallback", ValueType::Any);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("eq", &[LEFT, RIGHT], |inputs| equal(inputs, true)).output(Output::Boolean),
    Operation::new("ne", &[LEFT, RIGHT], |inputs| equal(inputs, false)).output(Output::Boolean).aliases(&["neq"]),
    Operation::new("gt", &[LEFT, RIGHT], |inputs| ordered(inputs, Ordering::is_gt)).output(Output::Boolean),
    Operation::new("gte", &[LEFT, RIGHT], |inputs| ordered(inputs, Ordering::is_ge)).output(Output::Boolean),
    Operation::new("lt", &[LEFT, RIGHT], |inputs| ordered(inputs, Ordering::is_lt)).output(Output::Boolean),
    Operation::new("lte", &[LEFT, RIGHT], |inputs| ordered(inputs, Ordering::is_le)).output(Output::Boolean),
    Operation::new("and", &[VALUE], and).output(Output::Boolean).variadic(),
    Operation::new("or", &[VALUE], or).output(Output::Boolean).variadic(),
    Operation::new("not", &[VALUE], not).output(Output::Boolean),
    Operation::new("exists", &[VALUE], exists).output(Output::Boolean),
    Operation::new("contains", &[LEFT, RIGHT], contains).output(Output::Boolean).aliases(&["includes"]),
    Operation::new("startsWith", &[LEFT, RIGHT], starts_with).output(Output::Boolean),
    Operation::new("endsWith", &[LEFT, RIGHT], ends_with).output(Output::Boolean),
    Operation::new("ifExists", &[VALUE, FALLBACK], if_exists).rest(1),
    Operation::new("default", &[VALUE, FALLBACK], default).variadic().aliases(&["coalesce"]),
];

/// Whether a value is truthy, as in Handlebars: all values except false, null, 0, the empty string and the empty list.
pub(in crate::expr) fn truthy(value: &Value, include_zero: bool) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => include_zero || number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}

fn equal<'a>(inputs: &Inputs<'a, '_>, expected: bool) -> OperationResult<'a> {
    charge_both(inputs)?;
    Ok(Cow::Owned((compare::equal(inputs.value(0), inputs.value(1)) == expected).into()))
}

fn ordered<'a>(inputs: &Inputs<'a, '_>, holds: fn(Ordering) -> bool) -> OperationResult<'a> {
    if has_null(inputs) {
        return Ok(Cow::Owned(false.into()));
    }
    let order = compare::order(inputs.value(0), inputs.value(1))?;
    Ok(Cow::Owned(holds(order).into()))
}

fn and<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned((0..inputs.count()).all(|index| truthy(inputs.value(index), false)).into()))
}

fn or<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned((0..inputs.count()).any(|index| truthy(inputs.value(index), false)).into()))
}

fn not<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned((!truthy(inputs.value(0), false)).into()))
}

fn exists<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned((!inputs.value(0).is_null()).into()))
}

fn contains<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (left, right) = (inputs.value(0), inputs.value(1));
    if left.is_null() {
        return Ok(Cow::Owned(false.into()));
    }
    if left.is_array() {
        inputs.meter.charge_value(left)?;
        let needles = right.as_array().map_or(1, Vec::len);
        let items = left.as_array().map_or(1, Vec::len);
        inputs.meter.charge(needles.saturating_mul(items))?;
    }
    Ok(Cow::Owned(compare::contains(left, right)?.into()))
}

fn starts_with<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned((!has_null(inputs) && inputs.text(0)?.starts_with(&*inputs.text(1)?)).into()))
}

fn ends_with<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    Ok(Cow::Owned((!has_null(inputs) && inputs.text(0)?.ends_with(&*inputs.text(1)?)).into()))
}

/// The value, or the fallback if it is missing or null.
fn if_exists<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    first_that(inputs, |value| !value.is_null())
}

/// The first value that is not missing, null or an empty string.
fn default<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    first_that(inputs, |value| !value.is_null() && value != "")
}

/// The first value that `accepts` returns true for, or the last one.
fn first_that<'a>(inputs: &mut Inputs<'a, '_>, accepts: fn(&Value) -> bool) -> OperationResult<'a> {
    let last = inputs.count().saturating_sub(1);
    let index_of_first = (0..last).find(|index| accepts(inputs.value(*index))).unwrap_or(last);
    match inputs.get(index_of_first) {
        Some(_) => Ok(inputs.take(index_of_first)),
        None => Err(OperationError::NoValue("neither the value nor the fallback exists".to_owned())),
    }
}

/// Whether an operand is missing or null, in which case the result is false without a note.
fn has_null(inputs: &Inputs) -> bool {
    inputs.value(0).is_null() || inputs.value(1).is_null()
}

/// Charges the element-by-element comparison of lists and objects.
fn charge_both(inputs: &Inputs) -> Result<(), Exceeded> {
    let group = |value: &Value| value.is_array() || value.is_object();
    let (left, right) = (inputs.value(0), inputs.value(1));
    if group(left) && group(right) { inputs.meter.charge_value(left) } else { Ok(()) }
}
