//! From a request to a stored transaction and its answer.

use std::net::IpAddr;
use std::sync::Arc;

use actix_web::http::Method;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use bytes::Bytes;
use serde_json::Value;
use tokio::sync::SemaphorePermit;

use super::Door;
use super::answer::answer;
use super::body;
use super::captcha;
use super::challenge;
use super::cors;
use super::headers::{kept_headers, kept_query};
use super::intake::{Incoming, RequestMeta, accept};
use super::refusal::{Reason, Refusal};
use super::refused;
use crate::base::json::{PAYLOAD_LEVELS_MAX, is_plain};
use crate::base::networks;
use crate::base::time::Timestamp;
use crate::catalog::HookInForce;
use crate::content::{Content, FORM};
use crate::hook::transaction;
use crate::hook::{self, HookKind, Settings};
use crate::signature::{UnverifiedRequest, VerifiedRequest};
use crate::store::{Hook, Role, Status};

/// `/v1/hooks/{kind}/{hash}`
pub async fn receive(
    kind: HookKind,
    door: Data<Door>,
    hash: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    knock(&door, (kind, None, &hash), &request, payload).await
}

/// `/v1/hooks/{kind}/{org}/{hash}`, with the org's id or name.
pub async fn receive_of_org(
    kind: HookKind,
    door: Data<Door>,
    path: Path<(String, String)>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    let (org, hash) = path.into_inner();
    knock(&door, (kind, Some(&org), &hash), &request, payload).await
}

async fn knock(
    door: &Door,
    (kind, org, hash): (HookKind, Option<&str>, &str),
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    let Some(hook) = find_hook(door, kind, org, hash) else {
        door.refusals.add_unknown();
        return Err(Refusal::new(Reason::UnknownHook, "no hook has this address"));
    };
    let mut body = Bytes::new();
    let accepted = receive_body(door, &hook, request, payload, &mut body).await;
    let accepted = accepted.inspect_err(|refusal| {
        let asked = || refused::Asked {
            method: request.method().as_str(),
            path: refused::path(&hook, org),
            content_length: body::announced_length(request.headers()),
        };
        let shown = || {
            let body = match &hook.settings.captcha {
                Some(captcha) => captcha::without_token(captcha, request.headers(), body),
                None => body,
            };
            refused::shown(&hook, refusal, asked(), request_meta(door, &hook, request, false), &body)
        };
        door.refusals.add(&hook.hook, refusal, shown);
    });
    let Some(cors) = &hook.settings.cors else { return accepted };
    let mut response = accepted.unwrap_or_else(|refusal| refusal.error_response());
    cors::share(cors, request, &mut response);
    Ok(response)
}

fn find_hook(door: &Door, kind: HookKind, org: Option<&str>, hash: &str) -> Option<Arc<HookInForce>> {
    let snapshot = door.catalog.snapshot();
    let in_force = snapshot.hook_by_hash(hash).filter(|in_force| in_force.hook.kind == kind)?;
    let belongs = |org: &str| {
        let owner = snapshot.orgs.iter().find(|owner| owner.id == in_force.hook.org);
        owner.is_some_and(|owner| owner.name == org || owner.id.to_string() == org)
    };
    org.is_none_or(belongs).then(|| in_force.clone())
}

/// `seen` becomes what was received as the body, to be shown if the request is refused.
async fn receive_body(
    door: &Door,
    in_force: &HookInForce,
    request: &HttpRequest,
    payload: Payload,
    seen: &mut Bytes,
) -> Result<HttpResponse, Refusal> {
    if let Some(answer) = judge_head(door, in_force, request)? {
        return Ok(answer);
    }
    let content = content(in_force, request)?;
    body::check_length(body::announced_length(request.headers()), door.limits.body_bytes)?;
    // The bytes stay reserved until the commit.
    let held = || Some(door.unfinished.body(door.peer(request)?));
    let reading = body::read(payload, door.limits.body_bytes, &door.bytes_in_flight, held);
    let (received, mut reservation) = reading.await?;
    *seen = received.clone();
    let verified = verify(door, in_force, request, received)?;
    if let Some(answer) = challenge::of_body(door, in_force, request, &verified)? {
        return Ok(answer);
    }
    let _admission = door.pacing.admit(in_force, || door.catalog.snapshot())?;
    let (body, signed_id) = verified.into_parts();
    let raw = match is_query(request) {
        true => Bytes::copy_from_slice(request.query_string().as_bytes()),
        false => body,
    };
    let payload = read_payload(door, in_force, &content, &raw, &mut reservation)?;
    if let Some(captcha) = &in_force.settings.captcha {
        // Boxed like all that few requests need, so that the others don't carry its size about.
        Box::pin(captcha::check(door, in_force, captcha, request, &payload.0)).await?;
    }
    let meta = request_meta(door, in_force, request, is_query(request));
    let context = || hook::Request { signed_id, ..door.context(request) };
    let incoming = Incoming::new(in_force, meta, raw, payload, context);
    let outcome = accept(door, in_force, incoming).await.map_err(|error| Refusal::from_store(&error))?;
    // Who waits for an answer holds no bytes meanwhile.
    seen.clear();
    drop(reservation);
    Ok(answer(door, in_force, outcome, request).await)
}

/// What can be said before the body is read: an answer to those who only ask, or why the request is refused.
fn judge_head(door: &Door, in_force: &HookInForce, request: &HttpRequest) -> Result<Option<HttpResponse>, Refusal> {
    if let Some(answer) = cors::preflight(&in_force.settings, request) {
        return Ok(Some(answer));
    }
    check_status(&in_force.hook)?;
    check_address(in_force, door.peer(request))?;
    if let Some(answer) = challenge::of_head(door, in_force, request)? {
        return Ok(Some(answer));
    }
    check_method(in_force, request).map(|()| None)
}

/// Whether the query stands for the body.
fn is_query(request: &HttpRequest) -> bool {
    request.method() == Method::GET
}

fn content<'a>(in_force: &HookInForce, request: &'a HttpRequest) -> Result<Content<'a>, Refusal> {
    let kind = in_force.hook.kind;
    match is_query(request) {
        true => Ok(transaction::content(kind, Some(FORM), None, |_| None)?),
        false => body::content(kind, request.headers()),
    }
}

/// The payload, and the size of what it was read from.
fn read_payload<'a>(
    door: &'a Door,
    in_force: &HookInForce,
    content: &Content<'_>,
    raw: &Bytes,
    reservation: &mut SemaphorePermit<'a>,
) -> Result<(Value, usize), Refusal> {
    let inflated = body::inflate(content, raw, door.limits.inflated_bytes, reservation, &door.bytes_in_flight)?;
    let bytes = inflated.as_ref().unwrap_or(raw);
    // Without anybody who listens, that it can be read is all that has to be known of the payload.
    let nobody_looks = in_force.listeners.is_empty() && !in_force.settings.needs_payload();
    let unheard = nobody_looks && content.is_json() && is_plain(bytes, PAYLOAD_LEVELS_MAX);
    let data = if unheard { Value::Null } else { content.read(bytes)? };
    Ok((data, bytes.len()))
}

/// Whether the hook takes anything at all.
pub(super) fn check_status(hook: &Hook) -> Result<(), Refusal> {
    match hook.status {
        Status::Enabled => Ok(()),
        Status::Disabled => Err(Refusal::new(Reason::HookDisabled, "this hook is disabled")),
        Status::Deleted => Err(Refusal::new(Reason::HookDeleted, "this hook was deleted")),
    }
}

/// Whether the hook takes anything from there.
pub(super) fn check_address(in_force: &HookInForce, peer: Option<IpAddr>) -> Result<(), Refusal> {
    let Some(allowed) = &in_force.settings.allowed_addresses else { return Ok(()) };
    match peer {
        Some(peer) if networks::contain(allowed, peer) => Ok(()),
        Some(peer) => Err(Refusal::new(Reason::AddressNotAllowed, format!("this hook takes nothing from {peer}"))),
        None => Err(Refusal::new(Reason::AddressNotAllowed, "nobody knows from where this request came")),
    }
}

fn check_method(in_force: &HookInForce, request: &HttpRequest) -> Result<(), Refusal> {
    let is_taken = match *request.method() {
        Method::POST => true,
        Method::GET => in_force.settings.accepts_get,
        _ => false,
    };
    if is_taken {
        return Ok(());
    }
    let taken = if in_force.settings.accepts_get { "GET and POST" } else { "POST" };
    let detail = format!("this hook takes {taken} requests only");
    Err(Refusal::new(Reason::Method, detail).methods(methods(&in_force.settings)))
}

/// The methods that a hook answers, also those with which somebody only asks.
fn methods(settings: &Settings) -> String {
    let challenge = settings.challenge.map(challenge::method);
    let answered = [
        (Method::GET, settings.accepts_get),
        (Method::HEAD, false),
        (Method::OPTIONS, settings.cors.is_some()),
        (Method::POST, true),
    ];
    let answered = answered.into_iter().filter(|(method, is)| *is || challenge.as_ref() == Some(method));
    answered.map(|(method, _)| method.to_string()).collect::<Vec<_>>().join(", ")
}

/// What is kept of a request beside its body. Of a GET request the query stands for the body: a form, without any
/// content encoding.
fn request_meta(door: &Door, in_force: &HookInForce, request: &HttpRequest, is_query: bool) -> RequestMeta {
    let content_type = match is_query {
        true => Some(FORM.to_owned()),
        false => {
            request.headers().get(CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        }
    };
    // In which senders of this hook send a secret, whatever it is called.
    let secret_headers = in_force.gate.secret_headers();
    let captcha = in_force.settings.captcha.as_ref();
    let is_token = |name: &str| captcha.is_some_and(|captcha| captcha.field.eq_ignore_ascii_case(name));
    let is_secret = |name: &str| secret_headers.iter().any(|secret| secret == name) || is_token(name);
    let mut headers = kept_headers(request.headers(), is_secret);
    if is_query {
        headers.retain(|(name, _)| *name != CONTENT_ENCODING.as_str());
    }
    RequestMeta {
        content_type,
        headers,
        query: kept_query(request.query_string(), is_token),
        peer: door.peer(request).map(|peer| peer.to_string()),
    }
}

/// The body as one that may be read: the hook asks for no proof of who sent it, or the request carries one that is right.
fn verify(door: &Door, in_force: &HookInForce, request: &HttpRequest, raw: Bytes) -> Result<VerifiedRequest, Refusal> {
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let received = UnverifiedRequest::new(request.method().as_str(), (&door.public_url, path), &header, raw);
    let may_post = |key: &str| {
        let snapshot = door.catalog.snapshot();
        let key = snapshot.key(key).filter(|key| key.org == in_force.hook.org);
        key.is_some_and(|key| matches!(key.role, Role::Hooks | Role::Admin))
    };
    let verified = in_force.gate.admit(received, &may_post, Timestamp::now());
    verified.map_err(|rejection| {
        log::debug!(hook = in_force.hook.name.as_str(), reason:% = rejection; "a request was not verified");
        Refusal::new(Reason::Signature, rejection.to_string())
    })
}
