//! JSON bodies, and JSON lines.
//!
//! What any sensible reader reads is read, with a note: other encodings than UTF-8, lone surrogates, integers beyond 64
//! bits (which become text, so that they keep their digits), and one document per line.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use serde_json::Value;

use super::notes::Notes;
use super::{ContentError, text};
use crate::base::json::{PAYLOAD_LEVELS_MAX, is_deeper_than};
use crate::base::json_text::{with_long_integers_as_text, without_lone_surrogates};

/// Subtypes that are JSON although they are not called so.
pub(super) const SUBTYPES: [&str; 4] = ["x-json", "csp-report", "x-amz-json-1.0", "x-amz-json-1.1"];
/// The subtypes of content types with one document per line, and of sequences.
pub(super) const LINES: [&str; 11] = [
    "x-ndjson",
    "ndjson",
    "jsonl",
    "x-jsonl",
    "jsonlines",
    "x-jsonlines",
    "json-lines",
    "x-json-stream",
    "stream+json",
    "x-ldjson",
    "json-seq",
];
/// Some senders begin a text with a byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";
/// Separates the documents of a sequence (RFC 7464).
const RECORD_SEPARATOR: u8 = 0x1E;

/// Parses a JSON document. Errors contain the line and column.
///
/// # Errors
/// If it is malformed, or nests deeper than [`PAYLOAD_LEVELS_MAX`].
pub fn read(body: &[u8]) -> Result<Value, ContentError> {
    read_with_notes(body, &mut Notes::default())
}

/// The same, with a note if integers became text.
///
/// # Errors
/// As for [`read`].
pub(super) fn read_with_notes(body: &[u8], notes: &mut Notes) -> Result<Value, ContentError> {
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    let (text, long_integers) = with_long_integers_as_text(body);
    let parsed: Result<Value, serde_json::Error> = match serde_json::from_slice(&text) {
        // The position in the text as it was sent.
        Err(_) if long_integers > 0 => serde_json::from_slice(body),
        parsed => parsed,
    };
    let value = parsed.map_err(|error| {
        let text = error.to_string();
        match text.starts_with("recursion limit exceeded") {
            true => too_deep(&format!(" at line {} column {}", error.line(), error.column())),
            false => ContentError::MalformedJson(text),
        }
    })?;
    if long_integers > 0 {
        notes.add("integers beyond 64 bits are kept as text".to_owned());
    }
    match is_deeper_than(&value, PAYLOAD_LEVELS_MAX) {
        true => Err(too_deep("")),
        false => Ok(value),
    }
}

/// Parses a body that is declared as JSON, and is null if empty. `charset` is the declared encoding, which only counts
/// if the bytes are not UTF-8.
///
/// # Errors
/// As for [`read`].
pub(super) fn document(
    body: &[u8],
    charset: Option<&'static Encoding>,
    notes: &mut Notes,
) -> Result<Value, ContentError> {
    let body = in_utf_8(body, charset, notes);
    if body.trim_ascii().is_empty() {
        return Ok(Value::Null);
    }
    let error = match read_with_notes(&body, notes) {
        Err(error @ ContentError::MalformedJson(_)) => error,
        result => return result,
    };
    let (repaired, count) = without_lone_surrogates(&body);
    if count > 0
        && let Ok(value) = read_with_notes(&repaired, notes)
    {
        notes.add("incomplete characters (lone surrogates) are replaced by \u{FFFD}".to_owned());
        return Ok(value);
    }
    let documents = lines(&body, notes).ok().filter(|documents| documents.len() > 1);
    let documents = documents.ok_or(error)?;
    notes.add("the body has one JSON document per line; they are read as a list".to_owned());
    Ok(Value::Array(documents))
}

/// Parses a body with one JSON document per line, or a sequence of documents.
///
/// # Errors
/// As for [`read`]; the position is within the line that the error names.
pub(super) fn documents(body: &[u8], notes: &mut Notes) -> Result<Value, ContentError> {
    let body = in_utf_8(body, None, notes);
    lines(&body, notes).map(Value::Array)
}

fn lines(body: &[u8], notes: &mut Notes) -> Result<Vec<Value>, ContentError> {
    let separator = if body.first() == Some(&RECORD_SEPARATOR) { RECORD_SEPARATOR } else { b'\n' };
    let lines = body.split(|byte| *byte == separator).map(<[u8]>::trim_ascii).zip(1..);
    let documents = lines.filter(|(line, _)| !line.is_empty()).map(|(line, number)| {
        // The list around them is one level more.
        let value = read_with_notes(line, notes).map_err(|error| error.within(&format!("document {number}")))?;
        match is_deeper_than(&value, PAYLOAD_LEVELS_MAX - 1) {
            true => Err(too_deep("")),
            false => Ok(value),
        }
    });
    documents.collect()
}

fn too_deep(place: &str) -> ContentError {
    ContentError::TooDeep(format!("the JSON nests deeper than {PAYLOAD_LEVELS_MAX} levels{place}"))
}

/// The body in UTF-8, which JSON has nearly always.
fn in_utf_8<'b>(body: &'b [u8], charset: Option<&'static Encoding>, notes: &mut Notes) -> Cow<'b, [u8]> {
    let is_utf_16 = matches!(body, [0, first, ..] | [first, 0, ..] if *first != 0) || body.starts_with(b"\xFF\xFE");
    if !is_utf_16 && std::str::from_utf8(body).is_ok() {
        return Cow::Borrowed(body);
    }
    let guess = match body {
        [0, ..] => UTF_16BE,
        [_, 0, ..] => UTF_16LE,
        _ => charset.filter(|charset| *charset != UTF_8).unwrap_or(UTF_8),
    };
    match text::document(body, guess, notes) {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}
