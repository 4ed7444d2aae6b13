//! Questions and choices. Values are compared as in conditions.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;

use crate::expr::compare;
use crate::expr::inputs::Inputs;
use crate::expr::meter::Exceeded;
use crate::expr::operation::{Kind, Operation, Parameter, Shown, Trouble};

type Given<'a> = Result<Cow<'a, Value>, Trouble>;

const VALUE: Parameter = Parameter::nullable("value", Kind::Any);
const LEFT: Parameter = Parameter::nullable("left", Kind::Any);
const RIGHT: Parameter = Parameter::nullable("right", Kind::Any);
const FALLBACK: Parameter = Parameter::nullable("fallback", Kind::Any);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("eq", &[LEFT, RIGHT], |inputs| equal(inputs, true)).shown(Shown::Test),
    Operation::new("ne", &[LEFT, RIGHT], |inputs| equal(inputs, false)).shown(Shown::Test).aliases(&["neq"]),
    Operation::new("gt", &[LEFT, RIGHT], |inputs| ordered(inputs, Ordering::is_gt)).shown(Shown::Test),
    Operation::new("gte", &[LEFT, RIGHT], |inputs| ordered(inputs, Ordering::is_ge)).shown(Shown::Test),
    Operation::new("lt", &[LEFT, RIGHT], |inputs| ordered(inputs, Ordering::is_lt)).shown(Shown::Test),
    Operation::new("lte", &[LEFT, RIGHT], |inputs| ordered(inputs, Ordering::is_le)).shown(Shown::Test),
    Operation::new("and", &[VALUE], and).shown(Shown::Test).variadic(),
    Operation::new("or", &[VALUE], or).shown(Shown::Test).variadic(),
    Operation::new("not", &[VALUE], not).shown(Shown::Test),
    Operation::new("exists", &[VALUE], exists).shown(Shown::Test),
    Operation::new("contains", &[LEFT, RIGHT], contains).shown(Shown::Test).aliases(&["includes"]),
    Operation::new("startsWith", &[LEFT, RIGHT], starts_with).shown(Shown::Test),
    Operation::new("endsWith", &[LEFT, RIGHT], ends_with).shown(Shown::Test),
    Operation::new("ifExists", &[VALUE, FALLBACK], if_exists).rest(1),
    Operation::new("default", &[VALUE, FALLBACK], default).variadic().aliases(&["coalesce"]),
];

/// What counts as true in a template, as in Handlebars: all but false, null, 0, the empty text and the empty list.
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

fn equal<'a>(inputs: &Inputs<'a, '_>, wanted: bool) -> Given<'a> {
    charge_both(inputs)?;
    Ok(Cow::Owned((compare::equal(inputs.value(0), inputs.value(1)) == wanted).into()))
}

fn ordered<'a>(inputs: &Inputs<'a, '_>, holds: fn(Ordering) -> bool) -> Given<'a> {
    if is_one_null(inputs) {
        return Ok(Cow::Owned(false.into()));
    }
    let order = compare::order(inputs.value(0), inputs.value(1))?;
    Ok(Cow::Owned(holds(order).into()))
}

fn and<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    Ok(Cow::Owned((0..inputs.count()).all(|place| truthy(inputs.value(place), false)).into()))
}

fn or<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    Ok(Cow::Owned((0..inputs.count()).any(|place| truthy(inputs.value(place), false)).into()))
}

fn not<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    Ok(Cow::Owned((!truthy(inputs.value(0), false)).into()))
}

fn exists<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    Ok(Cow::Owned((!inputs.value(0).is_null()).into()))
}

fn contains<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
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

fn starts_with<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    Ok(Cow::Owned((!is_one_null(inputs) && inputs.text(0)?.starts_with(&*inputs.text(1)?)).into()))
}

fn ends_with<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    Ok(Cow::Owned((!is_one_null(inputs) && inputs.text(0)?.ends_with(&*inputs.text(1)?)).into()))
}

/// The value, unless it is missing or null; then the other one.
fn if_exists<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    first_that(inputs, |value| !value.is_null())
}

/// The first value that is neither missing nor null nor an empty text.
fn default<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    first_that(inputs, |value| !value.is_null() && value != "")
}

/// The first value that will do, or the last one.
fn first_that<'a>(inputs: &mut Inputs<'a, '_>, will_do: fn(&Value) -> bool) -> Given<'a> {
    let last = inputs.count().saturating_sub(1);
    let chosen = (0..last).find(|place| will_do(inputs.value(*place))).unwrap_or(last);
    match inputs.get(chosen) {
        Some(_) => Ok(inputs.take(chosen)),
        None => Err(Trouble::Nothing("there is neither a value nor another one in its place".to_owned())),
    }
}

/// What is missing is neither more nor less than anything, and a template that asks expects that.
fn is_one_null(inputs: &Inputs) -> bool {
    inputs.value(0).is_null() || inputs.value(1).is_null()
}

/// Lists and objects are compared part by part.
fn charge_both(inputs: &Inputs) -> Result<(), Exceeded> {
    let group = |value: &Value| value.is_array() || value.is_object();
    let (left, right) = (inputs.value(0), inputs.value(1));
    if group(left) && group(right) { inputs.meter.charge_value(left) } else { Ok(()) }
}
