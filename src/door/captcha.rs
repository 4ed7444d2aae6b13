//! Asking a service whether a person posts.
//!
//! Whoever is not vouched for is refused, and so is everybody while the service can't be asked, or says what makes no sense:
//! then with 503, since that is no fault of theirs, and loudly. The call goes out like those of workflows, to addresses that
//! the policy allows, and follows no redirect. Neither the token nor the secret is logged, and what is shown
//! of a refused request does not have the token.
//!
//! Limits: [`TOKEN_BYTES_MAX`], [`TIMEOUT_MS`] for an answer, [`CHECKS_MAX`] checks at a time; others are answered 503.

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
use crate::hook::{Captcha, HookKind, MinimumScore};
use crate::outbound::{self, Effect, EffectOutcome, HttpResponse, Performer, ResponseFormat};
use crate::secrets::sensitive::MASK;

/// The longest token.
const TOKEN_BYTES_MAX: usize = 8_192;
/// How long the service may take, in milliseconds.
const TIMEOUT_MS: u64 = 5_000;
/// How many checks are made at a time.
const CHECKS_MAX: usize = 64;
/// What the service says if it is not about who posts.
const OWN_FAULTS: [&str; 3] = ["missing-input-secret", "invalid-input-secret", "internal-error"];

/// What checks need; cheap to clone.
#[derive(Clone)]
pub struct Checks {
    performer: Performer,
    places: Arc<Semaphore>,
}

impl Checks {
    pub fn new(performer: Performer) -> Checks {
        Checks { performer, places: Arc::new(Semaphore::new(CHECKS_MAX)) }
    }
}

/// Lets pass whom the service vouches for.
///
/// # Errors
/// That it does not, or that it can't be asked.
pub async fn check(
    door: &Door,
    in_force: &HookInForce,
    captcha: &Captcha,
    request: &HttpRequest,
    data: &Value,
) -> Result<(), Refusal> {
    let token = token(captcha, request, data)?;
    let Ok(_place) = door.checks.places.try_acquire() else {
        return Err(Refusal::new(Reason::Overloaded, "too many requests are being checked; try again"));
    };
    let asked = match question(door, in_force.hook.org, captcha, token, door.peer(request)) {
        Ok(question) => match door.checks.performer.perform(in_force.hook.org, &Effect::Http(Box::new(question))).await
        {
            EffectOutcome::Response(answer) => judge(captcha, &answer),
            EffectOutcome::Failure(failure) => Err(Verdict::Unknown(failure.message)),
            EffectOutcome::Receipt(_) => Err(Verdict::Unknown("it is no HTTP server".to_owned())),
        },
        Err(missing) => Err(Verdict::Unknown(missing)),
    };
    asked.map_err(|verdict| match verdict {
        Verdict::NotHuman(detail) => Refusal::new(Reason::NotHuman, detail),
        Verdict::Unknown(cause) => {
            log::error!(hook = in_force.hook.name.as_str(), err = cause.as_str(); "the captcha could not be checked; the request was refused");
            Refusal::new(Reason::CaptchaUnavailable, "whether a person sent this can't be checked at the moment; try again")
        }
    })
}

/// Why somebody does not pass.
enum Verdict {
    /// With what the sender is told.
    NotHuman(&'static str),
    /// The service does not say, with what is logged.
    Unknown(String),
}

/// The token, from the payload or else from a header of the same name.
fn token<'a>(captcha: &Captcha, request: &'a HttpRequest, data: &'a Value) -> Result<&'a str, Refusal> {
    let not_human = |detail: String| Refusal::new(Reason::NotHuman, detail);
    let header = || request.headers().get(captcha.field.as_str()).and_then(|value| value.to_str().ok());
    let token = data.get(&captcha.field).and_then(Value::as_str).or_else(header).filter(|token| !token.is_empty());
    match token {
        None => Err(not_human(format!("the captcha's token is missing; it is sent as `{}`", captcha.field))),
        Some(token) if token.len() > TOKEN_BYTES_MAX => {
            Err(not_human(format!("the captcha's token is longer than {TOKEN_BYTES_MAX} bytes")))
        }
        Some(token) => Ok(token),
    }
}

/// A body as it may be shown: with the token masked, or nothing of it if there may be one and nobody knows where. A token that
/// was not used up yet lets anybody pass for the visitor.
pub fn without_token(captcha: &Captcha, headers: &HeaderMap, body: Bytes) -> Bytes {
    // No form that holds a token comes with its bytes encoded.
    if headers.contains_key(CONTENT_ENCODING) {
        return Bytes::new();
    }
    let payload = body::content(HookKind::Form, headers).and_then(|content| Ok(content.read(&body)?));
    match payload.as_ref().ok().and_then(|payload| payload.get(&captcha.field)) {
        Some(Value::String(token)) if token.is_empty() => body,
        Some(Value::String(token)) => masked(&body, token).unwrap_or_default(),
        Some(_) => Bytes::new(),
        None if find(&body, captcha.field.as_bytes()).is_some() => Bytes::new(),
        None => body,
    }
}

/// The body with a mask wherever the text stands in it, as it is or percent-encoded; none if it is not found.
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

fn question(
    door: &Door,
    org: Id,
    captcha: &Captcha,
    token: &str,
    peer: Option<IpAddr>,
) -> Result<outbound::HttpRequest, String> {
    // No workflow has this id, so only the org's own variables are meant.
    let in_force = door.catalog.in_force();
    let secret = in_force.variable(org, Id::MIN, &captcha.secret);
    let secret = secret.ok_or_else(|| format!("there is no variable `{}` of the org", captcha.secret))?;
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

fn judge(captcha: &Captcha, answer: &HttpResponse) -> Result<(), Verdict> {
    let status = answer.status_code;
    let unknown = |what: &str| Verdict::Unknown(format!("the service's answer, with status {status}, {what}"));
    let body = &answer.body;
    match body.get("success").and_then(Value::as_bool) {
        None => return Err(unknown("says neither yes nor no")),
        Some(false) if status < 500 => return Err(no(&body["error-codes"], unknown)),
        Some(true) if status == 200 => {}
        Some(_) => return Err(unknown("can't be meant")),
    }
    let score = body.get("score").and_then(Value::as_f64);
    match (captcha.score, score) {
        (MinimumScore::Required(_), None) => {
            return Err(unknown("has no score; take `minimumScore` out for a captcha without"));
        }
        (MinimumScore::Required(least) | MinimumScore::IfPresent(least), Some(score)) if score < least => {
            return Err(Verdict::NotHuman("the captcha's score is too low"));
        }
        _ => {}
    }
    let is_told = |(name, text): &(&str, String)| body.get(*name).and_then(Value::as_str) == Some(text.as_str());
    match captcha.expected.iter().all(is_told) {
        true => Ok(()),
        false => Err(Verdict::NotHuman("the captcha was solved on another page, or for something else")),
    }
}

/// What the service means by a no.
fn no(codes: &Value, unknown: impl Fn(&str) -> Verdict) -> Verdict {
    let own_fault = codes.as_array().into_iter().flatten().find(|code| OWN_FAULTS.iter().any(|known| *code == known));
    match own_fault {
        Some(code) => unknown(&format!("is {code}")),
        None => Verdict::NotHuman("the captcha was not solved, or its token is used up"),
    }
}
