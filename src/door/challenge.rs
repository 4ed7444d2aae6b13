//! Answers the setup challenges of vendors.
//!
//! Challenges in a request's method, query or headers are answered before the rest of it is checked; those in the body,
//! and GitHub's, once the request is verified. They create no transaction, whether or not a workflow listens.
//!
//! The response echoes data from the sender, so it is sent as text or JSON and must not be interpreted as anything
//! else.
//!
//! Limits: only the challenge that the hook is configured for is answered; it has at most [`BYTES_MAX`].

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::Door;
use super::refusal::{Reason, Refusal};
use crate::catalog::{HookInForce, digest};
use crate::hook::Challenge;
use crate::signature::{Rejection, Scheme, VerifiedRequest};

/// The longest challenge, and the longest body with one.
pub const BYTES_MAX: usize = 4_096;
/// X's tokens are shorter.
const CRC_TOKEN_BYTES_MAX: usize = 256;

/// The response to a challenge.
enum ChallengeResponse {
    Empty,
    Text(String),
    Json(Value),
    Headers(Vec<(&'static str, HeaderValue)>),
}

/// The method of a challenge. Microsoft's may also use POST, which every hook accepts.
pub fn method(challenge: Challenge) -> Method {
    match challenge {
        Challenge::Braintree
        | Challenge::Dropbox
        | Challenge::Meta
        | Challenge::Microsoft
        | Challenge::Okta
        | Challenge::Strava
        | Challenge::Twitter
        | Challenge::WebSub => Method::GET,
        Challenge::Trello => Method::HEAD,
        Challenge::CloudEvents => Method::OPTIONS,
        Challenge::Asana
        | Challenge::EventGrid
        | Challenge::GitHub
        | Challenge::Monday
        | Challenge::Slack
        | Challenge::Zoom => Method::POST,
    }
}

/// The response to a challenge outside of the body; `None` if the request is not one.
///
/// # Errors
/// If the challenge cannot be answered.
pub fn of_head(door: &Door, in_force: &HookInForce, request: &HttpRequest) -> Result<Option<HttpResponse>, Refusal> {
    let Some(challenge) = in_force.settings.challenge else { return Ok(None) };
    let response = match *request.method() {
        Method::GET => of_get(challenge, in_force, request)?,
        Method::POST => of_post(challenge, request)?,
        Method::HEAD => (challenge == Challenge::Trello).then_some(ChallengeResponse::Empty),
        Method::OPTIONS if challenge == Challenge::CloudEvents => of_options(request),
        _ => None,
    };
    Ok(response.map(|response| answer(door, in_force, challenge, response)))
}

/// The response to a challenge in the body; `None` if the request is not one.
///
/// # Errors
/// If the challenge cannot be answered.
pub fn of_body(
    door: &Door,
    in_force: &HookInForce,
    request: &HttpRequest,
    verified: &VerifiedRequest,
) -> Result<Option<HttpResponse>, Refusal> {
    let Some(challenge) = in_force.settings.challenge else { return Ok(None) };
    let has_header = |name: &str, value: &[u8]| request.headers().get(name).is_some_and(|sent| sent == value);
    let may_be = match challenge {
        Challenge::Slack | Challenge::Zoom | Challenge::Monday => true,
        Challenge::EventGrid => has_header("aeg-event-type", b"SubscriptionValidation"),
        Challenge::GitHub if has_header("x-github-event", b"ping") => {
            return Ok(Some(answer(door, in_force, challenge, ChallengeResponse::Json(json!({ "pong": true })))));
        }
        _ => false,
    };
    if !may_be || verified.body().len() > BYTES_MAX {
        return Ok(None);
    }
    let Ok(body) = serde_json::from_slice::<Value>(verified.body()) else { return Ok(None) };
    let response = match challenge {
        Challenge::Slack => (body["type"] == "url_verification").then(|| text(&body["challenge"])).flatten(),
        Challenge::Monday => (body.as_object().is_some_and(|object| object.len() == 1)
            && body["challenge"].is_string())
        .then_some(ChallengeResponse::Json(body)),
        Challenge::EventGrid => {
            let code = body[0]["data"]["validationCode"].as_str();
            code.map(|code| ChallengeResponse::Json(json!({ "validationResponse": code })))
        }
        Challenge::Zoom if body["event"] == "endpoint.url_validation" => match body["payload"]["plainToken"].as_str() {
            Some(token) => {
                let mac = hex::encode(in_force.gate.mac(Some(verified), token).ok_or_else(no_secret)?);
                Some(ChallengeResponse::Json(json!({ "plainToken": token, "encryptedToken": mac })))
            }
            None => None,
        },
        _ => None,
    };
    Ok(response.map(|response| answer(door, in_force, challenge, response)))
}

fn of_get(
    challenge: Challenge,
    in_force: &HookInForce,
    request: &HttpRequest,
) -> Result<Option<ChallengeResponse>, Refusal> {
    let parameter = |name: &str| parameter(request, name);
    Ok(match challenge {
        Challenge::Braintree => match parameter("bt_challenge")? {
            Some(challenge) => Some(ChallengeResponse::Text(of_braintree(in_force, &challenge)?)),
            None => None,
        },
        Challenge::Dropbox => parameter("challenge")?.map(ChallengeResponse::Text),
        Challenge::Microsoft => parameter("validationToken")?.map(ChallengeResponse::Text),
        Challenge::Meta | Challenge::Strava | Challenge::WebSub => {
            let Some(text) = parameter("hub.challenge")?.filter(|_| is_subscription(request)) else { return Ok(None) };
            let token = parameter("hub.verify_token")?;
            // W3C WebSub has no such token; hubs that follow its predecessor may send one.
            let is_needed = challenge != Challenge::WebSub || token.is_some();
            if is_needed && !is_verify_token(in_force, &token.unwrap_or_default()) {
                let detail = "the verify token is neither the last part of the hook's address nor one of its secrets";
                return Err(failed(detail));
            }
            Some(match challenge {
                Challenge::Meta | Challenge::WebSub => ChallengeResponse::Text(text),
                _ => ChallengeResponse::Json(json!({ "hub.challenge": text })),
            })
        }
        Challenge::Twitter => match parameter("crc_token")? {
            Some(token) => {
                check_crc_token(&token)?;
                let mac = STANDARD.encode(in_force.gate.mac(None, &token).ok_or_else(no_secret)?);
                Some(ChallengeResponse::Json(json!({ "response_token": format!("sha256={mac}") })))
            }
            None => None,
        },
        Challenge::Okta => match request.headers().get("x-okta-verification-challenge") {
            Some(challenge) => {
                let challenge = challenge.to_str().map_err(|_| failed("the challenge is not text"))?;
                Some(ChallengeResponse::Json(json!({ "verification": bounded(challenge)? })))
            }
            None => None,
        },
        _ => None,
    })
}

fn of_post(challenge: Challenge, request: &HttpRequest) -> Result<Option<ChallengeResponse>, Refusal> {
    Ok(match challenge {
        Challenge::Microsoft => parameter(request, "validationToken")?.map(ChallengeResponse::Text),
        Challenge::Asana => match request.headers().get("x-hook-secret") {
            Some(secret) if secret.len() > BYTES_MAX => return Err(too_long()),
            Some(secret) => Some(ChallengeResponse::Headers(vec![("x-hook-secret", secret.clone())])),
            None => None,
        },
        _ => None,
    })
}

/// The permission that a sender of CloudEvents requests.
fn of_options(request: &HttpRequest) -> Option<ChallengeResponse> {
    let origin = request.headers().get("webhook-request-origin").filter(|origin| origin.len() <= BYTES_MAX)?;
    let mut headers = vec![("webhook-allowed-origin", origin.clone()), ("allow", HeaderValue::from_static("POST"))];
    if request.headers().contains_key("webhook-request-rate") {
        headers.push(("webhook-allowed-rate", HeaderValue::from_static("*")));
    }
    Some(ChallengeResponse::Headers(headers))
}

/// Whether a hub asks about the beginning or the end of a subscription.
fn is_subscription(request: &HttpRequest) -> bool {
    let mode = parameter(request, "hub.mode").ok().flatten();
    mode.is_some_and(|mode| ["subscribe", "unsubscribe"].contains(&mode.as_str()))
}

/// Whether the token proves that the vendor was set up by the hook's owner.
fn is_verify_token(in_force: &HookInForce, token: &str) -> bool {
    let is_address = bool::from(digest(&in_force.hook.hash).ct_eq(&digest(token)));
    is_address | in_force.gate.accepts_secret(token)
}

/// X signs its requests the same way this token must be signed, so a server that signs arbitrary text would sign
/// requests, too. A token is a single word.
fn check_crc_token(token: &str) -> Result<(), Refusal> {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_+/=".contains(&byte);
    match (1..=CRC_TOKEN_BYTES_MAX).contains(&token.len()) && token.bytes().all(is_allowed) {
        true => Ok(()),
        false => Err(failed("`crc_token` must have 1 to 256 letters, digits and -_+/=")),
    }
}

/// The public key and the signature of a challenge, which is a short hexadecimal number and so can't be a payload.
fn of_braintree(in_force: &HookInForce, challenge: &str) -> Result<String, Refusal> {
    if !(20..=32).contains(&challenge.len()) || !challenge.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(failed("`bt_challenge` must have 20 to 32 hexadecimal digits"));
    }
    let public_key = in_force.gate.scheme().and_then(Scheme::public_key);
    let public_key = public_key.ok_or_else(|| failed("the hook's `verification` has no `public_key`"))?;
    let mac = in_force.gate.braintree_mac(challenge).ok_or_else(no_secret)?;
    Ok(format!("{public_key}|{}", hex::encode(mac)))
}

/// The first value of a query parameter.
fn parameter(request: &HttpRequest, name: &str) -> Result<Option<String>, Refusal> {
    let mut pairs = url::form_urlencoded::parse(request.query_string().as_bytes());
    pairs.find(|(found, _)| found == name).map(|(_, value)| bounded(&value)).transpose()
}

fn bounded(text: &str) -> Result<String, Refusal> {
    if text.len() > BYTES_MAX { Err(too_long()) } else { Ok(text.to_owned()) }
}

fn text(value: &Value) -> Option<ChallengeResponse> {
    value.as_str().map(|text| ChallengeResponse::Text(text.to_owned()))
}

fn too_long() -> Refusal {
    failed(format!("the challenge is longer than {BYTES_MAX} bytes"))
}

fn failed(detail: impl Into<String>) -> Refusal {
    Refusal::new(Reason::ChallengeFailed, detail)
}

fn no_secret() -> Refusal {
    Refusal::new(Reason::Signature, Rejection::NoSecret.to_string())
}

fn answer(door: &Door, in_force: &HookInForce, challenge: Challenge, body: ChallengeResponse) -> HttpResponse {
    door.refusals.add_challenge(&in_force.hook);
    // Anyone who knows the address can trigger this, so it is counted rather than logged at a higher level.
    log::debug!(hook = in_force.hook.name.as_str(); "answered the setup challenge of {}", challenge.as_str());
    let mut response = HttpResponse::build(StatusCode::OK);
    response.insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff")).insert_header((CACHE_CONTROL, "no-store"));
    match body {
        ChallengeResponse::Empty => response.finish(),
        ChallengeResponse::Text(text) => response.insert_header((CONTENT_TYPE, "text/plain; charset=utf-8")).body(text),
        ChallengeResponse::Json(value) => response.json(value),
        ChallengeResponse::Headers(headers) => {
            headers.into_iter().for_each(|(name, value)| {
                response.insert_header((HeaderName::from_static(name), value));
            });
            response.finish()
        }
    }
}
