//! Numbers as text, as JavaScript writes them: `42` for 42.0, `1e+21` from there on.

use serde_json::Number;

/// From this power of ten on, and from the other one down, numbers are written with an exponent.
const EXPONENT_MAX: i32 = 21;
const EXPONENT_MIN: i32 = -7;

/// The number as text.
pub(super) fn number_text(number: &Number) -> String {
    match number.as_f64() {
        Some(float) if number.is_f64() => float_text(float),
        _ => number.to_string(),
    }
}

fn float_text(float: f64) -> String {
    // The shortest digits that read back as the same number, with their exponent.
    let scientific = format!("{:e}", float.abs());
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    let sign = if float < 0.0 { "-" } else { "" };
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    let text = match exponent {
        EXPONENT_MAX.. | ..=EXPONENT_MIN => {
            let point = if digits.len() > 1 { "." } else { "" };
            let plus = if exponent > 0 { "+" } else { "" };
            format!("{}{point}{}e{plus}{exponent}", &digits[..1], &digits[1..])
        }
        _ if exponent < 0 => format!("0.{}{digits}", "0".repeat((-exponent - 1).unsigned_abs() as usize)),
        _ => {
            let whole = exponent.unsigned_abs() as usize + 1;
            match digits.split_at_checked(whole) {
                Some((whole, "")) => whole.to_owned(),
                Some((whole, fraction)) => format!("{whole}.{fraction}"),
                None => format!("{digits}{}", "0".repeat(whole - digits.len())),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Number;

    use super::*;

    #[test]
    fn numbers_are_written_as_javascript_writes_them() {
        for (text, expected) in [
            ("42.0", "42"),
            ("-0.0", "0"),
            ("2.50", "2.5"),
            ("-1234.5678", "-1234.5678"),
            ("1e20", "100000000000000000000"),
            ("1e21", "1e+21"),
            ("1.5e300", "1.5e+300"),
            ("0.000001", "0.000001"),
            ("0.0000001", "1e-7"),
            ("1.25e-9", "1.25e-9"),
            ("18446744073709551615", "18446744073709551615"),
            ("-9223372036854775808", "-9223372036854775808"),
        ] {
            let number: Number = serde_json::from_str(text).unwrap();
            assert_eq!(number_text(&number), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn the_text_reads_back_as_the_same_number(float in any::<f64>()) {
            if let Some(number) = Number::from_f64(float) {
                prop_assert_eq!(number_text(&number).parse::<f64>().unwrap(), float);
            }
        }
    }
}
