//! `application/x-www-form-urlencoded`: what web pages send from forms without files.
//!
//! Limit: [`FIELDS_MAX`], and those of [`names`](super::names).

use std::borrow::Cow;

use encoding_rs::Encoding;
use percent_encoding::percent_decode;
use serde_json::Value;

use super::names::Names;
use super::{ContentError, text};

/// How many fields a form may have.
const FIELDS_MAX: usize = 1_000;

/// Reads a form; all values are texts.
pub(super) fn read(body: &[u8], encoding: &'static Encoding) -> Result<Value, ContentError> {
    let mut names = Names::default();
    let fields = body.split(|byte| *byte == b'&').filter(|field| !field.is_empty());
    for (index, field) in fields.enumerate() {
        if index == FIELDS_MAX {
            return Err(ContentError::TooLarge(format!("the form has more than {FIELDS_MAX} fields")));
        }
        let place = format!("field {}", index + 1);
        let (name, value) = match field.iter().position(|byte| *byte == b'=') {
            Some(equals) => (&field[..equals], &field[equals + 1..]),
            None => (field, &[][..]),
        };
        let name = decode(name, encoding, &place)?;
        let value = decode(value, encoding, &place)?;
        names.add(&name, Value::String(value), &place)?;
    }
    Ok(names.finish())
}

fn decode(escaped: &[u8], encoding: &'static Encoding, place: &str) -> Result<String, ContentError> {
    let spaced: Cow<'_, [u8]> = match escaped.contains(&b'+') {
        true => escaped.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect(),
        false => escaped.into(),
    };
    let bytes: Cow<'_, [u8]> = percent_decode(&spaced).into();
    text::decode(&bytes, encoding).map(Cow::into_owned).map_err(|error| error.within(place))
}
