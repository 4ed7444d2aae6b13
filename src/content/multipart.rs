//! `multipart/form-data`: what web pages send from forms with files.
//!
//! A field is a text; a part with a file name is a file, which is described by its name, type, size, digest and the number
//! of its part. Its bytes are found again in the body by that number.
//!
//! Limit: [`PARTS_MAX`], and those of [`names`](super::names).

use std::future::Future;

use bytes::Bytes;
use encoding_rs::UTF_8;
use futures_util::FutureExt;
use futures_util::stream;
use mime::Mime;
use multer::Multipart;
use serde_json::{Value, json};

use super::names::Names;
use super::{ContentError, sha256, text};

/// How many parts a body may have.
const PARTS_MAX: usize = 100;
/// The longest boundary that RFC 2046 allows.
const BOUNDARY_BYTES_MAX: usize = 70;

/// A file within a body.
#[derive(Clone, Debug, PartialEq)]
pub struct File {
    /// As it was sent: it may have folders in it, or anything else.
    pub name: String,
    pub content_type: Option<String>,
    pub bytes: Bytes,
}

/// What a part is.
enum Part {
    Field(Value),
    File(File),
}

/// The boundary that a content type tells.
pub(super) fn boundary(media_type: &Mime) -> Result<String, ContentError> {
    let boundary = media_type.get_param(mime::BOUNDARY).map(|boundary| boundary.as_str().to_owned());
    boundary.filter(|boundary| (1..=BOUNDARY_BYTES_MAX).contains(&boundary.len())).ok_or_else(|| {
        let detail = format!("`multipart/form-data` needs a boundary of 1 to {BOUNDARY_BYTES_MAX} characters");
        ContentError::Unsupported(detail)
    })
}

/// Reads a form with files.
pub(super) fn read(body: &Bytes, boundary: &str) -> Result<Value, ContentError> {
    let mut names = Names::default();
    let mut parts = Parts::of(body, boundary);
    while let Some((name, part)) = parts.next()? {
        let value = match part {
            Part::Field(text) => text,
            // What a browser sends for an input without a file.
            Part::File(file) if file.name.is_empty() && file.bytes.is_empty() => Value::Null,
            Part::File(file) => json!({
                "name": file.name,
                "contentType": file.content_type,
                "sizeBytes": file.bytes.len(),
                "sha256": sha256(&file.bytes),
                "part": parts.number,
            }),
        };
        names.add(&name, value, &parts.place())?;
    }
    Ok(names.finish())
}

/// The file that is this part; none if there is no such part, or it is a field.
pub(super) fn file(body: &Bytes, boundary: &str, number: usize) -> Result<Option<File>, ContentError> {
    let mut parts = Parts::of(body, boundary);
    while let Some((_, part)) = parts.next()? {
        match part {
            Part::File(file) if parts.number == number => return Ok(Some(file)),
            _ => {}
        }
    }
    Ok(None)
}

/// The parts, one after the other.
struct Parts {
    multipart: Multipart<'static>,
    /// Of the part that was read last, counted from 1.
    number: usize,
}

impl Parts {
    fn of(body: &Bytes, boundary: &str) -> Parts {
        let whole = stream::iter([Ok::<Bytes, std::convert::Infallible>(body.clone())]);
        Parts { multipart: Multipart::new(whole, boundary), number: 0 }
    }

    fn next(&mut self) -> Result<Option<(String, Part)>, ContentError> {
        self.number += 1;
        let place = self.place();
        let Some(part) = at_once(self.multipart.next_field(), &place)? else { return Ok(None) };
        if self.number > PARTS_MAX {
            return Err(ContentError::TooLarge(format!("the body has more than {PARTS_MAX} parts")));
        }
        let name = part.name().unwrap_or_default().to_owned();
        let file_name = part.file_name().map(str::to_owned);
        let content_type = part.content_type().cloned();
        let bytes = at_once(part.bytes(), &place)?;
        let part = match file_name {
            Some(name) => Part::File(File { name, content_type: content_type.map(|kind| kind.to_string()), bytes }),
            None => {
                let charset = content_type.as_ref().map_or(Ok(None), text::charset);
                let decoded =
                    charset.and_then(|charset| text::decode(&bytes, charset.unwrap_or(UTF_8)).map(Value::from));
                Part::Field(decoded.map_err(|error| error.within(&place))?)
            }
        };
        Ok(Some((name, part)))
    }

    fn place(&self) -> String {
        format!("part {}", self.number)
    }
}

/// What the library, which reads streams, gives for a body that is there as a whole. It waits for more only where the
/// body ends early.
fn at_once<T>(future: impl Future<Output = multer::Result<T>>, place: &str) -> Result<T, ContentError> {
    let malformed =
        |detail: String| ContentError::Malformed(format!("the body is not valid multipart in {place}: {detail}"));
    match future.now_or_never() {
        Some(Ok(value)) => Ok(value),
        Some(Err(error)) => Err(malformed(error.to_string())),
        None => Err(malformed("it ends early".to_owned())),
    }
}
