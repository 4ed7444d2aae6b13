//! Reading and parsing bodies, within limits.
//!
//! The bytes are kept exactly as they came. A body is refused as soon as it is known to be too large: by its announced
//! length before anything is read, else at the byte that is too many.
//!
//! Limits: the size is configured; a body has [`BODY_TIME_MAX`] to arrive; JSON nests at most
//! [`PAYLOAD_LEVELS_MAX`] levels.

use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap};
use actix_web::web::Payload;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit};

use super::refusal::{Reason, Refusal};
use crate::json::{PAYLOAD_LEVELS_MAX, is_deeper_than};

/// How long a body may take to arrive.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(30);

/// The body's length if the request announces it.
pub fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Refuses what is announced to be too large.
pub fn check_length(length: Option<usize>, bytes_max: usize) -> Result<(), Refusal> {
    match length {
        Some(length) if length > bytes_max => Err(too_large(bytes_max)),
        _ => Ok(()),
    }
}

/// Reads the whole body, reserving its bytes from `budget` as they come.
pub async fn read<'a>(
    payload: Payload,
    bytes_max: usize,
    budget: &'a Semaphore,
) -> Result<(Bytes, SemaphorePermit<'a>), Refusal> {
    let reading = tokio::time::timeout(BODY_TIME_MAX, read_chunks(payload, bytes_max, budget));
    let slow = || Refusal::new(Reason::BodyTooSlow, format!("the body took longer than {} s", BODY_TIME_MAX.as_secs()));
    reading.await.unwrap_or_else(|_| Err(slow()))
}

async fn read_chunks<'a>(
    mut payload: Payload,
    bytes_max: usize,
    budget: &'a Semaphore,
) -> Result<(Bytes, SemaphorePermit<'a>), Refusal> {
    let overloaded = |_| Refusal::new(Reason::Overloaded, "too many requests are waiting; try again");
    let mut reserved = budget.try_acquire_many(0).map_err(overloaded)?;
    let mut first = Bytes::new();
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(incomplete)?;
        if first.len() + body.len() + chunk.len() > bytes_max {
            return Err(too_large(bytes_max));
        }
        reserved.merge(budget.try_acquire_many(chunk.len() as u32).map_err(overloaded)?);
        // Most bodies come in one piece, which is then used as it is.
        if first.is_empty() && body.is_empty() {
            first = chunk;
            continue;
        }
        body.extend_from_slice(&std::mem::take(&mut first));
        body.extend_from_slice(&chunk);
    }
    Ok((if body.is_empty() { first } else { body.freeze() }, reserved))
}

fn incomplete(error: PayloadError) -> Refusal {
    Refusal::new(Reason::BodyIncomplete, format!("the body could not be read: {error}"))
}

fn too_large(bytes_max: usize) -> Refusal {
    Refusal::new(Reason::BodyTooLarge, format!("the body is larger than {bytes_max} bytes"))
}

/// Refuses content that isn't JSON by what its headers say. No content type at all is taken for JSON.
pub fn check_content_type(headers: &HeaderMap) -> Result<(), Refusal> {
    let refuse = |detail: String| Err(Refusal::new(Reason::UnsupportedMediaType, detail));
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| *encoding != "identity") {
        return refuse(format!("content encoding {encoding:?} is not supported; send the body as it is"));
    }
    let Some(content_type) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let media_type = content_type.to_str().ok().and_then(|text| text.parse::<mime::Mime>().ok());
    let is_json =
        |media_type: &mime::Mime| media_type.subtype() == mime::JSON || media_type.suffix() == Some(mime::JSON);
    match media_type {
        Some(media_type) if is_json(&media_type) => match media_type.get_param(mime::CHARSET) {
            Some(charset) if charset != mime::UTF_8 => refuse(format!("charset {charset} is not supported; use UTF-8")),
            _ => Ok(()),
        },
        _ => refuse(format!("content type {content_type:?} is not supported; send `content-type: application/json`")),
    }
}

/// Parses a JSON body; an error says at which line and column.
pub fn parse_json(body: &[u8]) -> Result<Value, Refusal> {
    let too_deep = |place: String| {
        let detail = format!("the JSON nests deeper than {PAYLOAD_LEVELS_MAX} levels{place}");
        Refusal::new(Reason::NestingTooDeep, detail)
    };
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        match text.starts_with("recursion limit exceeded") {
            true => too_deep(format!(" at line {} column {}", error.line(), error.column())),
            false => Refusal::new(Reason::MalformedJson, format!("the body is not valid JSON: {text}")),
        }
    })?;
    match is_deeper_than(&value, PAYLOAD_LEVELS_MAX) {
        true => Err(too_deep(String::new())),
        false => Ok(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn check(content_type: &'static str) -> Result<(), Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        check_content_type(&headers)
    }

    #[test]
    fn json_is_told_from_other_content() {
        assert!(check("application/json").is_ok());
        assert!(check("application/json; charset=utf-8").is_ok());
        assert!(check("application/cloudevents+json").is_ok());
        assert!(check_content_type(&HeaderMap::new()).is_ok());
        assert!(check("application/json; charset=latin1").is_err());
        assert!(check("application/x-www-form-urlencoded").is_err());
        assert!(check("nonsense").is_err());
    }

    #[test]
    fn errors_say_where() {
        let refusal = parse_json(b"{\"a\": 1,\n \"b\": }").unwrap_err();
        assert_eq!(refusal.reason, Reason::MalformedJson);
        assert!(refusal.detail.contains("line 2 column 7"), "{}", refusal.detail);
        let deep = "[".repeat(10_000);
        assert_eq!(parse_json(deep.as_bytes()).unwrap_err().reason, Reason::NestingTooDeep);
        assert!(parse_json(&[b'"', 0xFF, b'"']).unwrap_err().detail.contains("line 1 column"));
        assert!(parse_json(b"").is_err());
    }
}
