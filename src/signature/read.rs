//! Schemes from JSON: a preset with overrides, or a custom scheme.

use serde_json::Value;

use super::algorithm::Algorithm;
use super::encoding::Encoding;
use super::parts::{Headers, SignatureSource, TimestampSource};
use super::presets::{names, preset};
use super::scheme::Scheme;
use super::template::{Part, Template};
use super::tolerance::{DEFAULT_TOLERANCE_S, Tolerance, Unit};
use crate::objects::{Fields, Problem, unknown};

/// The name of the custom scheme.
pub const GENERIC: &str = "generic";
/// The name of the scheme in which a header contains the secret itself.
pub const HEADER: &str = "header";
/// The longest tolerance, in seconds: a century, so that published examples can be verified.
const TOLERANCE_S_MAX: i64 = 3_200_000_000;
/// The longest text in a scheme, in characters.
const CHARACTERS_MAX: usize = 1_000;

impl Scheme {
    /// Reads a scheme, such as `{"scheme": "stripe", "tolerance_s": 600}`.
    ///
    /// # Errors
    /// All problems, with pointers into `value`.
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
                // A stand-in, so that the other fields are checked too.
                Scheme::new(GENERIC, &[])
            }),
            None => {
                if fields.is_valid("scheme") {
                    fields.problem("/scheme", format!("required: a vendor's scheme, or `{GENERIC}`"));
                }
                Scheme::new(GENERIC, &[])
            }
        };
        tolerances(&mut fields, &mut scheme);
        if let Some(url) = fields.text("url", CHARACTERS_MAX).flatten() {
            if !url.starts_with("https://") && !url.starts_with("http://") {
                fields.problem("/url", "expected the hook's full URL as the sender knows it, such as `https://…`");
            } else if !scheme.has_url() && fields.is_valid("scheme") {
                fields.problem("/url", format!("`{}` does not sign the URL", scheme.name));
            }
            scheme.url = Some(url);
        }
        fields.finish(scheme)
    }
}

/// `tolerance_s` sets both directions, as far as the scheme checks them; `future_s` sets the future alone.
fn tolerances(fields: &mut Fields, scheme: &mut Scheme) {
    let past = seconds(fields, "tolerance_s", scheme);
    let future = seconds(fields, "future_s", scheme);
    if let Some(past) = past {
        // If a vendor checks only the age of a request, so does the override.
        let checks_age_only = scheme.tolerance.past_s.is_some() && scheme.tolerance.future_s.is_none();
        scheme.tolerance.future_s = (!checks_age_only).then_some(past);
        scheme.tolerance.past_s = Some(past);
    }
    scheme.tolerance.future_s = future.or(scheme.tolerance.future_s);
}

fn seconds(fields: &mut Fields, name: &'static str, scheme: &Scheme) -> Option<i64> {
    let value = fields.take(name).filter(|value| !value.is_null())?;
    let seconds = value.as_i64().filter(|seconds| (1..=TOLERANCE_S_MAX).contains(seconds));
    if seconds.is_none() {
        fields.problem(format!("/{name}"), format!("expected a number of seconds from 1 to {TOLERANCE_S_MAX}"));
    } else if !scheme.has_timestamp() && fields.is_valid("scheme") {
        fields.problem(format!("/{name}"), format!("a `{}` request has no timestamp", scheme.name));
    } else if !scheme.signs_timestamp() && fields.is_valid("scheme") && fields.is_valid("text") {
        fields.problem(format!("/{name}"), "the signed `text` does not contain the timestamp, so it could be forged");
    }
    seconds
}

fn secret_in_header(fields: &mut Fields) -> Scheme {
    let name = header(fields, "header");
    if name.is_none() && fields.is_valid("header") {
        fields.problem("/header", "required: the name of the header that contains the secret");
    }
    let prefix = fields.text("prefix", CHARACTERS_MAX).flatten().unwrap_or_default();
    Scheme::with_plain_secret(HEADER, name.as_deref().unwrap_or_default(), &prefix, Encoding::Text)
}

fn generic(fields: &mut Fields) -> Scheme {
    let mut scheme = Scheme::new(GENERIC, &[]);
    let mut headers = Headers::default();
    match header(fields, "header") {
        Some(name) => headers.signature = vec![name],
        None if fields.is_valid("header") => {
            fields.problem("/header", "required: the name of the header that contains the signature");
        }
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
        rule.algorithm = choice(fields, "algorithm", &Algorithm::NAMES).unwrap_or(rule.algorithm);
        let default = if rule.algorithm.has_public_key() { Encoding::Base64 } else { Encoding::Text };
        rule.encoding = choice(fields, "key", &Encoding::OF_KEYS).unwrap_or(default);
    }
    // Senders that send the secret itself rarely encode it.
    let is_token = scheme.rules.iter().any(|rule| rule.algorithm == Algorithm::Token);
    let default = if is_token { Encoding::Text } else { scheme.encoding };
    scheme.encoding = choice(fields, "encoding", &Encoding::OF_SIGNATURES).unwrap_or(default);
    scheme.tolerance.unit = choice(fields, "unit", &Unit::NAMES).unwrap_or(scheme.tolerance.unit);
    if let Some(text) = fields.text("text", CHARACTERS_MAX).flatten() {
        scheme.text = fields.keep("/text", Template::parse(&text)).unwrap_or(scheme.text);
    }
    if matches!(headers.timestamp, TimestampSource::SignatureItem(_))
        && headers.separator.is_none()
        && fields.is_valid("separator")
    {
        fields.problem("/separator", "required, because the timestamp is in the same header as the signature");
    }
    for (part, name, is_present) in [
        (Part::Id, "id", !headers.id.is_empty()),
        (Part::Timestamp, "timestamp", headers.timestamp != TimestampSource::None),
    ] {
        if scheme.text.has(&part) && !is_present && fields.is_valid(name) {
            fields.problem(format!("/{name}"), format!("required, because `text` contains `{{{name}}}`"));
        }
    }
    if headers.timestamp != TimestampSource::None && scheme.text.has(&Part::Timestamp) {
        scheme.tolerance =
            Tolerance { past_s: Some(DEFAULT_TOLERANCE_S), future_s: Some(DEFAULT_TOLERANCE_S), ..scheme.tolerance };
    }
    scheme.source = SignatureSource::Headers(headers);
    scheme
}

/// A header name, or `{"prefix": "t="}` for an item of the signature header.
fn timestamp(fields: &mut Fields) -> TimestampSource {
    match fields.take("timestamp") {
        None | Some(Value::Null) => TimestampSource::None,
        Some(Value::String(name)) if is_header_name(&name) => TimestampSource::Headers(vec![name.to_ascii_lowercase()]),
        Some(Value::Object(item)) if item.len() == 1 => match item.get("prefix").and_then(Value::as_str) {
            Some(prefix) if !prefix.is_empty() => TimestampSource::SignatureItem(prefix.to_owned()),
            _ => invalid_timestamp(fields),
        },
        Some(_) => invalid_timestamp(fields),
    }
}

fn invalid_timestamp(fields: &mut Fields) -> TimestampSource {
    fields.problem("/timestamp", "expected a header name, or {\"prefix\": \"t=\"} for one in the signature's header");
    TimestampSource::None
}

fn header(fields: &mut Fields, name: &'static str) -> Option<String> {
    let text = fields.text(name, CHARACTERS_MAX).flatten()?;
    let is_name = is_header_name(&text);
    fields.keep(format!("/{name}"), is_name.then(|| text.to_ascii_lowercase()).ok_or("expected a header name".into()))
}

fn is_header_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !text.is_empty() && text.bytes().all(is_allowed)
}

fn choice<T: Copy>(fields: &mut Fields, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
    let text = fields.text(name, CHARACTERS_MAX).flatten()?;
    let found = choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value);
    let known = || choices.iter().map(|(choice, _)| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    fields.keep(format!("/{name}"), found.ok_or_else(|| format!("expected one of {}", known())))
}
