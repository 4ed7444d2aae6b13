//! JSON bodies.

use serde_json::Value;

use super::ContentError;
use crate::base::json::{PAYLOAD_LEVELS_MAX, is_deeper_than};

/// Some senders begin a text with a byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// Parses a JSON document. Errors contain the line and column.
///
/// # Errors
/// If it is malformed, or nests deeper than [`PAYLOAD_LEVELS_MAX`].
pub fn read(body: &[u8]) -> Result<Value, ContentError> {
    let too_deep =
        |place: String| ContentError::TooDeep(format!("the JSON nests deeper than {PAYLOAD_LEVELS_MAX} levels{place}"));
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        let text = error.to_string();
        match text.starts_with("recursion limit exceeded") {
            true => too_deep(format!(" at line {} column {}", error.line(), error.column())),
            false => ContentError::MalformedJson(text),
        }
    })?;
    match is_deeper_than(&value, PAYLOAD_LEVELS_MAX) {
        true => Err(too_deep(String::new())),
        false => Ok(value),
    }
}
