//! Schemes from JSON: a preset's name with what differs, or the generic one.

use serde_json::Value;

use super::algorithm::Algorithm;
use super::clock::{Clock, USUAL_S, Unit};
use super::encoding::Encoding;
use super::parts::{Headers, Source, TimestampPlace};
use super::presets::{names, preset};
use super::scheme::Scheme;
use super::template::{Part, Template};
use crate::objects::{Fields, Problem, unknown};

/// What the scheme is called that is made of its parts.
pub const GENERIC: &str = "generic";
/// What the scheme is called in which a header of the user's choice holds the secret itself.
pub const HEADER: &str = "header";
/// The longest tolerance, in seconds: a century, so that published examples can be tried.
const TOLERANCE_S_MAX: i64 = 3_200_000_000;
/// The longest text in a scheme.
const CHARACTERS_MAX: usize = 1_000;

impl Scheme {
    /// Reads `{"scheme": "stripe", "tolerance_s": 600}` and the like.
    ///
    /// # Errors
    /// Everything that is wrong, with pointers into `value`.
    pub fn read(value: &Value) -> Result<Scheme, Vec<Problem>> {
        if !value.is_object() {
            return Err(vec![Problem::new("", "expected an object with a `scheme`")]);
        }
        let mut fields = Fields::new(value.clone());
        let name = fields.text("scheme", CHARACTERS_MAX).flatten();
        let mut scheme = match name.as_deref() {
            Some(GENERIC) => generic(&mut fields),
            Some(HEADER) => secret_in_header(&mut fields),
            Some(name) => preset(name).unwrap_or_else(|| {
                fields.problem("/scheme", unknown("scheme", name, names().chain([GENERIC, HEADER])));
                // Stands in, so that the rest is read as well.
                Scheme::new(GENERIC, &[])
            }),
            None => {
                if fields.is_sound("scheme") {
                    fields.problem("/scheme", format!("name a vendor's scheme, or `{GENERIC}`"));
                }
                Scheme::new(GENERIC, &[])
            }
        };
        tolerances(&mut fields, &mut scheme);
        if let Some(url) = fields.text("url", CHARACTERS_MAX).flatten() {
            if !url.starts_with("https://") && !url.starts_with("http://") {
                fields.problem("/url", "expected the hook's whole address as the sender knows it");
            } else if !scheme.has_url() && fields.is_sound("scheme") {
                fields.problem("/url", format!("`{}` does not sign the address", scheme.name));
            }
            scheme.url = Some(url);
        }
        fields.finish(scheme)
    }
}

/// `tolerance_s` for both directions, as far as the scheme looks at them, and `future_s` for the one.
fn tolerances(fields: &mut Fields, scheme: &mut Scheme) {
    let past = seconds(fields, "tolerance_s", scheme);
    let future = seconds(fields, "future_s", scheme);
    if let Some(past) = past {
        // Where a vendor looks at a request's age alone, a tolerance does not make it more.
        let looks_at_age_alone = scheme.clock.past_s.is_some() && scheme.clock.future_s.is_none();
        scheme.clock.future_s = (!looks_at_age_alone).then_some(past);
        scheme.clock.past_s = Some(past);
    }
    scheme.clock.future_s = future.or(scheme.clock.future_s);
}

fn seconds(fields: &mut Fields, name: &'static str, scheme: &Scheme) -> Option<i64> {
    let value = fields.take(name).filter(|value| !value.is_null())?;
    let seconds = value.as_i64().filter(|seconds| (1..=TOLERANCE_S_MAX).contains(seconds));
    if seconds.is_none() {
        fields.problem(format!("/{name}"), format!("expected a number of seconds from 1 to {TOLERANCE_S_MAX}"));
    } else if !scheme.has_timestamp() && fields.is_sound("scheme") {
        fields.problem(format!("/{name}"), format!("a `{}` request has no timestamp", scheme.name));
    } else if !scheme.signs_timestamp() && fields.is_sound("scheme") && fields.is_sound("text") {
        fields.problem(format!("/{name}"), "the timestamp is no part of the signed `text`, so it could be forged");
    }
    seconds
}

fn secret_in_header(fields: &mut Fields) -> Scheme {
    let name = header(fields, "header");
    if name.is_none() && fields.is_sound("header") {
        fields.problem("/header", "name the header that carries the secret");
    }
    let prefix = fields.text("prefix", CHARACTERS_MAX).flatten().unwrap_or_default();
    Scheme::of_secret(HEADER, name.as_deref().unwrap_or_default(), &prefix, Encoding::Text)
}

fn generic(fields: &mut Fields) -> Scheme {
    let mut scheme = Scheme::new(GENERIC, &[]);
    let mut headers = Headers::default();
    match header(fields, "header") {
        Some(name) => headers.signature = vec![name],
        None if fields.is_sound("header") => fields.problem("/header", "name the header that carries the signature"),
        None => {}
    }
    headers.id = header(fields, "id").into_iter().collect();
    headers.timestamp = timestamp(fields);
    headers.separator = fields.text("separator", CHARACTERS_MAX).flatten().and_then(|text| {
        let mut characters = text.chars();
        let separator = characters.next().filter(|separator| separator.is_ascii() && characters.next().is_none());
        fields.keep("/separator", separator.ok_or_else(|| "expected one character, such as `,`".to_owned()))
    });
    if let Some(rule) = scheme.rules.first_mut() {
        rule.signature_prefix = fields.text("prefix", CHARACTERS_MAX).flatten().unwrap_or_default();
        rule.algorithm = word(fields, "algorithm", &Algorithm::NAMES).unwrap_or(rule.algorithm);
        let usual = if rule.algorithm.has_public_key() { Encoding::Base64 } else { Encoding::Text };
        rule.encoding = word(fields, "key", &Encoding::OF_KEYS).unwrap_or(usual);
    }
    // Who sends the secret itself hardly ever encodes it.
    let is_token = scheme.rules.iter().any(|rule| rule.algorithm == Algorithm::Token);
    let usual = if is_token { Encoding::Text } else { scheme.encoding };
    scheme.encoding = word(fields, "encoding", &Encoding::OF_SIGNATURES).unwrap_or(usual);
    scheme.clock.unit = word(fields, "unit", &Unit::NAMES).unwrap_or(scheme.clock.unit);
    if let Some(text) = fields.text("text", CHARACTERS_MAX).flatten() {
        scheme.text = fields.keep("/text", Template::parse(&text)).unwrap_or(scheme.text);
    }
    if matches!(headers.timestamp, TimestampPlace::Among(_))
        && headers.separator.is_none()
        && fields.is_sound("separator")
    {
        fields.problem("/separator", "the timestamp stands beside the signature: what separates them?");
    }
    for (part, name, is_given) in [
        (Part::Id, "id", !headers.id.is_empty()),
        (Part::Timestamp, "timestamp", headers.timestamp != TimestampPlace::Nowhere),
    ] {
        if scheme.text.has(&part) && !is_given && fields.is_sound(name) {
            fields.problem(format!("/{name}"), format!("the text needs it: where is `{{{name}}}` from?"));
        }
    }
    if headers.timestamp != TimestampPlace::Nowhere && scheme.text.has(&Part::Timestamp) {
        scheme.clock = Clock { past_s: Some(USUAL_S), future_s: Some(USUAL_S), ..scheme.clock };
    }
    scheme.source = Source::Headers(headers);
    scheme
}

/// A header's name, or `{"prefix": "t="}` for one among the signatures.
fn timestamp(fields: &mut Fields) -> TimestampPlace {
    match fields.take("timestamp") {
        None | Some(Value::Null) => TimestampPlace::Nowhere,
        Some(Value::String(name)) if is_header_name(&name) => TimestampPlace::Headers(vec![name.to_ascii_lowercase()]),
        Some(Value::Object(place)) if place.len() == 1 => match place.get("prefix").and_then(Value::as_str) {
            Some(prefix) if !prefix.is_empty() => TimestampPlace::Among(prefix.to_owned()),
            _ => unreadable_timestamp(fields),
        },
        Some(_) => unreadable_timestamp(fields),
    }
}

fn unreadable_timestamp(fields: &mut Fields) -> TimestampPlace {
    fields.problem("/timestamp", "expected the name of a header, or {\"prefix\": \"t=\"} for one beside the signature");
    TimestampPlace::Nowhere
}

fn header(fields: &mut Fields, name: &'static str) -> Option<String> {
    let text = fields.text(name, CHARACTERS_MAX).flatten()?;
    let is_name = is_header_name(&text);
    fields.keep(format!("/{name}"), is_name.then(|| text.to_ascii_lowercase()).ok_or("expected a header's name".into()))
}

fn is_header_name(text: &str) -> bool {
    let is_fit = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(is_fit)
}

fn word<T: Copy>(fields: &mut Fields, name: &'static str, words: &[(&str, T)]) -> Option<T> {
    let text = fields.text(name, CHARACTERS_MAX).flatten()?;
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    let known = || words.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    fields.keep(format!("/{name}"), found.ok_or_else(|| format!("expected one of {}", known())))
}
