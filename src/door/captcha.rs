//! Verifies CAPTCHA tokens with an external service.
//!
//! A request whose token is not confirmed is refused. If the service cannot be reached or its response makes no sense,
//! all requests are refused with 503, since the sender is not at fault, and an error is logged. The call is made like
//! those of workflows, to addresses that the policy allows, and follows no redirect. Neither the token nor the secret
//! is logged, and refused requests are shown without the token.
//!
//! Limits: [`TOKEN_BYTES_MAX`]; [`TIMEOUT_MS`] per check; [`CHECKS_MAX`] checks at a time, others get 503.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::HttpRequest;
use actix_web::http::header::{CONTENT_ENCODING, HeaderMap};
use bytes::Bytes;
use memchr::memmem::find;
use serde_json::Value;
use tokio::sync::Semaphore;

use super::refusal::{Reason, Refusal};
use super::{Door, body};
use crate::base::id::Id;
use crate::catalog::HookInForce;
use crate::content::Notes;
use crate::hook::{Captcha, HookKind, MinimumScore};
use crate::outbound::{self, Effect, EffectOutcome, HttpResponse, Performer, ResponseFormat};
use crate::secrets::sensitive::MASK;

/// The longest token.
const TOKEN_BYTES_MAX: usize = 8_192;
/// The service's time limit, in milliseconds.
const TIMEOUT_MS: u64 = 5_000;
/// The most checks at a time.
const CHECKS_MAX: usize = 64;
/// Error codes of the service that are not about the sender.
const OWN_FAULTS: [&str; 3] = ["missing-input-secret", "invalid-input-secret", "internal-error"];

/// The resources for checks; cheap to clone.
#[derive(Clone)]
pub struct Checks {
    performer: Performer,
    slots: Arc<Semaphore>,
}

impl Checks {
    pub fn new(performer: Performer) -> Checks {
        Checks { performer, slots: Arc::new(Semaphore::new(CHECKS_MAX)) }
    }
}

/// Checks the request's token.
///
/// # Errors
/// If the token is missing or not confirmed, or if the service cannot confirm it.
pub async fn check(
    door: &Door,
    in_force: &HookInForce,
    captcha: &Captcha,
    request: &HttpRequest,
    data: &Value,
) -> Result<(), Refusal> {
    let token = token(captcha, request, data)?;
    let Ok(_slot) = door.checks.slots.try_acquire() else {
        return Err(Refusal::new(Reason::Overloaded, "too many requests are being checked; try again"));
    };
    let result = match verification_request(door, in_force.hook.org, captcha, token, door.peer(request)) {
        Ok(call) => match door.checks.performer.perform(in_force.hook.org, &Effect::Http(Box::new(call))).await {
            EffectOutcome::Response(response) => check_response(captcha, &response),
            EffectOutcome::Failure(failure) => Err(CheckError::Unknown(failure.message)),
            EffectOutcome::Receipt(_) => Err(CheckError::Unknown("not an HTTP response".to_owned())),
        },
        Err(missing) => Err(CheckError::Unknown(missing)),
    };
    result.map_err(|error| match error {
        CheckError::NotHuman(detail) => Refusal::new(Reason::NotHuman, detail),
        CheckError::Unknown(cause) => {
            log::error!(hook = in_force.hook.name.as_str(), err = cause.as_str(); "the captcha could not be verified; the request was refused");
            Refusal::new(Reason::CaptchaUnavailable, "the captcha cannot be verified at the moment; try again")
        }
    })
}

/// Why a token is not confirmed.
enum CheckError {
    /// The sender's fault; the detail goes to the sender.
    NotHuman(&'static str),
    /// The service gives no answer; the cause is logged.
    Unknown(String),
}

/// The token, from the payload or else from a header of the same name.
fn token<'a>(captcha: &Captcha, request: &'a HttpRequest, data: &'a Value) -> Result<&'a str, Refusal> {
    let not_human = |detail: String| Refusal::new(Reason::NotHuman, detail);
    let header = || request.headers().get(captcha.field.as_str()).and_then(|value| value.to_str().ok());
    let token = data.get(&captcha.field).and_then(Value::as_str).or_else(header).filter(|token| !token.is_empty());
    match token {
        None => Err(not_human(format!("the captcha token is missing; send it as `{}`", captcha.field))),
        Some(token) if token.len() > TOKEN_BYTES_MAX => {
            Err(not_human(format!("the captcha token is longer than {TOKEN_BYTES_MAX} bytes")))
        }
        Some(token) => Ok(token),
    }
}

/// A body that may be shown: with the token masked, or empty if a token may be somewhere in it. An unused token would
/// let anyone pass as the visitor.
pub fn without_token(captcha: &Captcha, headers: &HeaderMap, body: Bytes) -> Bytes {
    // Forms with a token are not sent with a content encoding.
    if headers.contains_key(CONTENT_ENCODING) {
        return Bytes::new();
    }
    let content = body::content(HookKind::Form, headers, false);
    let payload = content.and_then(|content| Ok(content.read(&body, &mut Notes::default())?));
    match payload.as_ref().ok().and_then(|payload| payload.get(&captcha.field)) {
        Some(Value::String(token)) if token.is_empty() => body,
        Some(Value::String(token)) => masked(&body, token).unwrap_or_default(),
        Some(_) => Bytes::new(),
        None if find(&body, captcha.field.as_bytes()).is_some() => Bytes::new(),
        None => body,
    }
}

/// The body with the text masked wherever it occurs, verbatim or percent-encoded; `None` if it is not found.
fn masked(body: &[u8], text: &str) -> Option<Bytes> {
    let encoded: String = url::form_urlencoded::byte_serialize(text.as_bytes()).collect();
    let spellings = [text.as_bytes(), encoded.as_bytes()];
    let spelling = spellings.into_iter().find(|spelling| find(body, spelling).is_some())?;
    let (mut masked, mut rest) = (Vec::with_capacity(body.len()), body);
    while let Some(at) = find(rest, spelling) {
        masked.extend_from_slice(&rest[..at]);
        masked.extend_from_slice(MASK.as_bytes());
        rest = &rest[at + spelling.len()..];
    }
    masked.extend_from_slice(rest);
    Some(masked.into())
}

fn verification_request(
    door: &Door,
    org: Id,
    captcha: &Captcha,
    token: &str,
    peer: Option<IpAddr>,
) -> Result<outbound::HttpRequest, String> {
    // No workflow has this id, so only the org's own variables are found.
    let in_force = door.catalog.in_force();
    let secret = in_force.variable(org, Id::MIN, &captcha.secret);
    let secret = secret.ok_or_else(|| format!("the org has no variable `{}`", captcha.secret))?;
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.append_pair("secret", &secret.value).append_pair("response", token);
    if let Some(peer) = peer {
        form.append_pair("remoteip", &peer.to_string());
    }
    Ok(outbound::HttpRequest {
        method: "POST".to_owned(),
        uri: captcha.url.clone(),
        headers: vec![("content-type".to_owned(), "application/x-www-form-urlencoded".to_owned())],
        body: Some(form.finish()),
        timeout_ms: TIMEOUT_MS,
        auth: None,
        redirects: 0,
        reading: ResponseFormat::Json,
    })
}

fn check_response(captcha: &Captcha, response: &HttpResponse) -> Result<(), CheckError> {
    let status = response.status_code;
    let unknown = |what: &str| CheckError::Unknown(format!("the service's response, with status {status}, {what}"));
    let body = &response.body;
    match body.get("success").and_then(Value::as_bool) {
        None => return Err(unknown("has no boolean `success`")),
        Some(false) if status < 500 => return Err(failure(&body["error-codes"], unknown)),
        Some(true) if status == 200 => {}
        Some(_) => return Err(unknown("is contradictory")),
    }
    let score = body.get("score").and_then(Value::as_f64);
    match (captcha.score, score) {
        (MinimumScore::Required(_), None) => {
            return Err(unknown("has no score; remove `minimumScore` for captchas without one"));
        }
        (MinimumScore::Required(least) | MinimumScore::IfPresent(least), Some(score)) if score < least => {
            return Err(CheckError::NotHuman("the captcha score is too low"));
        }
        _ => {}
    }
    let matches = |(name, text): &(&str, String)| body.get(*name).and_then(Value::as_str) == Some(text.as_str());
    match captcha.expected.iter().all(matches) {
        true => Ok(()),
        false => Err(CheckError::NotHuman("the captcha was solved for another page or action")),
    }
}

/// The meaning of `success: false`.
fn failure(codes: &Value, unknown: impl Fn(&str) -> CheckError) -> CheckError {
    let own_fault = codes.as_array().into_iter().flatten().find(|code| OWN_FAULTS.iter().any(|known| *code == known));
    match own_fault {
        Some(code) => unknown(&format!("reports {code}")),
        None => CheckError::NotHuman("the captcha was not solved, or its token has expired or been used"),
    }
}
