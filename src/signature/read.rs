//! Schemes from JSON: a preset with overrides, or a custom scheme.

use serde_json::Value;
use url::Url;

use super::jwt::Expected;
use super::parts::SignatureSource;
use super::presets::{names, preset};
use super::publisher::{PublishedAt, Publisher};
use super::read_custom::{generic, jwt, secret_in_header, secret_in_place};
use super::scheme::Scheme;
use super::sns::Sns;
use super::template::Part;
use crate::objects::{Fields, Problem, plain_text, unknown};

/// The name of the custom scheme.
pub const GENERIC: &str = "generic";
/// The name of the scheme in which a header contains the secret itself.
pub(super) const HEADER: &str = "header";
/// The name of the scheme in which the query or the body contains the secret itself.
pub(super) const SECRET: &str = "secret";
/// The name of the scheme with signed tokens.
pub(super) const JWT: &str = "jwt";
/// The names of all schemes that are not a vendor's.
pub const CUSTOM: [&str; 4] = [GENERIC, HEADER, SECRET, JWT];
/// The longest tolerance, in seconds: a century, so that published examples can be verified.
const TOLERANCE_S_MAX: i64 = 3_200_000_000;
/// The longest text in a scheme, in characters.
pub(super) const CHARACTERS_MAX: usize = 1_000;

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
            Some(SECRET) => secret_in_place(&mut fields),
            Some(JWT) => jwt(&mut fields),
            Some(name) => preset(name).unwrap_or_else(|| {
                fields.problem("/scheme", unknown("scheme", name, names().chain(CUSTOM)));
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
        details(&mut fields, &mut scheme);
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

/// `tolerance_s` sets both directions, as far as the scheme checks them; `future_s` sets the future alone. Null and
/// `false` switch the check off.
fn tolerances(fields: &mut Fields, scheme: &mut Scheme) {
    let past = seconds(fields, "tolerance_s", scheme);
    let future = seconds(fields, "future_s", scheme);
    if past == Some(None) {
        (scheme.tolerance.past_s, scheme.tolerance.future_s) = (None, None);
    }
    if future == Some(None) {
        scheme.tolerance.future_s = None;
    }
    let (past, future) = (past.flatten(), future.flatten());
    if let Some(past) = past {
        // If a vendor checks only the age of a request, so does the override.
        let checks_age_only = scheme.tolerance.past_s.is_some() && scheme.tolerance.future_s.is_none();
        scheme.tolerance.future_s = (!checks_age_only).then_some(past);
        scheme.tolerance.past_s = Some(past);
    }
    scheme.tolerance.future_s = future.or(scheme.tolerance.future_s);
}

fn seconds(fields: &mut Fields, name: &'static str, scheme: &Scheme) -> Option<Option<i64>> {
    let value = fields.take(name)?;
    if value.is_null() || value == Value::Bool(false) {
        return Some(None);
    }
    let seconds = value.as_i64().filter(|seconds| (1..=TOLERANCE_S_MAX).contains(seconds));
    if seconds.is_none() {
        let message = format!("expected a number of seconds from 1 to {TOLERANCE_S_MAX}, or null for any time");
        fields.problem(format!("/{name}"), message);
    } else if !scheme.has_timestamp() && fields.is_valid("scheme") {
        fields.problem(format!("/{name}"), format!("a `{}` request has no timestamp", scheme.name));
    } else if !scheme.signs_timestamp() && fields.is_valid("scheme") && fields.is_valid("text") {
        fields.problem(format!("/{name}"), "the signed `text` does not contain the timestamp, so it could be forged");
    }
    seconds.map(Some)
}

/// The fields of single presets.
fn details(fields: &mut Fields, scheme: &mut Scheme) {
    match scheme.name.as_str() {
        "aws_sns" => topics(fields, scheme),
        "paypal" => {
            let id = required(fields, "webhook_id", "the id of the webhook in PayPal's dashboard");
            // The id is a part of the signed text that requests don't contain.
            for part in &mut scheme.text.0 {
                if *part == Part::Literal("||".to_owned()) {
                    *part = Part::Literal(format!("|{id}|"));
                }
            }
        }
        "google_pubsub" => {
            let email = required(
                fields,
                "email",
                "the service account that signs, as in `push@project.iam.gserviceaccount.com`",
            );
            let claims = [("email", Value::from(email)), ("email_verified", Value::Bool(true))];
            let claims = claims.map(|(name, value)| (name.to_owned(), Expected::OneOf(vec![value])));
            let audience = fields.text("audience", CHARACTERS_MAX).flatten();
            if let SignatureSource::Jwt(jwt) = &mut scheme.source {
                if let Some(audience) = audience {
                    jwt.claims.retain(|(name, _)| name != "aud");
                    jwt.claims.push(("aud".to_owned(), Expected::OneOf(vec![audience.into()])));
                }
                jwt.claims.extend(claims);
            }
        }
        "plaid" => plaid(fields, scheme),
        "braintree" => {
            let public_key = fields.text("public_key", CHARACTERS_MAX).flatten();
            scheme.source = SignatureSource::BraintreeForm { public_key };
        }
        _ => {}
    }
    published_at(fields, scheme);
}

/// Where the keys are published, if not at the vendor's own address.
fn published_at(fields: &mut Fields, scheme: &mut Scheme) {
    let may_publish = scheme.publisher.is_some() || ["fusionauth", JWT].contains(&scheme.name.as_str());
    if !may_publish {
        return;
    }
    let Some(url) = fields.text("keys_url", CHARACTERS_MAX).flatten() else { return };
    if Url::parse(&url).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host()) {
        let other = Publisher { source: PublishedAt::Url { id_headers: &[] }, url: None };
        scheme.publisher = Some(Publisher { url: Some(url), ..scheme.publisher.take().unwrap_or(other) });
    } else {
        fields.problem("/keys_url", "expected the URL of the keys, such as `https://…/.well-known/jwks.json`");
    }
}

fn topics(fields: &mut Fields, scheme: &mut Scheme) {
    let topic = |value: Value| {
        let text = plain_text(value, CHARACTERS_MAX)?;
        let is_topic = text.starts_with("arn:aws");
        if is_topic {
            Ok(text)
        } else {
            Err("expected the ARN of a topic, such as `arn:aws:sns:us-east-1:…`".to_owned())
        }
    };
    let topics = match fields.take("topic") {
        None | Some(Value::Null) => return,
        Some(Value::Array(list)) => fields.read_entries("topic", list, topic).unwrap_or_default(),
        Some(one) => fields.keep("/topic", topic(one)).into_iter().collect(),
    };
    scheme.source = SignatureSource::Sns(Sns { topics });
}

/// Plaid gives each key to a client that identifies itself. Without one, the hook's secrets are the keys.
fn plaid(fields: &mut Fields, scheme: &mut Scheme) {
    const PATH: &str = "/webhook_verification_key/get";
    let client_id = fields.text("client_id", CHARACTERS_MAX).flatten();
    let secret = fields.text("client_secret", CHARACTERS_MAX).flatten();
    let environments = [("production", "https://production.plaid.com"), ("sandbox", "https://sandbox.plaid.com")];
    let origin = choice(fields, "environment", &environments).unwrap_or(environments[0].1);
    match (client_id, secret) {
        (Some(client_id), Some(secret)) => {
            let source = PublishedAt::Plaid { client_id, secret };
            scheme.publisher = Some(Publisher { source, url: Some(format!("{origin}{PATH}")) });
        }
        (None, None) => {}
        (None, Some(_)) => fields.problem("/client_id", "required beside `client_secret`"),
        (Some(_), None) => {
            fields.problem(
                "/client_secret",
                "required beside `client_id`: the name of the org's variable with the secret",
            );
        }
    }
}

/// A text that must be present and not empty.
fn required(fields: &mut Fields, name: &'static str, what: &str) -> String {
    let text = fields.text(name, CHARACTERS_MAX).flatten().filter(|text| !text.is_empty());
    if text.is_none() && fields.is_valid(name) {
        fields.problem(format!("/{name}"), format!("required: {what}"));
    }
    text.unwrap_or_default()
}

pub(super) fn choice<T: Copy>(fields: &mut Fields, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
    let text = fields.text(name, CHARACTERS_MAX).flatten()?;
    let found = choices.iter().find(|(choice, _)| *choice == text).map(|(_, value)| *value);
    let known = || choices.iter().map(|(choice, _)| format!("`{choice}`")).collect::<Vec<_>>().join(", ");
    fields.keep(format!("/{name}"), found.ok_or_else(|| format!("expected one of {}", known())))
}
