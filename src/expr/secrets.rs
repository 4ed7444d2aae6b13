//! Secrets, the values of variables, and how they are kept out of what people read.
//!
//! [`mask`] replaces a secret wherever it stands in a text by `•••` and its name. It knows a secret in every form that an
//! expression gives it on the way into a request or a log: as it is, with escapes as in JSON, percent-encoded, escaped for
//! HTML, each of them also partly or twice; and within text in Base64, wherever in that it begins. What is computed from a
//! secret otherwise (in upper case, hashed, a part of it) is not recognised.
//!
//! Secrets of less than [`CHARACTERS_MIN`] characters are left alone: they would be found everywhere. Where secrets overlap,
//! all that they cover is replaced, by the name of the longest. To mask JSON, use [`Secrets::mask_value`]; masking its text
//! also works as long as no secret ends in a backslash.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Map, Value};

use super::spelling::Spelling;

/// The shortest secret that is masked.
const CHARACTERS_MIN: usize = 4;

const MASK: &str = "•••";

/// Values that are not for everybody to read, with their names.
#[derive(Clone, Debug, Default)]
pub struct Secrets {
    /// The longest value first.
    secrets: Vec<Secret>,
}

#[derive(Clone)]
struct Secret {
    name: String,
    value: String,
    /// The value and its forms in Base64.
    spellings: Vec<Spelling>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Secret").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A piece of a text that gives a secret away.
struct Found {
    start: usize,
    end: usize,
    /// Which secret; the longest has the lowest.
    secret: usize,
}

/// `text` with `•••name` in place of each secret.
pub fn mask<'t>(text: &'t str, secrets: &Secrets) -> Cow<'t, str> {
    let found = secrets.find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    // A mask may itself make up a secret, together with what it stands between; names are chosen by people.
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
        let secret = Secret { name: shown_name(name), value: value.to_owned(), spellings };
        let place = self.secrets.partition_point(|other| other.value.len() >= value.len());
        self.secrets.insert(place, secret);
    }

    pub fn is_empty(&self) -> bool {
        self.secrets.is_empty()
    }

    /// The names, as masks show them, and the values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.secrets.iter().map(|secret| (secret.name.as_str(), secret.value.as_str()))
    }

    /// Masks all texts and names in a value, and numbers that read like a secret.
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

    /// All that gives secrets away, from left to right, without overlaps.
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

/// A name that can stand in JSON, HTML and addresses as it is.
fn shown_name(name: &str) -> String {
    const CHARACTERS_MAX: usize = 64;
    let plain = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '.');
    name.chars().take(CHARACTERS_MAX).map(|character| if plain(character) { character } else { '_' }).collect()
}

/// What of Base64 text is the same whatever stands before and after `bytes` in what was encoded: three forms, as the
/// bytes may begin at the first, second or third of each group of three; and those with the letters that addresses use.
fn base64_forms(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let encoded = STANDARD_NO_PAD.encode([&vec![0; before], bytes].concat());
        let (first, end) = ((before * 8).div_ceil(6), (before + bytes.len()) * 8 / 6);
        let form = encoded[first..end].to_owned();
        let for_addresses = form.replace('+', "-").replace('/', "_");
        if for_addresses != form {
            forms.push(for_addresses);
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
        // Names and masks that would give a secret away.
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
