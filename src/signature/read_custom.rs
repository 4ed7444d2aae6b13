//! Custom schemes from JSON: `generic`, `header`, `secret` and `jwt`.

use serde_json::{Map, Value};

use super::algorithm::Algorithm;
use super::encoding::Encoding;
use super::jwt::{ALGORITHMS, Expected, TokenPlace};
use super::parts::{Headers, SignatureSource, TimestampSource};
use super::read::{CHARACTERS_MAX, GENERIC, HEADER, JWT, SECRET, choice};
use super::scheme::Scheme;
use super::secret_place::SecretPlace;
use super::template::{Part, Template, is_header_name};
use super::tolerance::{DEFAULT_TOLERANCE_S, Tolerance, Unit};
use crate::objects::{Fields, plain_text, unknown};

pub(super) fn secret_in_header(fields: &mut Fields) -> Scheme {
    let name = header(fields, "header");
    if name.is_none() && fields.is_valid("header") {
        fields.problem("/header", "required: the name of the header that contains the secret");
    }
    let prefix = fields.text("prefix", CHARACTERS_MAX).flatten().unwrap_or_default();
    Scheme::with_plain_secret(HEADER, name.as_deref().unwrap_or_default(), &prefix, Encoding::Text)
}

pub(super) fn generic(fields: &mut Fields) -> Scheme {
    let mut scheme = Scheme::new(GENERIC, &[]);
    let headers = Headers {
        signature: signature_headers(fields),
        id: header(fields, "id").into_iter().collect(),
        timestamp: timestamp(fields),
        separator: separator(fields, "separator"),
        groups: separator(fields, "groups"),
        ..Headers::default()
    };
    if let Some(rule) = scheme.rules.first_mut() {
        rule.signature_prefix = fields.text("prefix", CHARACTERS_MAX).flatten().unwrap_or_default();
        rule.algorithm = choice(fields, "algorithm", &Algorithm::NAMES).unwrap_or(rule.algorithm);
        let default = if rule.algorithm.key_kind().is_some() { Encoding::Base64 } else { Encoding::Text };
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
    if matches!(headers.timestamp, TimestampSource::SignatureItem(_) | TimestampSource::SignaturePosition(_))
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

/// A header name, or several, of which each may have the signature.
fn signature_headers(fields: &mut Fields) -> Vec<String> {
    const REQUIRED: &str = "required: the name of the header that contains the signature";
    let name = |value: Value| {
        let text = plain_text(value, CHARACTERS_MAX)?;
        if is_header_name(&text) { Ok(text.to_ascii_lowercase()) } else { Err("expected a header name".to_owned()) }
    };
    let names = match fields.take("header") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(names)) => fields.read_entries("header", names, name).unwrap_or_default(),
        Some(one) => fields.keep("/header", name(one)).into_iter().collect(),
    };
    if names.is_empty() && fields.is_valid("header") {
        fields.problem("/header", REQUIRED);
    }
    names
}

fn separator(fields: &mut Fields, name: &'static str) -> Option<char> {
    let text = fields.text(name, CHARACTERS_MAX).flatten()?;
    let mut characters = text.chars();
    let separator = characters.next().filter(|separator| separator.is_ascii() && characters.next().is_none());
    fields.keep(format!("/{name}"), separator.ok_or_else(|| "expected one character, such as `,`".to_owned()))
}

/// A header name, or for an item of the signature header its prefix (`{"prefix": "t="}`) or position (`{"index": 0}`).
fn timestamp(fields: &mut Fields) -> TimestampSource {
    let item = |item: Map<String, Value>| {
        let prefix = item.get("prefix").and_then(Value::as_str);
        let index = item.get("index").and_then(Value::as_u64).and_then(|index| usize::try_from(index).ok());
        match (prefix, index) {
            _ if item.len() != 1 => None,
            (Some(""), _) => Some(TimestampSource::SignaturePosition(0)),
            (Some(prefix), _) => Some(TimestampSource::SignatureItem(prefix.to_owned())),
            (None, index) => index.map(TimestampSource::SignaturePosition),
        }
    };
    let found = match fields.take("timestamp") {
        None | Some(Value::Null) => return TimestampSource::None,
        Some(Value::String(name)) if is_header_name(&name) => {
            return TimestampSource::Headers(vec![name.to_ascii_lowercase()]);
        }
        Some(Value::Object(object)) => item(object),
        Some(_) => None,
    };
    let expected =
        "expected a header name, or {\"prefix\": \"t=\"} or {\"index\": 0} for one in the signature's header";
    fields.keep("/timestamp", found.ok_or_else(|| expected.to_owned())).unwrap_or_default()
}

fn header(fields: &mut Fields, name: &'static str) -> Option<String> {
    let text = fields.text(name, CHARACTERS_MAX).flatten()?;
    let is_name = is_header_name(&text);
    fields.keep(format!("/{name}"), is_name.then(|| text.to_ascii_lowercase()).ok_or("expected a header name".into()))
}

/// `{"query": "token"}` or `{"field": "/value/*/clientState"}`.
pub(super) fn secret_in_place(fields: &mut Fields) -> Scheme {
    let query = fields.text("query", CHARACTERS_MAX).flatten().filter(|name| !name.is_empty());
    let field = fields.text("field", CHARACTERS_MAX).flatten();
    let place = match (query, field) {
        (Some(name), None) => Some(SecretPlace::Query(name)),
        (None, Some(pointer)) => {
            let expected = "expected the field as a JSON pointer, such as `/passcode` or `/value/*/clientState`";
            fields.keep("/field", SecretPlace::field(&pointer).ok_or_else(|| expected.to_owned()))
        }
        _ => {
            if fields.is_valid("query") && fields.is_valid("field") {
                let message =
                    "required: either the `query` parameter or the `field` of the body that contains the secret";
                fields.problem("/query", message);
            }
            None
        }
    };
    Scheme::in_place(SECRET, place.or_else(|| Some(SecretPlace::Query(String::new()))))
}

/// Signed tokens of any sender.
pub(super) fn jwt(fields: &mut Fields) -> Scheme {
    let name = header(fields, "header");
    let query = fields.text("query", CHARACTERS_MAX).flatten().filter(|name| !name.is_empty());
    let default_prefix = if name.is_none() { "Bearer " } else { "" };
    let prefix = fields.text("prefix", CHARACTERS_MAX).flatten();
    let prefix = prefix.unwrap_or_else(|| default_prefix.to_owned());
    let known = |value: Value| {
        let text = plain_text(value, CHARACTERS_MAX)?;
        let found = ALGORITHMS.iter().find(|(name, _)| *name == text).map(|(name, _)| *name);
        found.ok_or_else(|| unknown("algorithm", &text, ALGORITHMS.map(|(name, _)| name)))
    };
    let algorithms = fields.entries("algorithms", known);
    if algorithms.as_ref().is_none_or(Vec::is_empty) && fields.is_valid("algorithms") {
        fields.problem("/algorithms", "required: the algorithms that tokens may use, such as [\"RS256\"]");
    }
    let mut scheme = Scheme::jwt(JWT, "authorization", &prefix, &algorithms.unwrap_or_default());
    for (claim, value) in fields.object("claims").flatten().unwrap_or_default() {
        let expected = match value {
            Value::Array(values) => Expected::OneOf(values),
            value => Expected::OneOf(vec![value]),
        };
        scheme = scheme.claim(&claim, expected);
    }
    if let Some(claim) = fields.text("body_claim", CHARACTERS_MAX).flatten() {
        let encoding = choice(fields, "body_encoding", &Encoding::OF_SIGNATURES).unwrap_or(Encoding::Hex);
        scheme = scheme.body_claim(&claim, encoding);
    }
    scheme.token(|jwt| {
        jwt.needs_expiry = true;
        jwt.places = match (name, query) {
            (None, Some(query)) => vec![TokenPlace::Query(query)],
            (name, _) => vec![TokenPlace::Header(name.unwrap_or_else(|| "authorization".to_owned()), prefix)],
        };
    })
}
