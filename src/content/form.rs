//! `application/x-www-form-urlencoded`: HTML forms without files.
//!
//! The text is in the encoding that the content type or the field `_charset_` names. Otherwise it is UTF-8 or, if it
//! is not valid UTF-8, the encoding that the field `charset` names, as in PayPal's notifications. A body that is JSON
//! is read as JSON: `curl -d` and many programs send it under this content type.
//!
//! Limits: [`FIELDS_MAX`], and those of [`field_tree`](super::field_tree).

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use percent_encoding::percent_decode;
use serde_json::Value;

use super::field_tree::FieldTree;
use super::notes::Notes;
use super::{ContentError, json, text};

/// The most fields of a form.
pub(super) const FIELDS_MAX: usize = 1_000;
/// The field in which browsers send the encoding of the form.
pub(super) const CHARSET_FIELD: &[u8] = b"_charset_";
/// The field in which PayPal does.
const PAYPAL_CHARSET_FIELD: &[u8] = b"charset";

/// Parses a form; all values are strings. `charset` is the declared encoding.
pub(super) fn read(body: &[u8], charset: Option<&'static Encoding>, notes: &mut Notes) -> Result<Value, ContentError> {
    if let Some(document) = posted_json(body, notes) {
        return Ok(document);
    }
    let fields: Vec<_> = fields(body).take(FIELDS_MAX + 1).collect();
    if fields.len() > FIELDS_MAX {
        return Err(ContentError::TooLarge(format!("the form has more than {FIELDS_MAX} fields")));
    }
    let encoding = charset.unwrap_or_else(|| encoding_of(&fields));
    let mut tree = FieldTree::default();
    for ((name, value), number) in fields.iter().zip(1..) {
        let place = format!("field {number}");
        let mut decode = |bytes| text::decode(bytes, encoding, &place, notes).into_owned();
        let (name, value) = (decode(name), decode(value));
        tree.add(&name, Value::String(value), &place, notes)?;
    }
    Ok(tree.finish())
}

/// The encoding of a form that declares none in its content type.
fn encoding_of(fields: &[(Vec<u8>, Vec<u8>)]) -> &'static Encoding {
    let named = |wanted: &[u8]| {
        let (_, label) = fields.iter().find(|(name, _)| name == wanted)?;
        text::encoding_of_label(std::str::from_utf8(label).ok()?)
    };
    let is_utf_8 = || fields.iter().all(|(name, value)| text::is_valid(name, UTF_8) && text::is_valid(value, UTF_8));
    match named(CHARSET_FIELD) {
        Some(encoding) => encoding,
        None if is_utf_8() => UTF_8,
        None => named(PAYPAL_CHARSET_FIELD).unwrap_or(UTF_8),
    }
}

/// The JSON object or list that was posted as a form: as it is, or as the name of the only field.
fn posted_json(body: &[u8], notes: &mut Notes) -> Option<Value> {
    let begins = |text: &[u8]| matches!(text.trim_ascii_start().first(), Some(b'{' | b'['));
    let document = if begins(body) {
        json::read_with_notes(body, notes).ok()
    } else if matches!(body, [b'%', ..] | [b'+', ..]) {
        let mut fields = fields(body);
        let (name, value) = fields.next()?;
        let is_alone = value.is_empty() && fields.next().is_none() && begins(&name);
        is_alone.then(|| json::read_with_notes(&name, notes).ok()).flatten()
    } else {
        None
    };
    if document.is_some() {
        notes.add("the body is JSON although its content type is a form's; it is read as JSON".to_owned());
    }
    document
}

/// The unescaped names and values of the fields.
pub(super) fn fields(body: &[u8]) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    let fields = body.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    fields.map(|field| match field.iter().position(|byte| *byte == b'=') {
        Some(equals) => (unescape(&field[..equals]), unescape(&field[equals + 1..])),
        None => (unescape(field), Vec::new()),
    })
}

fn unescape(escaped: &[u8]) -> Vec<u8> {
    let spaced: Cow<'_, [u8]> = match escaped.contains(&b'+') {
        true => escaped.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect(),
        false => escaped.into(),
    };
    percent_decode(&spaced).collect()
}
