//! The header fields of a mail or of one of its parts.
//!
//! This module splits the header block leniently and skips malformed lines. The library parses the values (addresses,
//! ids, dates, encoded words). Its time for encoded words and parameters can be quadratic, so these have their own
//! limits.
//!
//! Limits, for all parts of a mail together: [`FIELDS_MAX`], [`BYTES_MAX`]; for one value: [`ENCODED_WORDS_MAX`],
//! [`PARAMETERS_BYTES_MAX`].

use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};
use serde_json::{Map, Value};

use super::Address;
use crate::base::time::Timestamp;
use crate::content::ContentError;

/// The most header fields of a mail.
const FIELDS_MAX: usize = 2_000;
/// The largest size of all header fields.
const BYTES_MAX: usize = 256 * 1024;
/// A value with more encoded words is not decoded.
const ENCODED_WORDS_MAX: usize = 500;
/// A longer content type or disposition is ignored.
const PARAMETERS_BYTES_MAX: usize = 16 * 1024;

/// The remaining limits on header fields.
pub struct Allowance {
    fields: usize,
    bytes: usize,
}

impl Default for Allowance {
    fn default() -> Allowance {
        Allowance { fields: FIELDS_MAX, bytes: BYTES_MAX }
    }
}

/// Header fields in order: the name in lower case, and the value as sent, with a trailing line break.
#[derive(Default)]
pub struct Headers(Vec<(String, Vec<u8>)>);

impl Headers {
    /// Splits the header block, up to the empty line, from the rest.
    pub fn split<'a>(bytes: &'a [u8], allowance: &mut Allowance) -> Result<(Headers, &'a [u8]), ContentError> {
        let too_many =
            |limit: String| ContentError::TooLarge(format!("the mail has more than {limit} of header fields"));
        let mut headers = Headers::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            let line;
            (line, rest) = rest.split_at(length);
            if line.trim_ascii().is_empty() && !line.starts_with(b" ") && !line.starts_with(b"\t") {
                break;
            }
            allowance.bytes =
                allowance.bytes.checked_sub(length).ok_or_else(|| too_many(format!("{BYTES_MAX} bytes")))?;
            if headers.take(line) {
                allowance.fields = allowance.fields.checked_sub(1).ok_or_else(|| too_many(FIELDS_MAX.to_string()))?;
            }
        }
        headers.0.iter_mut().filter(|(_, value)| !value.ends_with(b"\n")).for_each(|(_, value)| value.push(b'\n'));
        Ok((headers, rest))
    }

    /// Adds a line; returns whether it starts a field.
    fn take(&mut self, line: &[u8]) -> bool {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            if let Some((_, value)) = self.0.last_mut() {
                value.extend_from_slice(line);
            }
            return false;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { return false };
        let name = line[..colon].trim_ascii_end();
        let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        if is_name {
            let name = String::from_utf8_lossy(name).to_ascii_lowercase();
            self.0.push((name, line[colon + 1..].to_vec()));
        }
        is_name
    }

    /// Header fields that are already split.
    pub fn from_pairs<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Headers, ContentError> {
        let mut block = Vec::new();
        for (name, value) in pairs {
            // A line break in a value must not start another field.
            let value = value.replace(['\r', '\n'], " ");
            block.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
        }
        Ok(Headers::split(&block, &mut Allowance::default())?.0)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(present, _)| present == name).map(|(_, value)| value.as_slice())
    }

    /// The first value of a name, as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.values(name).next().map(text)
    }

    /// The addresses in all values of a name.
    pub fn addresses(&self, name: &str) -> Vec<Address> {
        self.values(name).flat_map(addresses).collect()
    }

    /// The message ids in all values of a name, without brackets.
    pub fn ids(&self, name: &str) -> Vec<String> {
        let ids = self.values(name).map(|value| MessageStream::new(value).parse_id());
        ids.flat_map(|ids| match ids {
            HeaderValue::Text(id) => vec![id.into_owned()],
            HeaderValue::TextList(ids) => ids.into_iter().map(|id| id.into_owned()).collect(),
            _ => Vec::new(),
        })
        .collect()
    }

    /// The date in the first value of a name.
    pub fn moment(&self, name: &str) -> Option<Timestamp> {
        moment(self.values(name).next()?)
    }

    /// The first value of a name as a content type or disposition, with its parameters.
    pub fn content_type(&self, name: &str) -> Option<ContentType<'_>> {
        let value = self.values(name).next().filter(|value| value.len() <= PARAMETERS_BYTES_MAX)?;
        match MessageStream::new(value).parse_content_type() {
            HeaderValue::ContentType(content_type) => Some(content_type),
            _ => None,
        }
    }

    /// All fields as JSON: each name with the list of its values as text.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut members = Map::new();
        for (name, value) in &self.0 {
            let values = members.entry(name).or_insert_with(|| Value::Array(Vec::new()));
            values.as_array_mut().into_iter().for_each(|values| values.push(text(value).into()));
        }
        members
    }
}

/// Unfolds a value and decodes its encoded words.
fn text(value: &[u8]) -> String {
    if has_too_many_words(value) {
        return String::from_utf8_lossy(value).split_whitespace().collect::<Vec<_>>().join(" ");
    }
    match MessageStream::new(value).parse_unstructured() {
        HeaderValue::Text(text) => text.trim().to_owned(),
        _ => String::new(),
    }
}

fn has_too_many_words(value: &[u8]) -> bool {
    value.windows(2).filter(|pair| pair == b"=?").nth(ENCODED_WORDS_MAX).is_some()
}

/// The addresses in a value, including those in groups.
fn addresses(value: &[u8]) -> Vec<Address> {
    if has_too_many_words(value) {
        return Vec::new();
    }
    let HeaderValue::Address(addresses) = MessageStream::new(value).parse_address() else { return Vec::new() };
    let owned = |text: &Option<std::borrow::Cow<'_, str>>| text.as_ref().map(|text| text.trim().to_owned());
    addresses.iter().map(|found| Address { name: owned(&found.name), address: owned(&found.address) }).collect()
}

/// Parses a value as a date.
fn moment(value: &[u8]) -> Option<Timestamp> {
    match MessageStream::new(value).parse_date() {
        HeaderValue::DateTime(moment) if moment.is_valid() => Some(Timestamp(moment.to_timestamp() * 1_000_000)),
        _ => None,
    }
}
