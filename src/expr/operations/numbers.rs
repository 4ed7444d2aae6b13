//! Operations on numbers.
//!
//! Whole numbers are reckoned with exactly as long as they have up to 64 bits. Others are floating point, rounded to 15
//! digits, so that 0.1 + 0.2 is 0.3.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::expr::compare::integer;
use crate::expr::inputs::Inputs;
use crate::expr::operation::{Kind, Operation, Parameter, Trouble, shown};
use crate::expr::report::brief;
use crate::objects::kind_of;

type Given<'a> = Result<Cow<'a, Value>, Trouble>;

const NUMBER: Parameter = Parameter::required("number", Kind::Number);
const DECIMALS: Parameter = Parameter::optional("decimals", Kind::Number);

pub(super) const ROWS: &[Operation] = &[
    Operation::new("parseInt", &[Parameter::required("value", Kind::Any)], parse_int).aliases(&["toInt"]),
    Operation::new("parseFloat", &[Parameter::required("value", Kind::Any)], parse_float).aliases(&["toFloat"]),
    Operation::new("parseBool", &[Parameter::required("value", Kind::Any)], parse_bool)
        .aliases(&["parseBoolean", "toBool"]),
    Operation::new(
        "math",
        &[
            Parameter::required("left", Kind::Number),
            Parameter::required("operator", Kind::Choice(&["+", "-", "*", "/", "%"])),
            Parameter::required("right", Kind::Number),
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

/// The whole number that a text starts with (`"42 EUR"` gives 42, as in JavaScript), or a number without its fraction.
fn parse_int<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let value = inputs.value(0);
    let found = match value {
        Value::Number(number) if number.is_f64() => number.as_f64().and_then(|number| from_float(number.trunc())),
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim_start();
            let digits = &text[..sign_length(text) + digits_length(&text[sign_length(text)..])];
            digits.parse::<i64>().map(Number::from).ok().or_else(|| digits.parse().ok().and_then(from_float))
        }
        _ => None,
    };
    found.map(|number| Cow::Owned(Value::Number(number))).ok_or_else(|| no_number(value))
}

/// The number that a text starts with (`"12.50 EUR"` gives 12.5, as in JavaScript).
fn parse_float<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let value = inputs.value(0);
    let found = match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => {
            let text = text.trim_start();
            text[..float_length(text)].parse().ok().and_then(Number::from_f64)
        }
        _ => None,
    };
    found.map(|number| Cow::Owned(Value::Number(number))).ok_or_else(|| no_number(value))
}

/// What people and forms write for true and false.
fn parse_bool<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    const TRUE: [&str; 5] = ["true", "1", "yes", "y", "on"];
    const FALSE: [&str; 5] = ["false", "0", "no", "n", "off"];
    let value = inputs.value(0);
    let word = match value {
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => text.trim().to_lowercase(),
        _ => String::new(),
    };
    match (TRUE.contains(&&*word), FALSE.contains(&&*word)) {
        (false, false) => Err(Trouble::Nothing(format!("{} is neither true nor false", shown(value)))),
        (truth, _) => Ok(Cow::Owned(truth.into())),
    }
}

fn math<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let (left, operator, right) = (inputs.number(0)?, inputs.text(1)?, inputs.number(2)?);
    let zero = right.as_f64() == Some(0.0);
    let result = match &*operator {
        "/" | "%" if zero => return Err(Trouble::Nothing(format!("{left} cannot be divided by zero"))),
        "+" => reckon(&left, &right, i128::checked_add, |left, right| left + right),
        "-" => reckon(&left, &right, i128::checked_sub, |left, right| left - right),
        "*" => reckon(&left, &right, i128::checked_mul, |left, right| left * right),
        "/" => reckon(&left, &right, divide_evenly, |left, right| left / right),
        "%" => reckon(&left, &right, i128::checked_rem, |left, right| left % right),
        other => return Err(Trouble::Nothing(format!("there is no operator `{}`", brief(other)))),
    };
    match result {
        Some(result) if inputs.get(3).is_some() => rounded_to(&result, decimals(inputs, 3)?),
        result => known(result),
    }
}

fn round<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    rounded_to(&inputs.number(0)?, decimals(inputs, 1)?)
}

fn floor<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    whole(inputs, f64::floor)
}

fn ceil<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    whole(inputs, f64::ceil)
}

fn abs<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let number = inputs.number(0)?;
    known(match integer(&number) {
        Some(integer) => from_integer(integer.abs()),
        None => from_float(float(&number).abs()),
    })
}

/// A text with that many digits after the point.
fn to_fixed<'a>(inputs: &mut Inputs<'a, '_>) -> Given<'a> {
    let (number, decimals) = (inputs.number(0)?, decimals(inputs, 1)?);
    let rounded = rounded_to(&number, decimals)?;
    let text = match rounded.as_i64() {
        Some(integer) if decimals == 0 => integer.to_string(),
        Some(integer) => format!("{integer}.{}", "0".repeat(decimals)),
        None => format!("{:.decimals$}", rounded.as_f64().unwrap_or_default()),
    };
    Ok(Cow::Owned(text.into()))
}

fn whole<'a>(inputs: &Inputs<'a, '_>, to_whole: fn(f64) -> f64) -> Given<'a> {
    let number = inputs.number(0)?;
    known(if integer(&number).is_some() { Some(number) } else { from_float(to_whole(float(&number))) })
}

/// How many digits after the point are asked for.
fn decimals(inputs: &Inputs, place: usize) -> Result<usize, Trouble> {
    const DECIMALS_MAX: i64 = 15;
    let decimals = inputs.whole_or(place, 0)?;
    let allowed = (0..=DECIMALS_MAX).contains(&decimals).then_some(decimals as usize);
    allowed.ok_or_else(|| Trouble::Nothing(format!("a number has 0 to {DECIMALS_MAX} decimals, not {decimals}")))
}

/// Halves are rounded away from zero, as the number is written: 1.005 to two digits is 1.01.
fn rounded_to<'a>(number: &Number, decimals: usize) -> Given<'a> {
    if integer(number).is_some() {
        return known(Some(number.clone()));
    }
    let factor = 10_f64.powi(decimals as i32);
    let shifted = plain(float(number) * factor);
    known(from_float(if shifted.is_finite() { plain(shifted.round() / factor) } else { float(number) }))
}

/// Reckons exactly where both numbers and the result are whole. `None` if the result is no number, or too large.
pub(super) fn add(left: &Number, right: &Number) -> Option<Number> {
    reckon(left, right, i128::checked_add, |left, right| left + right)
}

fn reckon(
    left: &Number,
    right: &Number,
    exact: fn(i128, i128) -> Option<i128>,
    rough: fn(f64, f64) -> f64,
) -> Option<Number> {
    let whole = integer(left).zip(integer(right)).and_then(|(left, right)| exact(left, right)).and_then(from_integer);
    whole.or_else(|| from_float(plain(rough(float(left), float(right)))))
}

fn divide_evenly(left: i128, right: i128) -> Option<i128> {
    left.checked_rem(right).filter(|rest| *rest == 0).and_then(|_| left.checked_div(right))
}

fn float(number: &Number) -> f64 {
    number.as_f64().unwrap_or_default()
}

/// The number with 15 digits, which is as many as are right.
fn plain(number: f64) -> f64 {
    format!("{number:.14e}").parse().unwrap_or(number)
}

fn from_integer(integer: i128) -> Option<Number> {
    i64::try_from(integer).map(Number::from).or_else(|_| u64::try_from(integer).map(Number::from)).ok()
}

/// A number without fraction as an integer, if it is in the range of one.
fn from_float(number: f64) -> Option<Number> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    let whole = number.fract() == 0.0 && number.abs() <= EXACT_MAX;
    if whole { Some(Number::from(number as i64)) } else { Number::from_f64(number) }
}

pub(super) fn known<'a>(number: Option<Number>) -> Given<'a> {
    let too_large = || Trouble::Nothing("the result is too large to be a number".to_owned());
    number.map(|number| Cow::Owned(Value::Number(number))).ok_or_else(too_large)
}

fn no_number(value: &Value) -> Trouble {
    Trouble::Nothing(match value {
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

/// How many bytes at the start of `text` are a decimal number: sign, digits, fraction, exponent.
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
