//! Masking of secrets, that is, the values of variables, in texts that people read.
//!
//! [`mask`] replaces each occurrence of a secret in a text by `•••` and its name. It recognises every form that
//! expressions can produce: plain, with JSON escapes, percent-encoded, escaped for HTML, each also partly or
//! repeatedly; and inside Base64, at any offset. Other values computed from a secret (upper case, hashes, parts of it)
//! are not recognised.
//!
//! Secrets shorter than [`CHARACTERS_MIN`] characters are not masked, because they would match everywhere. If secrets
//! overlap, the whole range is replaced by the name of the longest. To mask JSON, use [`Secrets::mask_value`]; masking
//! its text also works unless a secret ends with a backslash.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value};

use super::spelling::Spelling;

/// The shortest secret that is masked.
const CHARACTERS_MIN: usize = 4;

const MASK: &str = "•••";

/// Secret values with their names.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// In descending order of length.
    secrets: Vec<Secret>,
}

#[derive(Clone)]
struct Secret {
    name: String,
    value: String,
    /// The value and its Base64 forms.
    spellings: Vec<Spelling>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A range of a text that reveals a secret.
struct Found {
    start: usize,
    end: usize,
    /// The index of the secret; the longest secret has the lowest.
    secret: usize,
}

/// `text` with `•••name` in place of each secret.
pub fn mask<'t>(text: &'t str, secrets: &Secrets) -> Cow<'t, str> {
    let found = secrets.find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    // A mask may form another secret together with the surrounding text, because people choose the names.
    for named in [true, false] {
        let masked = secrets.replace(text, &found, named);
        if secrets.find(&masked).is_empty() {
            return Cow::Owned(masked);
        }
    }
    Cow::Borrowed(MASK)
}

impl Secrets {
    /// Adds a secret.
    pub fn add(&mut self, name: &str, value: &str) {
        let known = self.secrets.iter().any(|secret| secret.value == value);
        if known || value.chars().count() < CHARACTERS_MIN {
            return;
        }
        let mut spellings = vec![Spelling::new(value)];
        spellings.extend(base64_forms(value.as_bytes()).iter().map(|form| Spelling::new(form)));
        let secret = Secret { name: safe_name(name), value: value.to_owned(), spellings };
        let index = self.secrets.partition_point(|other| other.value.len() >= value.len());
        self.secrets.insert(index, secret);
    }

    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The names as in masks, and the values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.secrets.iter().map(|secret| (secret.name.as_str(), secret.value.as_str()))
    }

    /// Masks all strings and keys in a value, and numbers that equal a secret.
    pub fn mask_value(&self, value: &mut Value) {
        if self.is_empty() {
            return;
        }
        match value {
            Value::Null | Value::Bool(_) => {}
            Value::Number(number) => {
                if let Cow::Owned(masked) = mask(&number.to_string(), self) {
                    *value = Value::String(masked);
                }
            }
            Value::String(text) => {
                let masked = mask(text, self);
                if masked != text.as_str() {
                    *text = masked.into_owned();
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.mask_value(item)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|field| self.mask_value(field));
                if fields.keys().any(|name| !self.find(name).is_empty()) {
                    let masked = std::mem::take(fields).into_iter();
                    *fields =
                        masked.map(|(name, field)| (mask(&name, self).into_owned(), field)).collect::<Map<_, _>>();
                }
            }
        }
    }

    /// The ranges that reveal secrets, from left to right, without overlaps.
    fn find(&self, text: &str) -> Vec<Found> {
        let mut found: Vec<Found> = Vec::new();
        for (secret, Secret { spellings, .. }) in self.secrets.iter().enumerate() {
            let ranges = spellings.iter().flat_map(|spelling| spelling.find(text));
            found.extend(ranges.map(|range| Found { start: range.start, end: range.end, secret }));
        }
        found.sort_by_key(|found| (found.start, found.secret));
        found.dedup_by(|next, last| {
            let overlaps = next.start < last.end;
            if overlaps {
                last.end = last.end.max(next.end);
                last.secret = last.secret.min(next.secret);
            }
            overlaps
        });
        found
    }

    fn replace(&self, text: &str, found: &[Found], named: bool) -> String {
        let (mut masked, mut rest) = (String::with_capacity(text.len()), 0);
        for Found { start, end, secret } in found {
            masked += &text[rest..*start];
            masked += MASK;
            if named {
                masked += &self.secrets[*secret].name;
            }
            rest = *end;
        }
        masked + &text[rest..]
    }
}

/// A name without characters that need escaping in JSON, HTML or URLs.
fn safe_name(name: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    let plain = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    name.chars().take(CHARACTERS_MAX).map(|character| if plain(character) { character } else { '_' }).collect()
}

/// The Base64 characters that are the same whatever surrounds `bytes` in the encoded data: three forms, because the
/// bytes may start at any offset in a group of three, and the URL-safe variants.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&vec![0; before], bytes].concat());
        let (first, end) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
        let form = encoded[first..end].to_owned();
        let url_safe = form.replace('+', "-").replace('/', "_");
        if url_safe != form {
            forms.push(url_safe);
        }
        forms.push(form);
    }
    forms
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn secrets(pairs: &[(&str, &str)]) -> Secrets {
        let mut secrets = Secrets::default();
        pairs.iter().for_each(|(name, value)| secrets.add(name, value));
        secrets
    }

    #[test]
    fn every_form_is_masked() {
        let known = secrets(&[("key", "p\"ä<s + 5%"), ("tokén \"x\"", "t0ken"), ("short", "abc")]);
        for (text, masked) in [
            ("x p\"ä<s + 5% y", "x •••key y"),
            (r#"{"a":"p\"ä<s + 5%"}"#, r#"{"a":"•••key"}"#),
            (r#""{\"a\":\"p\\\"\u00e4<s + 5%\"}""#, r#""{\"a\":\"•••key\"}""#),
            ("?k=p%22%c3%A4%3Cs%20%2B%205%25&x", "?k=•••key&x"),
            ("?k=p%22%C3%A4%3Cs+%2B+5%25", "?k=•••key"),
            ("?k=p%2522%25C3%25A4%253Cs%2520%252B%25205%2525", "?k=•••key"),
            ("<b>p&quot;ä&lt;s + 5%</b>", "<b>•••key</b>"),
            ("p&amp;#34;&#xe4;&#60;s + 5%", "•••key"),
            ("t0ken,t0ken abc", "•••tokén__x_,•••tokén__x_ abc"),
            ("Basic dXNlcjp0MGtlbg==", "Basic dXNlcjp•••tokén__x_g=="),
            ("t0ke", "t0ke"),
            ("", ""),
        ] {
            assert_eq!(mask(text, &known), masked, "{text}");
        }
        assert_eq!(mask("anything", &Secrets::default()), "anything");
    }

    #[test]
    fn overlapping_secrets_are_covered_whole() {
        let known = secrets(&[("a", "abcd"), ("b", "cdefgh"), ("c", "abcd efgh")]);
        assert_eq!(mask("1 abcdefgh 2 abcd efgh 3", &known), "1 •••b 2 •••c 3");
        // Names and masks that would reveal a secret.
        assert_eq!(mask("password", &secrets(&[("password", "password")])), "•••");
        assert_eq!(mask("abcd••", &secrets(&[("", "abcd"), ("y", "••••")])), "•••");
    }

    #[test]
    fn values_are_masked_in_all_their_parts() {
        let mut value = json!({ "a": ["say hush!", 1], "hush!": { "n": 123_456, "b": true, "z": null } });
        secrets(&[("h", "hush!"), ("n", "123456")]).mask_value(&mut value);
        assert_eq!(value, json!({ "a": ["say •••h", 1], "•••h": { "n": "•••n", "b": true, "z": null } }));
    }

    #[test]
    fn json_text_stays_json() {
        let known = secrets(&[("k", "nabc"), ("l", "\"\\x\n")]);
        for value in [json!("\nabc"), json!(["nabc", "\\nabc", "\"\\x\n", "\\\"\\x\n\""])] {
            let masked = mask(&value.to_string(), &known).into_owned();
            assert!(serde_json::from_str::<Value>(&masked).is_ok(), "{value} {masked}");
        }
    }

    proptest! {
        #[test]
        fn no_secret_is_left(
            values in prop::collection::vec(prop_oneof!["[ab%+\\\\\"&;é•25 ]{4,8}", "\\PC{4,12}"], 1..4),
            name in "[ab•]{0,4}",
            around in prop::collection::vec("[ab%\\\\\"&5é• ]{0,6}", 8),
        ) {
            let mut known = Secrets::default();
            values.iter().for_each(|value| known.add(&name, value));
            for value in &values {
                let json = serde_json::to_string(value).unwrap();
                let forms = [
                    value.clone(),
                    json[1..json.len() - 1].to_owned(),
                    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string(),
                    url::form_urlencoded::byte_serialize(value.as_bytes()).collect(),
                    handlebars::html_escape(value),
                ];
                let text: String = around.iter().zip(&forms).map(|(text, form)| format!("{text}{form}")).collect();
                let masked = mask(&text, &known);
                for form in &forms {
                    prop_assert!(!masked.contains(form.as_str()), "{text:?} {masked:?} {form:?}");
                }
                for (before, after) in around.iter().zip(&around[1..]) {
                    let inner = format!("{before}{value}{after}");
                    for encoded in [STANDARD.encode(&inner), URL_SAFE.encode(&inner)] {
                        prop_assert!(mask(&encoded, &known) != encoded, "{inner:?} {encoded:?}");
                    }
                }
            }
        }

        #[test]
        fn other_text_stays_as_it_is(text in "[a-y ]{0,40}") {
            prop_assert_eq!(mask(&text, &secrets(&[("z", "zzzz")])), text.as_str());
        }
    }
}
