//! `multipart/form-data`: HTML forms with files.
//!
//! A field is a string. A part with a file name is a file, described by name, type, size, digest and part number; so is
//! a part without one whose content type is not text. The part number locates its bytes in the body. The text of fields
//! is in the encoding that the part declares, else in that of the field `_charset_` or of the whole body, else UTF-8.
//!
//! Limits: [`PARTS_MAX`], and those of [`field_tree`](super::field_tree).

use std::future::Future;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use futures_util::FutureExt;
use futures_util::stream;
use multer::Multipart;
use serde_json::{Value, json};

use super::disposition::Disposition;
use super::field_tree::FieldTree;
use super::form::CHARSET_FIELD;
use super::media_type::MediaType;
use super::notes::Notes;
use super::{ContentError, sha256, text};

/// The most parts of a body.
pub(super) const PARTS_MAX: usize = 1_000;
/// The longest boundary; RFC 2046 allows 70.
const BOUNDARY_BYTES_MAX: usize = 200;

/// A file in a body.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The name as sent, which may contain folders and any characters.
    pub name: String,
    pub content_type: Option<String>,
    pub bytes: Bytes,
}

/// A part: a file, or a field.
pub(super) struct Part {
    /// Empty if the part has no name.
    pub name: String,
    pub file_name: Option<String>,
    pub content_type: Option<String>,
    pub bytes: Bytes,
}

/// Parses a form with files. `boundary` and `charset` are those of the content type.
pub(super) fn read(
    body: &Bytes,
    boundary: Option<&str>,
    charset: Option<&'static Encoding>,
    notes: &mut Notes,
) -> Result<Value, ContentError> {
    let mut reader = PartReader::of(body, boundary)?;
    let mut parts = Vec::new();
    while let Some(part) = reader.next()? {
        parts.push(part);
    }
    let named = parts.iter().find(|part| part.name.as_bytes() == CHARSET_FIELD);
    let named = named.and_then(|part| text::encoding_of_label(std::str::from_utf8(&part.bytes).ok()?));
    let encoding = named.or(charset).unwrap_or(UTF_8);
    let mut tree = FieldTree::default();
    for (part, number) in parts.iter().zip(1..) {
        let place = place(number);
        let value = match part.is_file() {
            false => Value::String(part.text(encoding, &place, notes)),
            // Browsers send this for a file input without a file.
            true if part.file_name.as_deref() == Some("") && part.bytes.is_empty() => Value::Null,
            true => json!({
                "name": part.file_name,
                "contentType": part.content_type,
                "sizeBytes": part.bytes.len(),
                "sha256": sha256(&part.bytes),
                "part": number,
            }),
        };
        tree.add(&part.name, value, &place, notes)?;
    }
    Ok(tree.finish())
}

/// The file in a part; `None` if there is no such part, or it is a field.
pub(super) fn file(body: &Bytes, boundary: Option<&str>, number: usize) -> Result<Option<File>, ContentError> {
    let mut reader = PartReader::of(body, boundary)?;
    while let Some(part) = reader.next()? {
        if reader.number == number {
            return Ok(part.into_file());
        }
    }
    Ok(None)
}

impl Part {
    /// Whether the part is a file: it has a file name, or a content type that is not text.
    pub fn is_file(&self) -> bool {
        let is_text = |content_type: &String| {
            let media_type = MediaType::of(content_type);
            let is_form = media_type.essence == super::FORM;
            media_type.essence.starts_with("text/") || media_type.is("json") || media_type.is("xml") || is_form
        };
        self.file_name.is_some() || !self.content_type.as_ref().is_none_or(is_text)
    }

    /// The value of a field, in the encoding that the part declares, or else in `encoding`.
    fn text(&self, encoding: &'static Encoding, place: &str, notes: &mut Notes) -> String {
        let charset = self.content_type.as_ref().and_then(|content_type| MediaType::of(content_type).charset());
        let declared = charset.and_then(|charset| text::encoding(&charset, notes));
        text::decode(&self.bytes, declared.unwrap_or(encoding), place, notes).into_owned()
    }

    /// The file; `None` for a field.
    pub fn into_file(self) -> Option<File> {
        let is_file = self.is_file();
        let name = self.file_name.unwrap_or_else(|| self.name.clone());
        is_file.then_some(File { name, content_type: self.content_type, bytes: self.bytes })
    }
}

/// Reads the parts of a body one by one.
pub(super) struct PartReader {
    multipart: Multipart<'static>,
    /// The number of the part that was read last, counted from 1.
    pub number: usize,
}

impl PartReader {
    /// If the content type names no boundary, it is the first line of the body.
    pub fn of(body: &Bytes, boundary: Option<&str>) -> Result<PartReader, ContentError> {
        let boundary = boundary.map(str::to_owned).or_else(|| first_line(body));
        let boundary = boundary.filter(|boundary| boundary.len() <= BOUNDARY_BYTES_MAX).ok_or_else(|| {
            let detail = format!("`multipart/form-data` needs a boundary of 1 to {BOUNDARY_BYTES_MAX} characters");
            ContentError::Malformed(detail)
        })?;
        let whole = stream::iter([Ok::<Bytes, std::convert::Infallible>(body.clone())]);
        Ok(PartReader { multipart: Multipart::new(whole, boundary), number: 0 })
    }

    pub fn next(&mut self) -> Result<Option<Part>, ContentError> {
        self.number += 1;
        let place = place(self.number);
        let Some(part) = at_once(self.multipart.next_field(), &place)? else { return Ok(None) };
        if self.number > PARTS_MAX {
            return Err(ContentError::TooLarge(format!("the body has more than {PARTS_MAX} parts")));
        }
        let header = |name: &str| part.headers().get(name).map(|value| value.as_bytes().to_vec());
        let disposition = Disposition::of(&header("content-disposition").unwrap_or_default());
        let content_type = header("content-type").map(|value| text::name(&value).trim().to_owned());
        let content_type = content_type.filter(|content_type| !content_type.is_empty());
        let bytes = at_once(part.bytes(), &place)?;
        let Disposition { name, file_name } = disposition;
        Ok(Some(Part { name: name.unwrap_or_default(), file_name, content_type, bytes }))
    }
}

fn place(number: usize) -> String {
    format!("part {number}")
}

/// The boundary in the first line of a body.
fn first_line(body: &[u8]) -> Option<String> {
    let line = body.split(|byte| *byte == b'\n').next()?.trim_ascii_end().strip_prefix(b"--")?;
    std::str::from_utf8(line).ok().filter(|boundary| !boundary.is_empty()).map(str::to_owned)
}

/// Runs a future of the streaming library on a complete body. The future is pending only if the body is truncated.
fn at_once<T>(future: impl Future<Output = multer::Result<T>>, place: &str) -> Result<T, ContentError> {
    let malformed =
        |detail: String| ContentError::Malformed(format!("the body is not valid multipart in {place}: {detail}"));
    match future.now_or_never() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(malformed(error.to_string())),
        None => Err(malformed("the body is truncated".to_owned())),
    }
}
