//! From a request to a stored transaction and its response.

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
use super::body;
use super::captcha;
use super::challenge;
use super::cors;
use super::headers::{stored_headers, stored_query};
use super::intake::{Incoming, RequestMeta, accept};
use super::published_keys;
use super::refusal::{Reason, Refusal};
use super::refused;
use super::respond::respond;
use super::subscription;
use crate::base::json::{PAYLOAD_LEVELS_MAX, is_plain};
use crate::base::networks;
use crate::base::time::Timestamp;
use crate::catalog::HookInForce;
use crate::content::{Content, FORM, JSON};
use crate::hook::transaction;
use crate::hook::{self, HookKind, Settings};
use crate::signature::{Rejection, Scheme, UnverifiedRequest, VerifiedRequest};
use crate::store::{Hook, Role, Status};

/// `/v1/hooks/{kind}/{hash}`
pub async fn receive(
    kind: HookKind,
    door: Data<Door>,
    hash: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    handle(&door, (kind, None, &hash), &request, payload).await
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
    handle(&door, (kind, Some(&org), &hash), &request, payload).await
}

async fn handle(
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
        let head = || refused::RequestHead {
            method: request.method().as_str(),
            path: refused::path(&hook, org),
            content_length: body::announced_length(request.headers()),
        };
        let excerpt = || {
            let body = match &hook.settings.captcha {
                Some(captcha) => captcha::without_token(captcha, request.headers(), body),
                None => body,
            };
            refused::refused_request(&hook, refusal, head(), request_meta(door, &hook, request, false), &body)
        };
        door.refusals.add(&hook.hook, refusal, excerpt);
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
        let owner = snapshot.org(in_force.hook.org);
        owner.is_some_and(|owner| owner.name == org || owner.id.to_string() == org)
    };
    org.is_none_or(belongs).then(|| in_force.clone())
}

/// Sets `seen` to the received body, for display if the request is refused.
async fn receive_body(
    door: &Door,
    in_force: &HookInForce,
    request: &HttpRequest,
    payload: Payload,
    seen: &mut Bytes,
) -> Result<HttpResponse, Refusal> {
    if let Some(response) = check_head(door, in_force, request)? {
        return Ok(response);
    }
    let content = content(in_force, request)?;
    body::check_length(body::announced_length(request.headers()), door.limits.body_bytes)?;
    // The bytes stay reserved until the commit.
    let held = || Some(door.unfinished.body(door.peer(request)?));
    let reading = body::read(payload, door.limits.body_bytes, &door.bytes_in_flight, held);
    let (received, mut reservation) = reading.await?;
    *seen = received.clone();
    let verified = verify(door, in_force, request, received).await?;
    if let Some(url) = subscription::confirmation_url(in_force, &verified) {
        return Box::pin(subscription::confirm(door, in_force, url)).await;
    }
    if let Some(response) = challenge::of_body(door, in_force, request, &verified)? {
        return Ok(response);
    }
    let _admission = door.rate_limiters.admit(in_force, || door.catalog.snapshot())?;
    let (body, signed_id) = verified.into_parts();
    let raw = match is_query(request) {
        true => Bytes::copy_from_slice(request.query_string().as_bytes()),
        false => body,
    };
    let payload = read_payload(door, in_force, &content, &raw, &mut reservation)?;
    if let Some(captcha) = &in_force.settings.captcha {
        // Boxed like everything that few requests need, so that the others do not carry its size.
        Box::pin(captcha::check(door, in_force, captcha, request, &payload.0)).await?;
    }
    let meta = request_meta(door, in_force, request, is_query(request));
    let context = || hook::Request { signed_id, ..door.context(request) };
    let incoming = Incoming::new(in_force, meta, raw, payload, context);
    let outcome = accept(door, in_force, incoming).await.map_err(|error| Refusal::from_store(&error))?;
    // A request that waits for its response holds no bytes meanwhile.
    seen.clear();
    drop(reservation);
    Ok(respond(door, in_force, outcome, request).await)
}

/// Checks what is known before the body is read: responds to preflights and challenges, or refuses the request.
fn check_head(door: &Door, in_force: &HookInForce, request: &HttpRequest) -> Result<Option<HttpResponse>, Refusal> {
    if let Some(response) = cors::preflight(&in_force.settings, request) {
        return Ok(Some(response));
    }
    check_status(&in_force.hook)?;
    check_address(in_force, door.peer(request))?;
    if let Some(response) = challenge::of_head(door, in_force, request)? {
        return Ok(Some(response));
    }
    check_method(in_force, request).map(|()| None)
}

/// Whether the query takes the place of the body.
fn is_query(request: &HttpRequest) -> bool {
    request.method() == Method::GET
}

fn content<'a>(in_force: &HookInForce, request: &'a HttpRequest) -> Result<Content<'a>, Refusal> {
    let kind = in_force.hook.kind;
    match is_query(request) {
        true => Ok(transaction::content(kind, Some(FORM), None, |_| None)?),
        false => body::content(kind, request.headers(), has_json_as_text(in_force)),
    }
}

/// Whether the sender of the hook declares JSON as text.
fn has_json_as_text(in_force: &HookInForce) -> bool {
    in_force.gate.scheme().is_some_and(Scheme::has_json_as_text)
}

/// The payload, and the size of the bytes it was read from.
fn read_payload<'a>(
    door: &'a Door,
    in_force: &HookInForce,
    content: &Content<'_>,
    raw: &Bytes,
    reservation: &mut SemaphorePermit<'a>,
) -> Result<(Value, usize), Refusal> {
    let inflated = body::inflate(content, raw, door.limits.inflated_bytes, reservation, &door.bytes_in_flight)?;
    let bytes = inflated.as_ref().unwrap_or(raw);
    // If nothing uses the payload, it only needs to be valid.
    let is_unused = in_force.listeners.is_empty() && !in_force.settings.needs_payload();
    let is_skipped = is_unused && content.is_json() && is_plain(bytes, PAYLOAD_LEVELS_MAX);
    let data = if is_skipped { Value::Null } else { content.read(bytes)? };
    Ok((data, bytes.len()))
}

/// Refuses requests to hooks that are disabled or deleted.
pub(super) fn check_status(hook: &Hook) -> Result<(), Refusal> {
    match hook.status {
        Status::Enabled => Ok(()),
        Status::Disabled => Err(Refusal::new(Reason::HookDisabled, "this hook is disabled")),
        Status::Deleted => Err(Refusal::new(Reason::HookDeleted, "this hook was deleted")),
    }
}

/// Refuses requests from addresses that the hook does not allow.
pub(super) fn check_address(in_force: &HookInForce, peer: Option<IpAddr>) -> Result<(), Refusal> {
    let Some(allowed) = &in_force.settings.allowed_addresses else { return Ok(()) };
    match peer {
        Some(peer) if networks::contain(allowed, peer) => Ok(()),
        Some(peer) => Err(Refusal::new(Reason::AddressNotAllowed, format!("requests from {peer} are not allowed"))),
        None => Err(Refusal::new(Reason::AddressNotAllowed, "the client address is unknown")),
    }
}

fn check_method(in_force: &HookInForce, request: &HttpRequest) -> Result<(), Refusal> {
    let is_accepted = match *request.method() {
        Method::POST => true,
        Method::GET => in_force.settings.accepts_get,
        _ => false,
    };
    if is_accepted {
        return Ok(());
    }
    let accepted = if in_force.settings.accepts_get { "GET and POST" } else { "POST" };
    let detail = format!("this hook accepts only {accepted} requests");
    Err(Refusal::new(Reason::Method, detail).methods(methods(&in_force.settings)))
}

/// The methods that a hook responds to, including those of preflights and challenges.
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

/// The metadata stored with a request. For a GET request, the query takes the place of the body: a form, without
/// content encoding.
fn request_meta(door: &Door, in_force: &HookInForce, request: &HttpRequest, is_query: bool) -> RequestMeta {
    let content_type = match is_query {
        true => Some(FORM.to_owned()),
        false => {
            let declared = request.headers().get(CONTENT_TYPE);
            let declared = declared.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
            // The payload is read again by this type.
            declared.map(|declared| match has_json_as_text(in_force) && body::is_text(&declared) {
                true => JSON.to_owned(),
                false => declared,
            })
        }
    };
    // Headers in which senders of this hook send a secret, whatever their names.
    let secret_headers = in_force.gate.secret_headers();
    let captcha = in_force.settings.captcha.as_ref();
    let is_token = |name: &str| captcha.is_some_and(|captcha| captcha.field.eq_ignore_ascii_case(name));
    let is_secret = |name: &str| secret_headers.iter().any(|secret| secret == name) || is_token(name);
    let mut headers = stored_headers(request.headers(), is_secret);
    if is_query {
        headers.retain(|(name, _)| *name != CONTENT_ENCODING.as_str());
    }
    let is_secret_parameter = |name: &str| is_token(name) || in_force.gate.is_secret_parameter(name);
    RequestMeta {
        content_type,
        headers,
        query: stored_query(request.query_string(), is_secret_parameter),
        peer: door.peer(request).map(|peer| peer.to_string()),
    }
}

/// Verifies the body, unless the hook requires no verification.
async fn verify(
    door: &Door,
    in_force: &HookInForce,
    request: &HttpRequest,
    raw: Bytes,
) -> Result<VerifiedRequest, Refusal> {
    let header = |name: &str, position: usize| match position {
        0 => request.headers().get(name).map(|value| value.as_bytes()),
        _ => request.headers().get_all(name).nth(position).map(|value| value.as_bytes()),
    };
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let received = UnverifiedRequest::new(request.method().as_str(), (&door.public_url, path), &header, raw);
    let may_post = |key: &str| {
        let snapshot = door.catalog.snapshot();
        let key = snapshot.key(key).filter(|key| key.org == in_force.hook.org);
        key.is_some_and(|key| matches!(key.role, Role::Hooks | Role::Admin))
    };
    let refuse = |rejection: Rejection| {
        log::debug!(hook = in_force.hook.name.as_str(), reason:% = rejection; "request verification failed");
        Refusal::new(Reason::Signature, rejection.to_string())
    };
    let published = match in_force.gate.key_request(&received).map_err(refuse)? {
        None => None,
        // Boxed like everything that few requests need, so that the others do not carry its size.
        Some(keys) => Some(Box::pin(published_keys::get(door, in_force, keys)).await?),
    };
    let published = published.as_deref().unwrap_or_default();
    in_force.gate.admit(received, published, &may_post, Timestamp::now()).map_err(refuse)
}
