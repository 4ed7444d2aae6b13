//! Operations on numbers.
//!
//! Integers of up to 64 bits are exact. Other numbers are floating point, rounded to 15 digits, so that 0.1 + 0.2 is
//! 0.3.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::expr::compare::{integer, parse_number};
use crate::expr::inputs::Inputs;
use crate::expr::operation::{Operation, OperationError, Parameter, ValueType, describe};
use crate::expr::report::brief;
use crate::objects::kind_of;

type OperationResult<'a> = Result<Cow<'a, Value>, OperationError>;

const NUMBER: Parameter = Parameter::required("number", ValueType::Number);
const DECIMALS: Parameter = Parameter::optional("decimals", ValueType::Number);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("parseInt", &[Parameter::required("value", ValueType::Any)], parse_int).aliases(&["toInt"]),
    Operation::new("parseFloat", &[Parameter::required("value", ValueType::Any)], parse_float).aliases(&["toFloat"]),
    Operation::new("parseBool", &[Parameter::required("value", ValueType::Any)], parse_bool)
        .aliases(&["parseBoolean", "toBool"]),
    Operation::new(
        "math",
        &[
            Parameter::required("left", ValueType::Number),
            Parameter::required("operator", ValueType::Choice(&["+", "-", "*", "/", "%"])),
            Parameter::required("right", ValueType::Number),
            DECIMALS,
        ],
        math,
    ),
    Operation::new("round", &[NUMBER, DECIMALS], round),
    Operation::new("floor", &[NUMBER], floor),
    Operation::new("ceil", &[NUMBER], ceil),
    Operation::new("abs", &[NUMBER], abs),
    Operation::new("toFixed", &[NUMBER, DECIMALS], to_fixed),
];

/// The integer at the start of a string (42 for `"42 EUR"`, as in JavaScript), or the integer part of a number.
fn parse_int<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let value = inputs.value(0);
    let found = match value {
        Value::Number(number) if number.is_f64() => number.as_f64().and_then(|number| from_float(number.trunc())),
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim_start();
            let digits = &text[..sign_length(text) + digits_length(&text[sign_length(text)..])];
            parse_number(digits).and_then(whole_number)
        }
        _ => None,
    };
    found.map(|number| Cow::Owned(Value::Number(number))).ok_or_else(|| not_a_number(value))
}

/// The number at the start of a string (12.5 for `"12.50 EUR"`, as in JavaScript).
fn parse_float<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let value = inputs.value(0);
    let found = match value {
        Value::Number(number) => whole_number(number.clone()),
        Value::String(text) => {
            let text = text.trim_start();
            parse_number(&text[..float_length(text)]).and_then(whole_number)
        }
        _ => None,
    };
    found.map(|number| Cow::Owned(Value::Number(number))).ok_or_else(|| not_a_number(value))
}

/// Accepts the words that people and forms use for true and false.
fn parse_bool<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    const TRUE: [&str; 5] = ["true", "1", "yes", "y", "on"];
    const FALSE: [&str; 5] = ["false", "0", "no", "n", "off"];
    let value = inputs.value(0);
    let word = match value {
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => text.trim().to_lowercase(),
        _ => String::new(),
    };
    match (TRUE.contains(&&*word), FALSE.contains(&&*word)) {
        (false, false) => Err(OperationError::NoValue(format!("{} is neither true nor false", describe(value)))),
        (truth, _) => Ok(Cow::Owned(truth.into())),
    }
}

fn math<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (left, operator, right) = (inputs.number(0)?, inputs.text(1)?, inputs.number(2)?);
    let zero = right.as_f64() == Some(0.0);
    let result = match &*operator {
        "/" | "%" if zero => return Err(OperationError::NoValue(format!("{left} cannot be divided by zero"))),
        "+" => compute(&left, &right, i128::checked_add, |left, right| left + right),
        "-" => compute(&left, &right, i128::checked_sub, |left, right| left - right),
        "*" => compute(&left, &right, i128::checked_mul, |left, right| left * right),
        "/" => compute(&left, &right, divide_evenly, |left, right| left / right),
        "%" => compute(&left, &right, i128::checked_rem, |left, right| left % right),
        other => return Err(OperationError::NoValue(format!("unknown operator `{}`", brief(other)))),
    };
    match result {
        Some(result) if inputs.get(3).is_some() => rounded_to(&result, decimals(inputs, 3)?),
        result => finite(result),
    }
}

fn round<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    rounded_to(&inputs.number(0)?, decimals(inputs, 1)?)
}

fn floor<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    whole(inputs, f64::floor)
}

fn ceil<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    whole(inputs, f64::ceil)
}

fn abs<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let number = inputs.number(0)?;
    finite(match integer(&number) {
        Some(integer) => from_integer(integer.abs()),
        None => from_float(float(&number).abs()),
    })
}

/// A string with a fixed number of decimals.
fn to_fixed<'a>(inputs: &mut Inputs<'a, '_>) -> OperationResult<'a> {
    let (number, decimals) = (inputs.number(0)?, decimals(inputs, 1)?);
    let rounded = rounded_to(&number, decimals)?;
    let integer = rounded.as_number().and_then(integer);
    let text = match integer {
        Some(integer) if decimals == 0 => integer.to_string(),
        Some(integer) => format!("{integer}.{}", "0".repeat(decimals)),
        None => format!("{:.decimals$}", rounded.as_f64().unwrap_or_default()),
    };
    Ok(Cow::Owned(text.into()))
}

fn whole<'a>(inputs: &Inputs<'a, '_>, to_whole: fn(f64) -> f64) -> OperationResult<'a> {
    let number = inputs.number(0)?;
    finite(if integer(&number).is_some() { Some(number) } else { from_float(to_whole(float(&number))) })
}

/// The number of decimals in the argument at an index.
fn decimals(inputs: &Inputs, index: usize) -> Result<usize, OperationError> {
    const DECIMALS_MAX: i64 = 15;
    let decimals = inputs.whole_or(index, 0)?;
    let allowed = (0..=DECIMALS_MAX).contains(&decimals).then_some(decimals as usize);
    allowed.ok_or_else(|| OperationError::NoValue(format!("decimals must be from 0 to {DECIMALS_MAX}, not {decimals}")))
}

/// Rounds halves of the decimal representation away from zero: 1.005 to two decimals is 1.01.
fn rounded_to<'a>(number: &Number, decimals: usize) -> OperationResult<'a> {
    if integer(number).is_some() {
        return finite(Some(number.clone()));
    }
    let factor = 10_f64.powi(decimals as i32);
    let shifted = to_precision(float(number) * factor);
    finite(from_float(if shifted.is_finite() { to_precision(shifted.round() / factor) } else { float(number) }))
}

/// Adds exactly if both numbers and the result are integers. `None` if the result is out of range.
pub(super) fn add(left: &Number, right: &Number) -> Option<Number> {
    compute(left, right, i128::checked_add, |left, right| left + right)
}

fn compute(
    left: &Number,
    right: &Number,
    exact: fn(i128, i128) -> Option<i128>,
    approximate: fn(f64, f64) -> f64,
) -> Option<Number> {
    let whole = integer(left).zip(integer(right)).and_then(|(left, right)| exact(left, right)).and_then(from_integer);
    whole.or_else(|| from_float(to_precision(approximate(float(left), float(right)))))
}

fn divide_evenly(left: i128, right: i128) -> Option<i128> {
    left.checked_rem(right).filter(|rest| *rest == 0).and_then(|_| left.checked_div(right))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

/// The number rounded to 15 digits, the precision of floating point.
fn to_precision(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

fn from_integer(integer: i128) -> Option<Number> {
    i64::try_from(integer).map(Number::from).or_else(|_| u64::try_from(integer).map(Number::from)).ok()
}

/// Converts a number without a fraction to an integer, if it is in range.
fn from_float(number: f64) -> Option<Number> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let whole = number.fract() == 0.0 && number.abs() <= EXACT_MAX;
    if whole { Some(Number::from(number as i64)) } else { Number::from_f64(number) }
}

/// The number as an integer if it has no fraction, as JavaScript shows it: 42 for 42.0.
fn whole_number(number: Number) -> Option<Number> {
    if integer(&number).is_some() { Some(number) } else { from_float(float(&number)) }
}

pub(super) fn finite<'a>(number: Option<Number>) -> OperationResult<'a> {
    let too_large = || OperationError::NoValue("the result is too large".to_owned());
    number.map(|number| Cow::Owned(Value::Number(number))).ok_or_else(too_large)
}

fn not_a_number(value: &Value) -> OperationError {
    OperationError::NoValue(match value {
        Value::String(text) => format!("`{}` does not start with a number", brief(text)),
        other => format!("{} is not a number", kind_of(other)),
    })
}

fn sign_length(text: &str) -> usize {
    usize::from(text.starts_with(['+', '-']))
}

fn digits_length(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The length of the decimal number at the start of `text`: sign, digits, fraction, exponent.
fn float_length(text: &str) -> usize {
    let mut end = sign_length(text);
    let whole = digits_length(&text[end..]);
    end += whole;
    let fraction = text[end..].strip_prefix('.').map_or(0, digits_length);
    if whole + fraction == 0 {
        return 0;
    }
    if fraction > 0 {
        end += 1 + fraction;
    }
    if let Some(exponent) = text[end..].strip_prefix(['e', 'E']) {
        let sign = sign_length(exponent);
        let digits = digits_length(&exponent[sign..]);
        if digits > 0 {
            end += 1 + sign + digits;
        }
    }
    end
}
