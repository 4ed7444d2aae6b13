//! Text in any character encoding.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

use super::notes::Notes;

/// The character encoding with this name. An unknown name leaves a note.
pub(super) fn encoding(name: &str, notes: &mut Notes) -> Option<&'static Encoding> {
    let found = encoding_of_label(name);
    if found.is_none() {
        notes.add(format!("the charset `{name}` is unknown; the text is read as UTF-8"));
    }
    found
}

/// The same without a note. Some senders write `KOI8_R` for `KOI8-R`.
pub(super) fn encoding_of_label(name: &str) -> Option<&'static Encoding> {
    let standard = name.replace('_', "-");
    [name, &standard].iter().find_map(|label| Encoding::for_label_no_replacement(label.as_bytes()))
}

/// Decodes a whole body, in the encoding of its byte order mark, or else in `encoding`.
pub(super) fn document<'a>(bytes: &'a [u8], encoding: &'static Encoding, notes: &mut Notes) -> Cow<'a, str> {
    let (encoding, mark_length) = Encoding::for_bom(bytes).unwrap_or((encoding, 0));
    decode(&bytes[mark_length..], encoding, "the body", notes)
}

/// Decodes text within a body. Invalid characters become U+FFFD, with a note that names the `place`.
pub(super) fn decode<'a>(bytes: &'a [u8], encoding: &'static Encoding, place: &str, notes: &mut Notes) -> Cow<'a, str> {
    let (text, is_lossy) = encoding.decode_without_bom_handling(bytes);
    if is_lossy {
        let name = encoding.name();
        notes.add(format!("{place}: characters that are not valid {name} are replaced by \u{FFFD}"));
    }
    text
}

/// Decodes a name, which is UTF-8 or, in old programs, Latin-1.
pub(super) fn name(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(name) => Cow::Borrowed(name),
        Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// Whether the bytes are valid in `encoding`.
pub(super) fn is_valid(bytes: &[u8], encoding: &'static Encoding) -> bool {
    match encoding == UTF_8 {
        true => std::str::from_utf8(bytes).is_ok(),
        false => encoding.decode_without_bom_handling_and_without_replacement(bytes).is_some(),
    }
}
