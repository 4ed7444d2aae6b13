//! The header `Content-Disposition` of a part: the names of the field and of the file.
//!
//! Names are UTF-8 or Latin-1, quoted or not. `filename*` (RFC 8187), which some programs send alone, wins over
//! `filename`. A backslash escapes a quotation mark or another backslash; before anything else it is part of a path.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::text;

#[derive(Debug, Default, PartialEq)]
pub(super) struct Disposition {
    pub name: Option<String>,
    pub file_name: Option<String>,
}

impl Disposition {
    pub fn of(header: &[u8]) -> Disposition {
        let parameters = parameters(header);
        let plain = |name: &str| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value);
        let text = |name: &str| {
            let extended = plain(&format!("{name}*")).and_then(|value| extended(value));
            extended.or_else(|| plain(name).map(|value| text::name(value).into_owned()))
        };
        Disposition { name: text("name"), file_name: text("filename") }
    }
}

/// The parameters after the type, with names in lower case and unquoted values.
fn parameters(header: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut parameters = Vec::new();
    let mut rest = header;
    while let Some(semicolon) = rest.iter().position(|byte| *byte == b';') {
        rest = rest[semicolon + 1..].trim_ascii_start();
        let end = rest.iter().position(|byte| matches!(byte, b'=' | b';')).unwrap_or(rest.len());
        if rest.get(end) != Some(&b'=') {
            rest = &rest[end..];
            continue;
        }
        let name = String::from_utf8_lossy(rest[..end].trim_ascii()).to_ascii_lowercase();
        let (value, tail) = value(rest[end + 1..].trim_ascii_start());
        parameters.push((name, value.into_owned()));
        rest = tail;
    }
    parameters
}

/// The value at the start of `text`, and what follows it.
fn value(text: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        let end = text.iter().position(|byte| *byte == b';').unwrap_or(text.len());
        return (Cow::Borrowed(text[..end].trim_ascii_end()), &text[end..]);
    };
    let mut value = Vec::new();
    let mut position = 0;
    while let Some(byte) = quoted.get(position) {
        match (byte, quoted.get(position + 1)) {
            (b'"', _) => return (Cow::Owned(value), &quoted[position + 1..]),
            (b'\\', Some(escaped @ (b'"' | b'\\'))) => {
                value.push(*escaped);
                position += 2;
            }
            _ => {
                value.push(*byte);
                position += 1;
            }
        }
    }
    (Cow::Owned(value), &[])
}

/// An extended value: `UTF-8'en'na%C3%AFve`.
fn extended(value: &[u8]) -> Option<String> {
    let mut pieces = value.splitn(3, |byte| *byte == b'\'');
    let (charset, _language, escaped) = (pieces.next()?, pieces.next()?, pieces.next()?);
    let encoding = text::encoding_of_label(std::str::from_utf8(charset).ok()?)?;
    let bytes: Vec<u8> = percent_decode(escaped).collect();
    Some(encoding.decode_without_bom_handling(&bytes).0.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_are_found_however_they_are_written() {
        let read = |header: &[u8]| {
            let Disposition { name, file_name } = Disposition::of(header);
            (name.unwrap_or_default(), file_name)
        };
        let file = |name: &str| ("f".to_owned(), Some(name.to_owned()));
        for (header, name) in [
            (&b"form-data; name=\"f\"; filename=\"a.txt\""[..], "a.txt"),
            (b"form-data; name=f; filename=a.txt", "a.txt"),
            (b"form-data;NAME=f;FileName=\"a;b.txt\"", "a;b.txt"),
            (b"form-data; name=f; filename*=UTF-8''na%C3%AFve.txt", "na\u{ef}ve.txt"),
            (b"form-data; name=f; filename=fallback.txt; filename*=UTF-8''na%C3%AFve.txt", "na\u{ef}ve.txt"),
            (b"form-data; name=f; filename*=iso-8859-1'en'%E9; filename=x", "\u{e9}"),
            (b"form-data; name=f; filename*=unknown''%E9; filename=x", "x"),
            (b"form-data; name=f; filename=\"caf\xE9.txt\"", "caf\u{e9}.txt"),
            (b"form-data; name=f; filename=\"C:\\dir\\\"b\\\".txt\"", "C:\\dir\"b\".txt"),
            (b"form-data; name=f; filename=\"\"", ""),
        ] {
            assert_eq!(read(header), file(name), "{}", String::from_utf8_lossy(header));
        }
        assert_eq!(read(b"form-data; name=\"na\xEFve\""), ("na\u{ef}ve".to_owned(), None));
        assert_eq!(Disposition::of(b"form-data"), Disposition::default());
        assert_eq!(Disposition::of(b"form-data; filename"), Disposition::default());
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in prop::collection::vec(any::<u8>(), 0..80), tail in "[a-z*=;'\"\\\\ %]{0,40}") {
            let _ = Disposition::of(&header);
            let _ = Disposition::of(format!("form-data; name={tail}").as_bytes());
        }
    }
}
