//! `multipart/form-data`: HTML forms with files.
//!
//! A field is a string. A part with a file name is a file, described by name, type, size, digest and part number. The
//! part number locates its bytes in the body.
//!
//! Limits: [`PARTS_MAX`], and those of [`field_tree`](super::field_tree).

use std::borrow::Cow;
use std::future::Future;

use bytes::Bytes;
use encoding_rs::UTF_8;
use futures_util::FutureExt;
use futures_util::stream;
use mime::Mime;
use multer::Multipart;
use serde_json::{Value, json};

use super::field_tree::FieldTree;
use super::{ContentError, sha256, text};

/// The most parts of a body.
const PARTS_MAX: usize = 100;
/// The longest boundary that RFC 2046 allows.
const BOUNDARY_BYTES_MAX: usize = 70;

/// A file in a body.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// The name as sent, which may contain folders and any characters.
    pub name: String,
    pub content_type: Option<String>,
    pub bytes: Bytes,
}

/// A part: a file if it has a file name, otherwise a field.
pub(super) struct Part {
    pub name: String,
    pub file_name: Option<String>,
    pub content_type: Option<Mime>,
    pub bytes: Bytes,
}

/// The boundary in a content type.
pub(super) fn boundary(media_type: &Mime) -> Result<String, ContentError> {
    let boundary = media_type.get_param(mime::BOUNDARY).map(|boundary| boundary.as_str().to_owned());
    boundary.filter(|boundary| (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())).ok_or_else(|| {
        let detail = format!("`multipart/form-data` needs a boundary of 1 to {BOUNDARY_BYTES_MAX} characters");
        ContentError::Unsupported(detail)
    })
}

/// Parses a form with files.
pub(super) fn read(body: &Bytes, boundary: &str) -> Result<Value, ContentError> {
    let mut tree = FieldTree::default();
    let mut parts = PartReader::of(body, boundary, PARTS_MAX);
    while let Some(part) = parts.next()? {
        let place = parts.place();
        let value = match &part.file_name {
            None => Value::String(part.text().map_err(|error| error.within(&place))?),
            // Browsers send this for a file input without a file.
            Some(file_name) if file_name.is_empty() && part.bytes.is_empty() => Value::Null,
            Some(file_name) => json!({
                "name": file_name,
                "contentType": part.content_type.as_ref().map(Mime::as_ref),
                "sizeBytes": part.bytes.len(),
                "sha256": sha256(&part.bytes),
                "part": parts.number,
            }),
        };
        tree.add(&part.name, value, &place)?;
    }
    Ok(tree.finish())
}

/// The file in a part; `None` if there is no such part, or it is a field.
pub(super) fn file(body: &Bytes, boundary: &str, number: usize) -> Result<Option<File>, ContentError> {
    let mut parts = PartReader::of(body, boundary, PARTS_MAX);
    while let Some(part) = parts.next()? {
        if parts.number == number {
            return Ok(part.into_file());
        }
    }
    Ok(None)
}

impl Part {
    /// The value of a field, in the encoding that the part declares; UTF-8 by default.
    fn text(&self) -> Result<String, ContentError> {
        let charset = self.content_type.as_ref().map_or(Ok(None), text::charset)?;
        text::decode(&self.bytes, charset.unwrap_or(UTF_8)).map(Cow::into_owned)
    }

    /// The file; `None` for a field.
    pub fn into_file(self) -> Option<File> {
        let content_type = self.content_type.map(|kind| kind.to_string());
        self.file_name.map(|name| File { name, content_type, bytes: self.bytes })
    }
}

/// Reads the parts of a body one by one.
pub(super) struct PartReader {
    multipart: Multipart<'static>,
    parts_max: usize,
    /// The number of the part that was read last, counted from 1.
    pub number: usize,
}

impl PartReader {
    pub fn of(body: &Bytes, boundary: &str, parts_max: usize) -> PartReader {
        let whole = stream::iter([Ok::<Bytes, std::convert::Infallible>(body.clone())]);
        PartReader { multipart: Multipart::new(whole, boundary), parts_max, number: 0 }
    }

    pub fn next(&mut self) -> Result<Option<Part>, ContentError> {
        self.number += 1;
        let place = self.place();
        let Some(part) = at_once(self.multipart.next_field(), &place)? else { return Ok(None) };
        if self.number > self.parts_max {
            return Err(ContentError::TooLarge(format!("the body has more than {} parts", self.parts_max)));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let content_type = part.content_type().cloned();
        let bytes = at_once(part.bytes(), &place)?;
        Ok(Some(Part { name, file_name, content_type, bytes }))
    }

    fn place(&self) -> String {
        format!("part {}", self.number)
    }
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
