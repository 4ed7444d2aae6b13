//! `application/x-www-form-urlencoded`: HTML forms without files.
//!
//! Limits: [`FIELDS_MAX`], and those of [`field_tree`](super::field_tree).

use std::borrow::Cow;

use encoding_rs::Encoding;
use percent_encoding::percent_decode;
use serde_json::Value;

use super::field_tree::FieldTree;
use super::{ContentError, text};

/// The most fields of a form.
const FIELDS_MAX: usize = 1_000;

/// Parses a form; all values are strings.
pub(super) fn read(body: &[u8], encoding: &'static Encoding) -> Result<Value, ContentError> {
    let mut tree = FieldTree::default();
    for (index, (name, value)) in fields(body).enumerate() {
        if index == FIELDS_MAX {
            return Err(ContentError::TooLarge(format!("the form has more than {FIELDS_MAX} fields")));
        }
        let place = format!("field {}", index + 1);
        let decode =
            |bytes: &[u8]| text::decode(bytes, encoding).map(Cow::into_owned).map_err(|error| error.within(&place));
        let (name, value) = (decode(&name)?, decode(&value)?);
        tree.add(&name, Value::String(value), &place)?;
    }
    Ok(tree.finish())
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
