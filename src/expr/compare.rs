//! Comparisons of values: equality, order, dates, containment.
//!
//! Values often come from forms and mails, so a number and a numeric string compare as numbers, and a Boolean equals
//! its name. Nothing else is converted. If values can't be compared, the error is a sentence for a note, and the
//! condition is false.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::dates;
use super::number_text::number_text;
use super::operation::describe;

/// Whether two values are equal, with the conversions above. Lists and objects compare element by element.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => compare_numbers(left, right).is_eq(),
        (Value::Number(_), Value::String(text)) | (Value::String(text), Value::Number(_)) if is_long_integer(text) => {
            false
        }
        (Value::Number(number), Value::String(text)) | (Value::String(text), Value::Number(number)) => {
            parse_number(text).is_some_and(|parsed| compare_numbers(number, &parsed).is_eq())
        }
        (Value::Bool(value), Value::String(text)) | (Value::String(text), Value::Bool(value)) => {
            text == if *value { "true" } else { "false" }
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left.iter().all(|(name, value)| right.get(name).is_some_and(|other| equal(value, other)))
        }
        _ => left == right,
    }
}

/// Orders two numbers, or two non-numeric strings by code point.
pub(super) fn order(left: &Value, right: &Value) -> Result<Ordering, String> {
    if let Some(ordering) = order_long_integers(left, right) {
        return Ok(ordering);
    }
    match (number(left), number(right)) {
        (Some(left), Some(right)) => return Ok(compare_numbers(&left, &right)),
        (None, None) => {
            if let (Value::String(left), Value::String(right)) = (left, right) {
                return Ok(left.cmp(right));
            }
        }
        _ => {}
    }
    Err(format!("cannot compare {} with {}: expected two numbers or two strings", describe(left), describe(right)))
}

/// Orders two integers of which one is beyond 64 bits, and therefore a text.
fn order_long_integers(left: &Value, right: &Value) -> Option<Ordering> {
    let is_long = |value: &Value| value.as_str().is_some_and(is_long_integer);
    if !is_long(left) && !is_long(right) {
        return None;
    }
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => integer(number).map(|integer| integer.to_string()),
        _ => None,
    };
    let (left, right) = (text(left)?, text(right)?);
    let (left, right) = (SignedDigits::of(&left)?, SignedDigits::of(&right)?);
    Some(left.cmp(&right))
}

/// Whether a text is an integer beyond 64 bits. Payloads keep such integers as text.
fn is_long_integer(text: &str) -> bool {
    const DIGITS_MIN: usize = 19;
    text.len() >= DIGITS_MIN
        && SignedDigits::of(text).is_some()
        && text.parse::<i64>().is_err()
        && text.parse::<u64>().is_err()
}

/// An integer of any length.
#[derive(PartialEq, Eq)]
struct SignedDigits<'a> {
    is_negative: bool,
    /// Without leading zeros.
    digits: &'a str,
}

impl SignedDigits<'_> {
    fn of(text: &str) -> Option<SignedDigits<'_>> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let is_integer = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let is_negative = digits.len() < text.len();
        is_integer.then(|| SignedDigits { is_negative, digits: digits.trim_start_matches('0') })
    }
}

impl Ord for SignedDigits<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (left, right) = (self.digits, other.digits);
        let size = left.len().cmp(&right.len()).then_with(|| left.cmp(right));
        match (self.is_negative, other.is_negative) {
            (false, false) => size,
            (true, true) => size.reverse(),
            (is_negative, _) => {
                if is_negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

impl PartialOrd for SignedDigits<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Orders two dates.
pub(super) fn order_dates(left: &Value, right: &Value) -> Result<Ordering, String> {
    Ok(dates::read(left)?.cmp(&dates::read(right)?))
}

/// The most element pairs that `contains` compares: senders control the length of lists.
const COMPARISONS_MAX: usize = 1_000_000;

/// Whether a string contains a string, or a list an element. If `needle` is a list, all of its elements must be
/// contained.
pub(super) fn contains(haystack: &Value, needle: &Value) -> Result<bool, String> {
    if let Value::Array(needles) = needle {
        let items = haystack.as_array().map_or(1, Vec::len);
        if needles.len().saturating_mul(items) > COMPARISONS_MAX {
            return Err(format!("searching for {} elements among {items} takes too many comparisons", needles.len()));
        }
        for needle in needles {
            if !contains_one(haystack, needle)? {
                return Ok(false);
            }
        }
        return Ok(true);
    }
    contains_one(haystack, needle)
}

fn contains_one(haystack: &Value, needle: &Value) -> Result<bool, String> {
    match (haystack, needle) {
        (Value::Array(items), needle) => Ok(items.iter().any(|item| equal(item, needle))),
        (Value::String(text), Value::String(needle)) => Ok(text.contains(needle.as_str())),
        (Value::String(text), Value::Number(needle)) => Ok(text.contains(&number_text(needle))),
        _ => Err(format!("cannot search for {} in {}", describe(needle), describe(haystack))),
    }
}

/// Converts `true`, `false` and their names to a Boolean.
pub(super) fn truth(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::String(text) if text == "true" => Some(true),
        Value::String(text) if text == "false" => Some(false),
        _ => None,
    }
}

/// Compares integers exactly, other numbers as floating point.
pub(super) fn compare_numbers(left: &Number, right: &Number) -> Ordering {
    if let (Some(left), Some(right)) = (integer(left), integer(right)) {
        return left.cmp(&right);
    }
    let float = |number: &Number| number.as_f64().unwrap_or(f64::NAN);
    // JSON has no NaN, so its numbers are totally ordered.
    float(left).partial_cmp(&float(right)).unwrap_or(Ordering::Equal)
}

pub(super) fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => parse_number(text),
        _ => None,
    }
}

/// Parses a string that is entirely a number. Unlike Rust, rejects `inf` and `nan`.
pub(super) fn parse_number(text: &str) -> Option<Number> {
    let plain = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E');
    if !text.bytes().all(plain) {
        return None;
    }
    let integer = text.parse::<i64>().map(Number::from).or_else(|_| text.parse::<u64>().map(Number::from));
    integer.ok().or_else(|| text.parse().ok().and_then(Number::from_f64))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equality_converts_numbers_and_booleans_only() {
        for (left, right) in [
            (json!(1), json!(1.0)),
            (json!(200), json!("200")),
            (json!("1e2"), json!(100)),
            (json!(true), json!("true")),
            (json!([1, { "a": 2 }]), json!([1.0, { "a": 2.0 }])),
            (json!(null), json!(null)),
            (json!(u64::MAX), json!(u64::MAX.to_string())),
        ] {
            assert!(equal(&left, &right) && equal(&right, &left), "{left} {right}");
        }
        for (left, right) in [
            (json!("1"), json!("1.0")),
            (json!(1), json!("1 ")),
            (json!(1), json!(true)),
            (json!(0), json!(null)),
            (json!(""), json!(0)),
            (json!(9_007_199_254_740_993_i64), json!(9_007_199_254_740_992_i64)),
            (json!(u64::MAX), json!("18446744073709551614")),
            (json!(9_223_372_036_854_775_808_u64), json!("9223372036854775809")),
            (json!(true), json!("True")),
            (json!({ "a": 1 }), json!({ "a": 1, "b": 1 })),
        ] {
            assert!(!equal(&left, &right) && !equal(&right, &left), "{left} {right}");
        }
    }

    #[test]
    fn integers_beyond_64_bits_are_compared_exactly() {
        let [low, high] = ["123456789012345678901", "123456789012345678902"].map(Value::from);
        assert_eq!((order(&low, &high), equal(&low, &high)), (Ok(Ordering::Less), false));
        assert_eq!(order(&low, &json!(u64::MAX)), Ok(Ordering::Greater));
        assert_eq!(order(&json!("-9223372036854775809"), &json!(i64::MIN)), Ok(Ordering::Less));
        assert_eq!(order(&json!("-123456789012345678902"), &json!("-123456789012345678901")), Ok(Ordering::Less));
        assert!(!equal(&low, &json!(1.234_567_890_123_456_8e20)));
        assert_eq!(order(&low, &json!(1.5)), Ok(Ordering::Greater));
    }

    #[test]
    fn numbers_and_strings_are_ordered() {
        assert_eq!(order(&json!(300), &json!("200")), Ok(Ordering::Greater));
        assert_eq!(order(&json!("9"), &json!("10")), Ok(Ordering::Less));
        assert_eq!(order(&json!(u64::MAX), &json!("18446744073709551614")), Ok(Ordering::Greater));
        assert_eq!(order(&json!("b"), &json!("a")), Ok(Ordering::Greater));
        for (left, right) in [(json!("a"), json!(1)), (json!("a"), json!("1")), (json!(true), json!(false))] {
            assert!(order(&left, &right).is_err(), "{left} {right}");
        }
        assert_eq!(
            order(&json!("nan"), &json!(1)).unwrap_err(),
            "cannot compare the string `nan` with the number 1: expected two numbers or two strings"
        );
    }

    #[test]
    fn dates_are_iso_or_numbers() {
        let day = json!("2017-12-22");
        assert_eq!(order_dates(&day, &json!("2017-12-22T00:00:00Z")), Ok(Ordering::Equal));
        assert_eq!(order_dates(&day, &json!(1_513_900_800_000_i64)), Ok(Ordering::Equal));
        assert_eq!(order_dates(&day, &json!(1_513_900_801)), Ok(Ordering::Less));
        assert!(order_dates(&day, &json!(i64::MAX)).is_err());
        assert!(order_dates(&day, &json!("tomorrow")).is_err());
    }

    #[test]
    fn containment_works_on_strings_and_lists() {
        assert_eq!(contains(&json!("order 42"), &json!(42)), Ok(true));
        assert_eq!(contains(&json!("order"), &json!(["or", "der"])), Ok(true));
        assert_eq!(contains(&json!(["vip", 1]), &json!(["vip"])), Ok(true));
        assert_eq!(contains(&json!(["vip", 1]), &json!(["vip", "2"])), Ok(false));
        assert_eq!(contains(&json!(["vip", 1]), &json!("1")), Ok(true));
        assert_eq!(contains(&json!(7), &json!(7)).unwrap_err(), "cannot search for the number 7 in the number 7");
        assert!(contains(&json!("null"), &json!(null)).is_err());
    }
}
