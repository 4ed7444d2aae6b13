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
use super::refused::{self, SeenBody, WHOLE_BYTES_MAX};
use super::respond::respond;
use super::subscription;
use crate::base::json::{PAYLOAD_LEVELS_MAX, is_plain};
use crate::base::networks;
use crate::base::time::Timestamp;
use crate::catalog::HookInForce;
use crate::content::{Content, FORM, JSON, Notes};
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
    let mut payload = payload;
    let Some(hook) = find_hook(door, kind, org, hash) else {
        return Err(refuse_unknown(door, hash, request, &mut payload).await);
    };
    let mut seen = None;
    let accepted = receive_body(door, &hook, request, &mut payload, &mut seen).await;
    if let Err(refusal) = &accepted {
        // A body that nothing has been read of is looked at, unless it is known to be too large.
        let body = match seen {
            Some(body) => body,
            None if refusal.reason == Reason::BodyTooLarge => SeenBody { bytes: Bytes::new(), is_whole: false },
            None => {
                let (bytes, is_whole) = body::beginning(&mut payload, WHOLE_BYTES_MAX).await;
                SeenBody { bytes, is_whole }
            }
        };
        record_refusal(door, &hook, org, request, refusal, body);
    }
    let Some(cors) = &hook.settings.cors else { return accepted };
    let mut response = accepted.unwrap_or_else(|refusal| refusal.error_response());
    cors::share(cors, request, &mut response);
    Ok(response)
}

/// An address below `/v1/hooks` that is written in another way than hooks write it, such as with a slash at its end; `None`
/// if it is no address of a hook.
pub async fn receive_odd(
    door: &Door,
    request: &HttpRequest,
    mut payload: Payload,
) -> Option<Result<HttpResponse, Refusal>> {
    let segments: Vec<&str> = request.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let ["v1", "hooks", kind, address @ ..] = &segments[..] else { return None };
    let address = match (kind.parse::<HookKind>(), address) {
        (Ok(kind), [hash]) => Some((kind, None, *hash)),
        (Ok(kind), [org, hash]) => Some((kind, Some(*org), *hash)),
        _ => None,
    };
    if let Some((kind, org, hash)) = address {
        return Some(handle(door, (kind, org, hash), request, payload).await);
    }
    // A known hash in a wrong place: its hook shows what came.
    let hash = segments.into_iter().find(|segment| hook_of(door, segment).is_some())?;
    Some(Err(refuse_unknown(door, hash, request, &mut payload).await))
}

/// The hook with this hash, whatever its kind and org. Some senders write addresses in upper case.
fn hook_of(door: &Door, hash: &str) -> Option<Arc<HookInForce>> {
    let snapshot = door.catalog.snapshot();
    let found = snapshot.hook_by_hash(hash).or_else(|| snapshot.hook_by_hash(&hash.to_ascii_lowercase()));
    found.cloned()
}

/// The refusal for an address that is no hook's. If its hash is that of a hook, that hook shows what came.
async fn refuse_unknown(door: &Door, hash: &str, request: &HttpRequest, payload: &mut Payload) -> Refusal {
    let Some(hook) = hook_of(door, hash) else {
        door.refusals.add_unknown();
        return Refusal::new(Reason::UnknownHook, "no hook has this address");
    };
    // What the address would be is nothing for those who only guess.
    let refusal = Refusal::new(Reason::UnknownHook, "no hook has this address");
    let (bytes, is_whole) = body::beginning(payload, WHOLE_BYTES_MAX).await;
    record_refusal(door, &hook, None, request, &refusal, SeenBody { bytes, is_whole });
    refusal
}

/// Counts a refusal, and keeps an excerpt of the request.
fn record_refusal(
    door: &Door,
    hook: &HookInForce,
    org: Option<&str>,
    request: &HttpRequest,
    refusal: &Refusal,
    seen: SeenBody,
) {
    let head = || refused::RequestHead {
        method: request.method().as_str(),
        path: refused::path(hook, org),
        content_length: body::announced_length(request.headers()),
    };
    door.refusals.add(&hook.hook, refusal, || {
        let shown = match &hook.settings.captcha {
            Some(captcha) => captcha::without_token(captcha, request.headers(), seen.bytes.clone()),
            None => seen.bytes.clone(),
        };
        // The query that takes the place of a body is not kept as it was sent.
        let is_whole = seen.is_whole && shown == seen.bytes && !is_query(request);
        let seen = SeenBody { bytes: shown, is_whole };
        refused::refused_request(hook, refusal, head(), request_meta(door, hook, request, false), &seen)
    });
}

fn find_hook(door: &Door, kind: HookKind, org: Option<&str>, hash: &str) -> Option<Arc<HookInForce>> {
    let snapshot = door.catalog.snapshot();
    let in_force = hook_of(door, hash).filter(|in_force| in_force.hook.kind == kind)?;
    let belongs = |org: &str| {
        let owner = snapshot.org(in_force.hook.org);
        owner.is_some_and(|owner| owner.name == org || owner.id.to_string() == org)
    };
    org.is_none_or(belongs).then_some(in_force)
}

/// Sets `seen` to the received body once reading begins, for display if the request is refused.
async fn receive_body(
    door: &Door,
    in_force: &HookInForce,
    request: &HttpRequest,
    payload: &mut Payload,
    seen: &mut Option<SeenBody>,
) -> Result<HttpResponse, Refusal> {
    if let Some(response) = check_head(door, in_force, request)? {
        return Ok(response);
    }
    body::check_length(body::announced_length(request.headers()), door.limits.body_bytes)?;
    *seen = Some(SeenBody { bytes: Bytes::new(), is_whole: false });
    // The bytes stay reserved until the commit.
    let held = || Some(door.unfinished.body(door.peer(request)?));
    let reading = body::read(payload, door.limits.body_bytes, &door.bytes_in_flight, held);
    let (received, mut reservation) = reading.await?;
    *seen = Some(SeenBody { bytes: received.clone(), is_whole: true });
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
    let payload = read_payload(door, in_force, request, &raw, &mut reservation);
    if let (Ok((data, _)), Some(captcha)) = (&payload, &in_force.settings.captcha) {
        // Boxed like everything that few requests need, so that the others do not carry its size.
        Box::pin(captcha::check(door, in_force, captcha, request, data)).await?;
    }
    let meta = request_meta(door, in_force, request, is_query(request));
    let incoming = match payload {
        Ok(payload) => {
            let context = || hook::Request { signed_id, ..door.context(in_force.hook.kind, request) };
            Incoming::new(in_force, meta, raw, payload, context)
        }
        Err(refusal) => Incoming::unreadable(in_force, meta, raw, refusal)?,
    };
    let outcome = accept(door, in_force, incoming).await.map_err(|error| Refusal::from_store(&error))?;
    // A request that waits for its response holds no bytes meanwhile.
    *seen = None;
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
    // RFC 9110: where GET is answered, HEAD is, too. It stores nothing, because a sender only looks.
    if request.method() == Method::HEAD && in_force.settings.accepts_get {
        return Ok(Some(HttpResponse::Ok().finish()));
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
    request: &HttpRequest,
    raw: &Bytes,
    reservation: &mut SemaphorePermit<'a>,
) -> Result<(Value, usize), Refusal> {
    let content = content(in_force, request)?.with_lists(&in_force.settings.lists);
    let inflated = body::inflate(&content, raw, door.limits.inflated_bytes, reservation, &door.bytes_in_flight)?;
    let bytes = inflated.as_ref().unwrap_or(raw);
    // If nothing uses the payload, it only needs to be valid.
    let is_unused = in_force.listeners.is_empty() && !in_force.settings.needs_payload();
    let is_skipped = is_unused && content.is_json() && is_plain(bytes, PAYLOAD_LEVELS_MAX);
    let data = if is_skipped { Value::Null } else { content.read(bytes, &mut Notes::default())? };
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
    let settings = &in_force.settings;
    let is_accepted = match *request.method() {
        Method::GET => settings.accepts_get,
        ref method => settings.methods.contains(&method.as_str()),
    };
    if is_accepted {
        return Ok(());
    }
    let get = settings.accepts_get.then_some("GET");
    let accepted = get.into_iter().chain(settings.methods.iter().copied()).collect::<Vec<_>>().join(" and ");
    let detail = format!("this hook accepts only {accepted} requests");
    Err(Refusal::new(Reason::Method, detail).methods(methods(settings)))
}

/// The methods that a hook responds to, including those of preflights and challenges.
pub(super) fn methods(settings: &Settings) -> String {
    let challenge = settings.challenge.map(challenge::method);
    let answered = [
        (Method::GET, settings.accepts_get),
        (Method::HEAD, settings.accepts_get),
        (Method::OPTIONS, settings.cors.is_some()),
    ];
    let answered = answered.into_iter().filter(|(method, is)| *is || challenge.as_ref() == Some(method));
    let answered = answered.map(|(method, _)| method.to_string());
    answered.chain(settings.methods.iter().map(|method| (*method).to_owned())).collect::<Vec<_>>().join(", ")
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
        method: request.method().to_string(),
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
