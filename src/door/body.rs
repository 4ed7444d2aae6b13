//! Reads bodies within limits; [`content`](crate::content) interprets them.
//!
//! The bytes are kept exactly as received. A body is refused as soon as it is known to be too large: by its announced
//! length before anything is read, otherwise at the first excess byte.
//!
//! Limits: the size is configured, as received and inflated. A body has up to [`BODY_TIME_MAX`] to arrive, less if it
//! is small: [`PATIENCE`], plus one second for each [`BYTES_PER_SECOND_MIN`] received.

use std::cell::LazyCell;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::{FutureExt, StreamExt};
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::{Instant, timeout_at};

use super::refusal::{Reason, Refusal};
use super::unfinished::HeldBytes;
use crate::content::{Content, JSON, Notes, read_json};
use crate::hook::HookKind;
use crate::hook::transaction;

/// The most time for a body to arrive.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(30);
/// The minimum time for a body, whatever its size.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The rate that a body must keep up after that.
pub const BYTES_PER_SECOND_MIN: u64 = 2_000;

/// The most time for the beginning of a refused request's body.
const GLANCE: Duration = Duration::from_millis(100);

/// The body's length if the request announces it.
pub fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses a body that is announced as too large.
pub fn check_length(length: Option<usize>, bytes_max: usize) -> Result<(), Refusal> {
    match length {
        Some(length) if length > bytes_max => Err(too_large(bytes_max)),
        _ => Ok(()),
    }
}

/// Reads the whole body, reserving its bytes from `budget` as they arrive. While incomplete, it counts as `held` by its
/// sender.
pub async fn read<'a>(
    payload: &mut Payload,
    bytes_max: usize,
    budget: &'a Semaphore,
    held: impl FnOnce() -> Option<HeldBytes>,
) -> Result<(Bytes, SemaphorePermit<'a>), Refusal> {
    let mut reserved = budget.try_acquire_many(0).map_err(overloaded)?;
    let mut first = Bytes::new();
    let mut body = BytesMut::new();
    let begun = Instant::now();
    let mut held = LazyCell::new(held);
    loop {
        let received = first.len() + body.len();
        let chunk = match payload.next().now_or_never() {
            Some(chunk) => chunk,
            None => {
                (*held).as_mut().map_or(Ok(()), |held| held.grow_to(received))?;
                let waited = timeout_at(begun + time_for(received), payload.next()).await;
                waited.map_err(|_| too_slow(begun.elapsed(), received))?
            }
        };
        let Some(chunk) = chunk else { break };
        let chunk = chunk.map_err(incomplete)?;
        if received + chunk.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        reserved.merge(budget.try_acquire_many(chunk.len() as u32).map_err(overloaded)?);
        // Most bodies arrive in one chunk, which is used without copying.
        if received == 0 {
            first = chunk;
            continue;
        }
        body.extend_from_slice(&std::mem::take(&mut first));
        body.extend_from_slice(&chunk);
    }
    Ok((if body.is_empty() { first } else { body.freeze() }, reserved))
}

/// What can be had of a refused request's body without waiting for its sender, up to `bytes_max`, and whether that is
/// all. Waits [`GLANCE`] at most, for bytes that are on their way.
pub async fn beginning(payload: &mut Payload, bytes_max: usize) -> (Bytes, bool) {
    let mut body = BytesMut::new();
    let end = Instant::now() + GLANCE;
    while body.len() <= bytes_max {
        match timeout_at(end, payload.next()).await {
            Ok(Some(Ok(chunk))) => body.extend_from_slice(&chunk),
            Ok(None) => return (body.freeze(), true),
            Ok(Some(Err(_))) | Err(_) => break,
        }
    }
    body.truncate(bytes_max);
    (body.freeze(), false)
}

/// The time allowed for a body of which `received` bytes have arrived.
fn time_for(received: usize) -> Duration {
    (PATIENCE + Duration::from_millis(received as u64 * 1_000 / BYTES_PER_SECOND_MIN)).min(BODY_TIME_MAX)
}

fn too_slow(elapsed: Duration, received: usize) -> Refusal {
    let elapsed = elapsed.as_secs();
    Refusal::new(Reason::BodyTooSlow, format!("the body arrives too slowly: {received} bytes in {elapsed} s"))
}

fn overloaded(_: TryAcquireError) -> Refusal {
    Refusal::new(Reason::Overloaded, "too many requests are waiting; try again")
}

fn incomplete(error: PayloadError) -> Refusal {
    let detail = match error {
        PayloadError::Incomplete(_) => "the connection closed before the body was complete".to_owned(),
        error => format!("the body could not be read: {error}"),
    };
    Refusal::new(Reason::BodyIncomplete, detail)
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(Reason::BodyTooLarge, format!("the body is larger than {bytes_max} bytes"))
}

/// What the headers say about the body, or a refusal if hooks of this kind do not support it. `json_as_text` tells that
/// the sender declares JSON as text.
pub fn content<'h>(kind: HookKind, headers: &'h HeaderMap, json_as_text: bool) -> Result<Content<'h>, Refusal> {
    let text = |value: &'h HeaderValue| std::str::from_utf8(value.as_bytes()).ok();
    let encodings: Vec<&str> = headers.get_all(CONTENT_ENCODING).filter_map(text).collect();
    let encodings = (!encodings.is_empty()).then(|| encodings.join(","));
    let content_type = headers.get(CONTENT_TYPE).and_then(text);
    let content_type = content_type.map(|declared| if json_as_text && is_text(declared) { JSON } else { declared });
    let header = |name: &str| headers.get(name).and_then(text);
    Ok(transaction::content(kind, content_type, encodings.as_deref(), header)?)
}

/// Whether a content type is `text/plain`.
pub fn is_text(content_type: &str) -> bool {
    content_type.split(';').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("text/plain"))
}

/// Undoes the content encoding, and reserves the inflated bytes, too. If the budget has no room for them, the body is
/// refused before it is parsed.
pub fn inflate<'a>(
    content: &Content<'_>,
    raw: &[u8],
    bytes_max: usize,
    reserved: &mut SemaphorePermit<'a>,
    budget: &'a Semaphore,
) -> Result<Option<Bytes>, Refusal> {
    // Notes are made again when the body is read for display.
    let inflated = content.inflate(raw, bytes_max, &mut Notes::default())?;
    if let Some(inflated) = &inflated {
        reserved.merge(budget.try_acquire_many(inflated.len() as u32).map_err(overloaded)?);
    }
    Ok(inflated)
}

/// Parses a JSON body; errors name the line and column.
pub fn parse_json(body: &[u8]) -> Result<Value, Refusal> {
    Ok(read_json(body)?)
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName, HeaderValue};

    use super::*;

    fn check(headers: &[(HeaderName, &'static str)]) -> Result<bool, Reason> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        content(HookKind::Form, &map, false).map(|content| content.is_json()).map_err(|refusal| refusal.reason)
    }

    #[test]
    fn json_is_distinguished_from_other_content() {
        let json = ["application/json", "application/json; charset=latin1", "application/cloudevents+json", ""];
        assert!(json.iter().all(|kind| check(&[(CONTENT_TYPE, kind)]) == Ok(true)));
        assert_eq!(check(&[]), Ok(true));
        assert_eq!(check(&[(CONTENT_TYPE, "application/x-www-form-urlencoded")]), Ok(false));
    }

    #[test]
    fn encodings_of_several_headers_are_one_list() {
        assert_eq!(check(&[(CONTENT_ENCODING, "gzip")]), Ok(true));
        let unsupported = [(CONTENT_ENCODING, "gzip"), (CONTENT_ENCODING, "br, compress")];
        assert_eq!(check(&unsupported), Err(Reason::UnsupportedMediaType));
    }

    #[test]
    fn more_received_bytes_allow_more_time_up_to_a_limit() {
        assert_eq!(time_for(0), PATIENCE);
        assert_eq!(time_for(1_000), PATIENCE + Duration::from_millis(500));
        assert_eq!(time_for(16 * 1024 * 1024), BODY_TIME_MAX);
    }

    #[test]
    fn errors_name_the_position() {
        let refusal = parse_json(b"{\"a\": 1,\n \"b\": }").unwrap_err();
        assert_eq!(refusal.reason, Reason::MalformedJson);
        assert!(refusal.detail.contains("line 2 column 7"), "{}", refusal.detail);
        let deep = "[".repeat(10_000);
        assert_eq!(parse_json(deep.as_bytes()).unwrap_err().reason, Reason::NestingTooDeep);
        assert!(parse_json(&[b'"', 0xFF, b'"']).unwrap_err().detail.contains("line 1 column"));
        assert!(parse_json(b"").is_err());
    }
}
