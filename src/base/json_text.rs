//! JSON text that `serde_json` does not keep as it was written.
//!
//! `serde_json` rounds integers beyond 64 bits, and rejects lone surrogates (`"\ud83d"`), which JavaScript writes for a
//! truncated emoji. The functions here rewrite such a text before it is parsed. Both scan the text once.

use std::borrow::Cow;

/// The fewest digits of an integer that may exceed 64 bits.
const DIGITS_MIN: usize = 19;

/// The text with integers beyond 64 bits as strings, so that they keep their digits, and the number of such integers.
pub fn with_long_integers_as_text(text: &[u8]) -> (Cow<'_, [u8]>, usize) {
    if !has_long_number(text) {
        return (Cow::Borrowed(text), 0);
    }
    let mut rewritten = Vec::with_capacity(text.len() + 16);
    let mut count = 0;
    for token in Tokens(text) {
        match is_long_integer(token) {
            true => {
                count += 1;
                rewritten.push(b'"');
                rewritten.extend_from_slice(token);
                rewritten.push(b'"');
            }
            false => rewritten.extend_from_slice(token),
        }
    }
    (Cow::Owned(rewritten), count)
}

/// The text with `\ufffd` in the place of each lone surrogate, and the number of them.
pub fn without_lone_surrogates(text: &[u8]) -> (Vec<u8>, usize) {
    let mut rewritten = text.to_vec();
    let (mut count, mut position) = (0, 0);
    while let Some(found) = memchr::memchr(b'\\', &text[position..]) {
        let escape = position + found;
        let next = code_unit(text, escape + 6);
        let length = match code_unit(text, escape) {
            None => 2,
            Some(0xD800..=0xDBFF) if matches!(next, Some(0xDC00..=0xDFFF)) => 12,
            Some(0xD800..=0xDFFF) => {
                rewritten[escape + 2..escape + 6].copy_from_slice(b"fffd");
                count += 1;
                6
            }
            Some(_) => 6,
        };
        position = (escape + length).min(text.len());
    }
    (rewritten, count)
}

/// The UTF-16 code unit of the escape `\u….` at this position.
fn code_unit(text: &[u8], position: usize) -> Option<u16> {
    let escape = text.get(position..position + 6)?.strip_prefix(b"\\u")?;
    let digits = std::str::from_utf8(escape).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    u16::from_str_radix(digits?, 16).ok()
}

fn has_long_number(text: &[u8]) -> bool {
    let mut digits = 0;
    text.iter().any(|byte| {
        digits = if byte.is_ascii_digit() { digits + 1 } else { 0 };
        digits >= DIGITS_MIN
    })
}

fn is_long_integer(token: &[u8]) -> bool {
    let digits = token.strip_prefix(b"-").unwrap_or(token);
    if digits.len() < DIGITS_MIN || digits[0] == b'0' || !digits.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let fits = |text: &str| text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok();
    std::str::from_utf8(token).is_ok_and(|text| !fits(text))
}

/// Splits a text into strings, numbers and what is between them. Together they are the text.
struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let starts_token = |byte: &u8| matches!(byte, b'"' | b'-' | b'0'..=b'9');
        let in_number = |byte: &u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        let length = match self.0.first()? {
            b'"' => string_length(self.0),
            b'-' | b'0'..=b'9' => self.0.iter().position(|byte| !in_number(byte)).unwrap_or(self.0.len()),
            _ => self.0.iter().position(starts_token).unwrap_or(self.0.len()),
        };
        let (token, rest) = self.0.split_at(length);
        self.0 = rest;
        Some(token)
    }
}

/// The length of the string at the start of the text, with its quotation marks.
fn string_length(text: &[u8]) -> usize {
    let mut position = 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', text.get(position..).unwrap_or_default()) {
        position += found;
        match text[position] {
            b'"' => return position + 1,
            _ => position += 2,
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn kept(text: &str) -> (String, usize) {
        let (rewritten, count) = with_long_integers_as_text(text.as_bytes());
        (String::from_utf8(rewritten.into_owned()).unwrap(), count)
    }

    #[test]
    fn integers_beyond_64_bits_become_text() {
        for (text, expected, count) in [
            ("[18446744073709551615,-9223372036854775808]", "[18446744073709551615,-9223372036854775808]", 0),
            ("[18446744073709551616, -9223372036854775809]", "[\"18446744073709551616\", \"-9223372036854775809\"]", 2),
            ("1000000000000000000001", "\"1000000000000000000001\"", 1),
            ("\"1000000000000000000001\"", "\"1000000000000000000001\"", 0),
            ("\"a\\\"\":1000000000000000000001", "\"a\\\"\":\"1000000000000000000001\"", 1),
            ("1000000000000000000001.5", "1000000000000000000001.5", 0),
            ("1000000000000000000001e2", "1000000000000000000001e2", 0),
            ("01000000000000000000001", "01000000000000000000001", 0),
            ("\"1000000000000000000001", "\"1000000000000000000001", 0),
        ] {
            assert_eq!(kept(text), (expected.to_owned(), count), "{text}");
        }
    }

    #[test]
    fn lone_surrogates_are_replaced_and_pairs_are_kept() {
        let read = |text: &str| {
            let (text, count) = without_lone_surrogates(text.as_bytes());
            (serde_json::from_slice::<String>(&text).unwrap(), count)
        };
        assert_eq!(read(r#""cut \ud83d""#), ("cut \u{fffd}".to_owned(), 1));
        assert_eq!(read(r#""\udc00x""#), ("\u{fffd}x".to_owned(), 1));
        assert_eq!(read(r#""\ud83d\ud83d\ude00""#), ("\u{fffd}\u{1f600}".to_owned(), 1));
        assert_eq!(read(r#""\\ud83d \u00e9""#), ("\\ud83d \u{e9}".to_owned(), 0));
    }

    proptest! {
        /// A text with nothing to rewrite stays; any other text keeps its meaning.
        #[test]
        fn rewriting_is_safe(text in "[ \\[\\]{}:,\"\\\\a0-9.e+-]{0,60}", number in any::<i64>()) {
            for text in [text.clone(), format!("[{number},{text}]"), format!("{{\"{number}\":{number}}}")] {
                let (rewritten, count) = with_long_integers_as_text(text.as_bytes());
                prop_assert!(count > 0 || rewritten == text.as_bytes());
                if count == 0 && let Ok(value) = serde_json::from_str::<Value>(&text) {
                    prop_assert_eq!(serde_json::from_slice::<Value>(&rewritten).unwrap(), value);
                }
                let _ = without_lone_surrogates(text.as_bytes());
            }
        }
    }
}
