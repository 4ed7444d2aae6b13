//! Raw mails: `message/rfc822`, with MIME parts (RFC 2045 to 2049).
//!
//! This module finds the parts itself, so that limits apply during parsing: each level of multiparts is scanned once,
//! and attached mails are not opened. Many senders violate the standards, and rejected mails are rarely corrected, so
//! malformed parts are read as well as possible, with a note.
//!
//! Limits: [`PARTS_MAX`], [`LEVELS_MAX`], and those of [`headers`](super::headers).

use std::borrow::Cow;

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};

use super::headers::{Allowance, Headers};
use super::transfer;
use super::{Attachment, Mail};
use crate::content::{ContentError, File, sha256};

/// The most parts of a mail, without multiparts.
const PARTS_MAX: usize = 200;
/// The deepest nesting of multiparts.
const LEVELS_MAX: usize = 20;

/// Parses a raw mail.
pub fn read(bytes: &[u8]) -> Result<Mail, ContentError> {
    let (headers, parts) = split(bytes)?;
    let lacks_end = headers.lacks_end;
    let mut mail = Mail::of(headers);
    if lacks_end {
        mail.notes.push("the header fields end without an empty line".to_owned());
    }
    let (mut text, mut html) = (Vec::new(), Vec::new());
    for part in &parts {
        let content = part.content(&mut mail.notes);
        match part.media_type.as_str() {
            _ if !part.is_body() => mail.attachments.push(part.described(&content)),
            "text/html" => html.push(part.text(&content, &mut mail.notes)),
            _ => text.push(part.text(&content, &mut mail.notes)),
        }
    }
    let joined = |texts: Vec<String>| (!texts.is_empty()).then(|| texts.join("\n"));
    (mail.text, mail.html) = (joined(text), joined(html));
    Ok(mail)
}

/// The attachment in a part; `None` if the part is not an attachment.
pub fn file(bytes: &[u8], number: usize) -> Result<Option<File>, ContentError> {
    let (_, parts) = split(bytes)?;
    let part = parts.iter().find(|part| part.number == number && !part.is_body());
    Ok(part.map(|part| File {
        name: part.name.clone().unwrap_or_else(|| format!("part-{number}")),
        content_type: Some(part.media_type.clone()),
        bytes: Bytes::from(part.content(&mut Vec::new()).into_owned()),
    }))
}

/// A part without nested parts.
struct Part<'a> {
    /// Counted from 1, in the order of the mail.
    number: usize,
    /// Such as `text/plain`.
    media_type: String,
    charset: Option<String>,
    name: Option<String>,
    /// Such as `attachment`.
    disposition: Option<String>,
    content_id: Option<String>,
    /// Such as `base64`.
    transfer_encoding: String,
    bytes: &'a [u8],
}

fn split(bytes: &[u8]) -> Result<(Headers, Vec<Part<'_>>), ContentError> {
    let mut allowance = Allowance::default();
    let (headers, body) = Headers::split(bytes, &mut allowance)?;
    if headers.is_empty() {
        return Err(ContentError::Malformed(
            "the body is not a mail: it does not begin with a header field".to_owned(),
        ));
    }
    let mut parts = Vec::new();
    collect(&headers, body, Within { levels: 0, is_digest: false }, &mut allowance, &mut parts)?;
    Ok((headers, parts))
}

/// The multipart that contains a part.
#[derive(Clone, Copy)]
struct Within {
    levels: usize,
    /// Whether parts without a content type are mails.
    is_digest: bool,
}

fn collect<'a>(
    headers: &Headers,
    body: &'a [u8],
    within: Within,
    allowance: &mut Allowance,
    parts: &mut Vec<Part<'a>>,
) -> Result<(), ContentError> {
    let content_type = headers.content_type("content-type");
    let content_type = content_type.as_ref();
    let boundary = content_type.filter(|kind| kind.ctype() == "multipart").and_then(|kind| kind.attribute("boundary"));
    // A multipart without its boundary is plain text.
    if let Some(inner) = boundary.and_then(|boundary| between(body, boundary)) {
        if within.levels == LEVELS_MAX {
            return Err(ContentError::TooDeep(format!("the mail nests deeper than {LEVELS_MAX} levels")));
        }
        let is_digest = content_type.and_then(|kind| kind.subtype()) == Some("digest");
        for part in inner {
            let (headers, body) = Headers::split(part, allowance)?;
            collect(&headers, body, Within { levels: within.levels + 1, is_digest }, allowance, parts)?;
        }
        return Ok(());
    }
    if parts.len() == PARTS_MAX {
        return Err(ContentError::TooLarge(format!("the mail has more than {PARTS_MAX} parts")));
    }
    parts.push(Part::of(parts.len() + 1, headers, body, within.is_digest));
    Ok(())
}

/// The parts between the boundaries; `None` if there is no boundary. If the last boundary is missing, the last part
/// ends with the body.
fn between<'a>(body: &'a [u8], boundary: &str) -> Option<Vec<&'a [u8]>> {
    let mut parts = Vec::new();
    let (mut begin, mut position) = (None, 0);
    let mut is_closed = false;
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        let rest = line.strip_prefix(b"--").and_then(|line| line.strip_prefix(boundary.as_bytes()));
        let end = rest.map(<[u8]>::trim_ascii_end).filter(|rest| rest.is_empty() || *rest == b"--");
        if let Some(end) = end {
            parts.extend(begin.map(|begin| without_last_break(&body[begin..position])));
            begin = Some(position + line.len());
            is_closed = end == b"--";
        }
        position += line.len();
        if is_closed {
            break;
        }
    }
    let rest = begin.filter(|_| !is_closed).map(|begin| &body[begin..]);
    parts.extend(rest.filter(|rest| !rest.is_empty()));
    begin.map(|_| parts)
}

/// Removes the line break before a boundary, which belongs to the boundary.
fn without_last_break(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}

impl<'a> Part<'a> {
    fn of(number: usize, headers: &Headers, bytes: &'a [u8], is_in_digest: bool) -> Part<'a> {
        let content_type = headers.content_type("content-type");
        let disposition = headers.content_type("content-disposition");
        let attribute = |name| content_type.as_ref().and_then(|kind| kind.attribute(name)).map(str::to_owned);
        let media_type = match &content_type {
            Some(kind) if kind.ctype() != "multipart" => {
                kind.subtype().map(|subtype| format!("{}/{subtype}", kind.ctype()))
            }
            None if is_in_digest => Some("message/rfc822".to_owned()),
            _ => None,
        };
        let file_name = disposition.as_ref().and_then(|kind| kind.attribute("filename")).map(str::to_owned);
        Part {
            number,
            media_type: media_type.unwrap_or_else(|| "text/plain".to_owned()),
            charset: attribute("charset"),
            name: file_name.or_else(|| attribute("name")),
            disposition: disposition.map(|kind| kind.ctype().to_ascii_lowercase()),
            content_id: headers.ids("content-id").into_iter().next(),
            transfer_encoding: headers.text("content-transfer-encoding").unwrap_or_default(),
            bytes,
        }
    }

    /// Whether the part is text of the mail itself, not an attachment.
    fn is_body(&self) -> bool {
        let is_attachment = self.name.is_some() || self.disposition.as_deref() == Some("attachment");
        matches!(self.media_type.as_str(), "text/plain" | "text/html") && !is_attachment
    }

    /// The bytes without the transfer encoding.
    fn content(&self, notes: &mut Vec<String>) -> Cow<'a, [u8]> {
        let decoded = transfer::decode(&self.transfer_encoding, self.bytes);
        notes.extend(decoded.fault.map(|fault| format!("part {} {fault}", self.number)));
        decoded.bytes
    }

    /// The content as text. `us-ascii` with other characters is read as UTF-8, which it usually is.
    fn text(&self, content: &[u8], notes: &mut Vec<String>) -> String {
        let label = self.charset.as_deref().filter(|label| !label.eq_ignore_ascii_case("us-ascii"));
        let encoding = label.map_or(Some(UTF_8), |label| Encoding::for_label_no_replacement(label.as_bytes()));
        let (text, _, has_replaced) = encoding.unwrap_or(UTF_8).decode(content);
        if encoding.is_none() {
            notes.push(format!("part {} has an unknown charset; it is read as UTF-8", self.number));
        } else if has_replaced {
            notes.push(format!("part {} contains invalid characters, which are replaced by \u{fffd}", self.number));
        }
        text.into_owned()
    }

    fn described(&self, content: &[u8]) -> Attachment {
        let is_inline = match self.disposition.as_deref() {
            Some(disposition) => disposition == "inline",
            None => self.content_id.is_some(),
        };
        Attachment {
            part: self.number,
            name: self.name.clone(),
            content_type: Some(self.media_type.clone()),
            size_bytes: content.len(),
            sha256: sha256(content),
            content_id: self.content_id.clone(),
            is_inline,
        }
    }
}
