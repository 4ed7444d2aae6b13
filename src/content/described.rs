//! Bodies of any other type.
//!
//! A JSON object or list is that JSON, whatever its content type is called: `application/x-json`,
//! `application/csp-report`, `application/javascript`, a misspelt one. Anything else is described by its type, size and
//! digest, and by its text if it is text, so that a workflow can read it. The bytes stay in the body.

use serde_json::{Value, json};

use super::notes::Notes;
use super::{json, sha256};

/// The most bytes of a text in a description.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// The payload for a body of another format.
pub(super) fn read(content_type: &str, body: &[u8], notes: &mut Notes) -> Value {
    if matches!(body.trim_ascii_start().first(), Some(b'{' | b'['))
        && let Ok(document) = json::read_with_notes(body, notes)
    {
        notes.add(format!("the body is JSON although its content type is {content_type:?}; it is read as JSON"));
        return document;
    }
    let mut description = json!({ "contentType": content_type, "sizeBytes": body.len(), "sha256": sha256(body) });
    if let Some(text) = text(body) {
        description["text"] = text.into();
    }
    description
}

/// The body as text, if it is UTF-8 without control characters and not too long.
fn text(body: &[u8]) -> Option<&str> {
    let is_text = |text: &&str| !text.chars().any(|character| character.is_control() && !character.is_whitespace());
    std::str::from_utf8(body).ok().filter(|text| text.len() <= TEXT_BYTES_MAX).filter(is_text)
}
