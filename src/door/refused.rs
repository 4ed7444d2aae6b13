//! Excerpts of refused requests.
//!
//! They show enough to find out what the sender does wrong, and no secrets: the path without the hook's hash, headers
//! and query masked as for accepted requests, no body if the signature is in it, and no [captcha](super::captcha)
//! token. The body is not verified, so nothing here parses it.
//!
//! A small body is kept whole, so that an admin can accept the request after all.
//!
//! Limits: the constants below; longer values are truncated.

use bytes::Bytes;

use super::intake::RequestMeta;
use super::refusal::Refusal;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::HookInForce;
use crate::hook::transaction;
use crate::secrets::sensitive::{MASK, excerpt};
use crate::store::RefusedRequest;

/// The most bytes of the body that are shown, and kept of a longer one.
pub const BODY_BYTES_MAX: usize = 1_024;
/// The largest body that is kept whole.
pub const WHOLE_BYTES_MAX: usize = 16 * 1_024;
const DETAIL_CHARACTERS_MAX: usize = 500;
const QUERY_CHARACTERS_MAX: usize = 1_000;
const HEADER_CHARACTERS_MAX: usize = 500;
/// The most bytes of all headers together.
const HEADERS_BYTES_MAX: usize = 8_192;

/// The parts of a request that [`RequestMeta`] does not hold.
pub struct RequestHead<'a> {
    pub method: &'a str,
    /// Without the secret in the hook's address.
    pub path: String,
    /// The announced length of the body, in bytes.
    pub content_length: Option<usize>,
}

/// The path of a hook, with the org if the request named it.
pub fn path(in_force: &HookInForce, org: Option<&str>) -> String {
    match org {
        Some(org) => format!("/v1/hooks/{}/{org}/{MASK}", in_force.hook.kind),
        None => transaction::path(in_force.hook.kind),
    }
}

/// What was received of a body, without secrets.
pub struct SeenBody {
    pub bytes: Bytes,
    /// Whether that is the whole body, as it was sent.
    pub is_whole: bool,
}

/// The excerpt of a request; `meta` is what would be stored had it been accepted.
pub fn refused_request(
    in_force: &HookInForce,
    refusal: &Refusal,
    head: RequestHead<'_>,
    meta: RequestMeta,
    body: &SeenBody,
) -> RefusedRequest {
    let hook = &in_force.hook;
    let hidden = in_force.gate.has_signature_in_body();
    let body_bytes = if hidden { &[][..] } else { &body.bytes };
    let whole = body.is_whole && !hidden && body_bytes.len() <= WHOLE_BYTES_MAX;
    let kept = if whole { body_bytes.len() } else { body_bytes.len().min(BODY_BYTES_MAX) };
    RefusedRequest {
        id: Id::generate(),
        org: hook.org,
        hook: hook.id,
        created_at: Timestamp::now(),
        reason: refusal.reason.as_str().to_owned(),
        detail: storable(excerpt(&refusal.detail, DETAIL_CHARACTERS_MAX).into_owned()),
        method: head.method.to_owned(),
        path: head.path,
        query: meta.query.map(|query| storable(excerpt(&query, QUERY_CHARACTERS_MAX).into_owned())),
        headers: shortened(meta.headers),
        peer: meta.peer,
        content_length: head.content_length.and_then(|length| i64::try_from(length).ok()),
        body: body_bytes[..kept].to_vec(),
        whole,
        transaction: None,
    }
}

/// The text without NUL, which not every database can store.
pub(super) fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

fn shortened(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut bytes = 0;
    let excerpts = headers.into_iter().map(|(name, value)| {
        (excerpt(&name, HEADER_CHARACTERS_MAX).into_owned(), excerpt(&value, HEADER_CHARACTERS_MAX).into_owned())
    });
    let fits = |(name, value): &(String, String)| {
        bytes += name.len() + value.len();
        bytes <= HEADERS_BYTES_MAX
    };
    excerpts.take_while(fits).collect()
}
