//! The header fields of a mail or of one of its parts.
//!
//! This module splits and unfolds the header block leniently, skips malformed lines, and mends what senders do to encoded
//! words and parameters. The library parses the values (addresses, ids, encoded words). Its time for encoded words and parameters can be quadratic, so these have their own
//! limits.
//!
//! Limits, for all parts of a mail together: [`FIELDS_MAX`], [`BYTES_MAX`]; for one value: [`ENCODED_WORDS_MAX`],
//! [`PARAMETERS_BYTES_MAX`].

use mail_parser::parsers::MessageStream;
use mail_parser::{ContentType, HeaderValue};
use memchr::memmem;
use serde_json::{Map, Value};

use super::{Address, address, date, parameters, words};
use crate::base::time::Timestamp;
use crate::content::ContentError;

/// The most header fields of a mail.
const FIELDS_MAX: usize = 2_000;
/// The largest size of all header fields.
const BYTES_MAX: usize = 256 * 1024;
/// A value with more encoded words is not decoded.
const ENCODED_WORDS_MAX: usize = 500;
/// How many bytes after a malformed line are looked at to find out whether it belongs to the body.
const BYTES_AHEAD_MAX: usize = 4_096;
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

/// Header fields in order: the name in lower case, and the value, unfolded and with a trailing line break.
#[derive(Default)]
pub struct Headers {
    fields: Vec<(String, Vec<u8>)>,
    /// Whether the body began without an empty line.
    pub lacks_end: bool,
}

impl Headers {
    /// Splits the header block, up to the empty line, from the rest.
    pub fn split<'a>(bytes: &'a [u8], allowance: &mut Allowance) -> Result<(Headers, &'a [u8]), ContentError> {
        let too_many =
            |limit: String| ContentError::TooLarge(format!("the mail has more than {limit} of header fields"));
        let mut headers = Headers::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |end| end + 1);
            let (line, after) = rest.split_at(length);
            let is_blank = line.trim_ascii().is_empty();
            let is_end = is_blank && !is_folded(line);
            if !is_end
                && (is_blank || !is_folded(line) && name(line).is_none())
                && is_body(after)
                && !headers.is_empty()
            {
                headers.lacks_end = true;
                rest = if is_blank { after } else { rest };
                break;
            }
            rest = after;
            if is_end {
                break;
            }
            allowance.bytes =
                allowance.bytes.checked_sub(length).ok_or_else(|| too_many(format!("{BYTES_MAX} bytes")))?;
            if headers.take(line) {
                allowance.fields = allowance.fields.checked_sub(1).ok_or_else(|| too_many(FIELDS_MAX.to_string()))?;
            }
        }
        for (_, value) in &mut headers.fields {
            if memmem::find(value, b"=?").is_some() && !has_too_many_words(value) {
                *value = words::normalized(value);
            }
            value.push(b'\n');
        }
        Ok((headers, rest))
    }

    /// Adds a line; returns whether it starts a field.
    fn take(&mut self, line: &[u8]) -> bool {
        let without_break = line.trim_ascii_end();
        if is_folded(line) {
            if let Some((_, value)) = self.fields.last_mut() {
                value.push(b' ');
                value.extend_from_slice(without_break.trim_ascii_start());
            }
            return false;
        }
        let Some(found) = name(line) else { return false };
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or_default();
        let value = without_break.get(colon + 1..).unwrap_or_default();
        self.fields.push((String::from_utf8_lossy(found).to_ascii_lowercase(), value.to_vec()));
        true
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
        self.fields.is_empty()
    }

    pub fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(present, _)| present == name).map(|(_, value)| value.as_slice())
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
        date::parse(&String::from_utf8_lossy(self.values(name).next()?))
    }

    /// The first value of a name as a content type or disposition, with its parameters.
    pub fn content_type(&self, name: &str) -> Option<ContentType<'static>> {
        let value = self.values(name).next().filter(|value| value.len() <= PARAMETERS_BYTES_MAX)?;
        let joined = parameters::joined(value);
        match MessageStream::new(joined.as_deref().unwrap_or(value)).parse_content_type().into_owned() {
            HeaderValue::ContentType(content_type) => Some(content_type),
            _ => None,
        }
    }

    /// All fields as JSON: each name with the list of its values as text.
    pub fn to_json(&self) -> Map<String, Value> {
        let mut members = Map::new();
        for (name, value) in &self.fields {
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
    addresses.iter().map(|found| address::mended(owned(&found.name), owned(&found.address))).collect()
}

/// The name in a line that begins a field.
fn name(line: &[u8]) -> Option<&[u8]> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let name = line[..colon].trim_ascii_end();
    (!name.is_empty() && name.iter().all(u8::is_ascii_graphic)).then_some(name)
}

/// Whether a line goes on with the value before it.
fn is_folded(line: &[u8]) -> bool {
    line.starts_with(b" ") || line.starts_with(b"\t")
}

/// Whether what follows a line that is no header field is the body: no field follows before the next empty line.
fn is_body(rest: &[u8]) -> bool {
    let mut lines = rest[..rest.len().min(BYTES_AHEAD_MAX)].split_inclusive(|byte| *byte == b'\n');
    !lines.by_ref().take_while(|line| !line.trim_ascii().is_empty()).any(|line| name(line).is_some())
}
