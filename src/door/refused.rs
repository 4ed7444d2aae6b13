//! What is shown of a refused request.
//!
//! Enough to find out what its sender does wrong, and no secret: the address without the hook's, headers and query masked as
//! they are of accepted requests, no body of a request whose signature is in the body, and no token of a
//! [captcha](super::captcha). The body was not verified, so nothing here reads it.
//!
//! Limits: the constants below; of what is longer, the first part is shown.

use super::intake::RequestMeta;
use super::refusal::Refusal;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::HookInForce;
use crate::secrets::sensitive::{MASK, excerpt};
use crate::store::RefusedRequest;

/// How many bytes of the body are shown.
pub const BODY_BYTES_MAX: usize = 1_024;
const DETAIL_CHARACTERS_MAX: usize = 500;
const QUERY_CHARACTERS_MAX: usize = 1_000;
const HEADER_CHARACTERS_MAX: usize = 500;
/// How many bytes the headers have together.
const HEADERS_BYTES_MAX: usize = 8_192;

/// What a request was that is no part of what would be kept of it.
pub struct Asked<'a> {
    pub method: &'a str,
    /// Without the secret of the hook's address.
    pub path: String,
    /// How many bytes it said that its body has.
    pub content_length: Option<usize>,
}

/// The path of a hook, with the org that a request named.
pub fn path(in_force: &HookInForce, org: Option<&str>) -> String {
    let org = org.map(|org| format!("{org}/")).unwrap_or_default();
    format!("/v1/hooks/{}/{org}{MASK}", in_force.hook.kind)
}

/// What is shown of a request; `meta` is what would be kept of it had it been accepted, `body` what was received of its
/// body.
pub fn shown(
    in_force: &HookInForce,
    refusal: &Refusal,
    asked: Asked<'_>,
    meta: RequestMeta,
    body: &[u8],
) -> RefusedRequest {
    let hook = &in_force.hook;
    let body = if in_force.gate.has_signature_in_body() { &[] } else { body };
    RefusedRequest {
        id: Id::generate(),
        org: hook.org,
        hook: hook.id,
        created_at: Timestamp::now(),
        reason: refusal.reason.as_str().to_owned(),
        detail: storable(excerpt(&refusal.detail, DETAIL_CHARACTERS_MAX).into_owned()),
        method: asked.method.to_owned(),
        path: asked.path,
        query: meta.query.map(|query| storable(excerpt(&query, QUERY_CHARACTERS_MAX).into_owned())),
        headers: shortened(meta.headers),
        peer: meta.peer,
        content_length: asked.content_length.and_then(|length| i64::try_from(length).ok()),
        body: body[..body.len().min(BODY_BYTES_MAX)].to_vec(),
    }
}

/// The text without the one character that not every database can store.
fn storable(text: String) -> String {
    if text.contains('\0') { text.replace('\0', "\u{FFFD}") } else { text }
}

fn shortened(headers: Vec<(String, String)>) -> Vec<(String, String)> {
    let mut bytes = 0;
    let shown = headers.into_iter().map(|(name, value)| {
        (excerpt(&name, HEADER_CHARACTERS_MAX).into_owned(), excerpt(&value, HEADER_CHARACTERS_MAX).into_owned())
    });
    let fits = |(name, value): &(String, String)| {
        bytes += name.len() + value.len();
        bytes <= HEADERS_BYTES_MAX
    };
    shown.take_while(fits).collect()
}
