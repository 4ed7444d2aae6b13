//! Text in any character encoding.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use mime::Mime;

use super::ContentError;

/// The character encoding in a content type, if any.
pub(super) fn charset(media_type: &Mime) -> Result<Option<&'static Encoding>, ContentError> {
    let Some(label) = media_type.get_param(mime::CHARSET) else { return Ok(None) };
    let encoding = Encoding::for_label_no_replacement(label.as_str().as_bytes());
    let unknown = || ContentError::Unsupported(format!("charset {label} is not supported; use UTF-8"));
    encoding.map(Some).ok_or_else(unknown)
}

/// Whether a charset is UTF-8 or a subset.
pub(super) fn is_utf_8(charset: &str) -> bool {
    Encoding::for_label(charset.as_bytes()) == Some(UTF_8) || charset.eq_ignore_ascii_case("us-ascii")
}

/// Decodes a whole body, in the encoding of its byte order mark, or else in `encoding`.
pub(super) fn document<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Result<Cow<'a, str>, ContentError> {
    let (encoding, mark_length) = Encoding::for_bom(bytes).unwrap_or((encoding, 0));
    decode(&bytes[mark_length..], encoding)
}

/// Decodes text within a body.
pub(super) fn decode<'a>(bytes: &'a [u8], encoding: &'static Encoding) -> Result<Cow<'a, str>, ContentError> {
    let malformed =
        |place: String| ContentError::Malformed(format!("the text is not valid {}{place}", encoding.name()));
    if encoding == UTF_8 {
        let at = |error: std::str::Utf8Error| malformed(format!(" at byte {}", error.valid_up_to() + 1));
        return std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(at);
    }
    encoding.decode_without_bom_handling_and_without_replacement(bytes).ok_or_else(|| malformed(String::new()))
}
