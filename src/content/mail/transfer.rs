//! Transfer encodings of bodies (RFC 2045, 6), and uuencode, which is older and still sent.

use std::borrow::Cow;

use mail_parser::decoders::quoted_printable::quoted_printable_decode;

/// Decoded bytes, and what was wrong with the encoded ones.
pub struct Decoded<'a> {
    pub bytes: Cow<'a, [u8]>,
    pub fault: Option<&'static str>,
}

/// Undoes a transfer encoding, as the header field names it.
pub fn decode<'a>(encoding: &str, bytes: &'a [u8]) -> Decoded<'a> {
    let as_sent = |fault| Decoded { bytes: Cow::Borrowed(bytes), fault };
    match token(encoding).as_str() {
        "" | "7bit" | "8bit" | "binary" => as_sent(None),
        "base64" => {
            let Base64 { bytes, has_foreign } = base64(bytes);
            let fault = has_foreign.then_some("has characters that are not base64, which are ignored");
            Decoded { bytes: bytes.into(), fault }
        }
        "quoted-printable" => match quoted_printable_decode(bytes) {
            Some(decoded) => Decoded { bytes: decoded.into(), fault: None },
            None => as_sent(Some("is not valid quoted-printable; it is left as sent")),
        },
        "x-uuencode" | "uuencode" | "x-uue" | "uue" => match uuencoded(bytes) {
            Some(decoded) => Decoded { bytes: decoded.into(), fault: None },
            None => as_sent(Some("is not valid uuencode; it is left as sent")),
        },
        _ => as_sent(Some("has an unknown transfer encoding; it is left as sent")),
    }
}

/// The name of an encoding, in lower case, without comments, quotes and what else senders add.
fn token(encoding: &str) -> String {
    let end = encoding.find(['(', ';']).unwrap_or(encoding.len());
    encoding[..end].trim().trim_matches('"').trim().to_ascii_lowercase()
}

/// Bytes decoded from base64.
pub struct Base64 {
    pub bytes: Vec<u8>,
    /// Whether there were characters beside the alphabet, padding and blanks. They are ignored, as RFC 2045 says.
    pub has_foreign: bool,
}

/// Decodes base64. Padding is optional; what follows it, such as the footer of a mailing list, does not belong to it.
pub fn base64(text: &[u8]) -> Base64 {
    let mut decoded = Base64 { bytes: Vec::with_capacity(text.len() / 4 * 3), has_foreign: false };
    let (mut bits, mut count) = (0_u32, 0_u32);
    let mut rest = text.iter();
    for &byte in rest.by_ref() {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            // Padding ends the data, but only where it can be: a stray sign is passed over.
            b'=' if count % 4 >= 2 => break,
            b' ' | b'\t' | b'\r' | b'\n' => continue,
            _ => {
                decoded.has_foreign = true;
                continue;
            }
        };
        bits = bits << 6 | u32::from(digit);
        count += 1;
        if count % 4 == 0 {
            decoded.bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
    }
    match count % 4 {
        2 => decoded.bytes.push((bits >> 4) as u8),
        3 => decoded.bytes.extend_from_slice(&((bits >> 2) as u16).to_be_bytes()),
        _ => {}
    }
    decoded.has_foreign |= rest.any(|byte| !b"= \t\r\n".contains(byte));
    decoded
}

/// Decodes the data between the lines `begin` and `end`; `None` if there is none.
fn uuencoded(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    lines.find(|line| line.starts_with(b"begin "))?;
    let mut decoded = Vec::new();
    for line in lines {
        let Some((&length, digits)) = line.split_first() else { continue };
        if line == b"end" {
            return Some(decoded);
        }
        let length = usize::from(length.checked_sub(b' ')? & 0x3F);
        let digit = |byte: &u8| byte.wrapping_sub(b' ') & 0x3F;
        let mut line_bytes = Vec::with_capacity(length + 3);
        for group in digits.chunks(4) {
            let bits = (0..4).fold(0_u32, |bits, at| bits << 6 | u32::from(group.get(at).map_or(0, digit)));
            line_bytes.extend_from_slice(&bits.to_be_bytes()[1..]);
        }
        // Some programs leave out blanks at the ends of lines, which are zeros.
        line_bytes.resize(length, 0);
        decoded.extend_from_slice(&line_bytes);
    }
    // Without the last line, the data may be incomplete, but is all there is.
    (!decoded.is_empty()).then_some(decoded)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn uuencode_is_decoded() {
        let encoded = b"begin 644 cat.txt\n#0V%T\n`\nend\n";
        assert_eq!(uuencoded(encoded).as_deref(), Some(&b"Cat"[..]));
        assert_eq!(uuencoded(b"no data"), None);
    }

    #[test]
    fn names_of_encodings_have_many_spellings() {
        for name in ["base64", "BASE64", "\"base64\"", "base64;", "base64 (x)", " base64 "] {
            assert_eq!(decode(name, b"Q2F0").bytes, &b"Cat"[..], "{name}");
        }
        assert!(decode("8bit", b"x").fault.is_none());
        assert!(decode("x-other", b"x").fault.is_some());
    }

    proptest! {
        #[test]
        fn base64_is_decoded_with_and_without_padding(bytes: Vec<u8>, footer in "\n[!_-]{0,9}") {
            prop_assert_eq!(&base64(STANDARD.encode(&bytes).as_bytes()).bytes, &bytes);
            let unpadded = base64(format!("{}{footer}", STANDARD_NO_PAD.encode(&bytes)).as_bytes());
            prop_assert_eq!(unpadded.has_foreign, footer.len() > 1);
            prop_assert_eq!(&unpadded.bytes, &bytes);
        }

        #[test]
        fn any_bytes_are_decoded_without_a_panic(encoding in "base64|x-uuencode|quoted-printable|x", bytes: Vec<u8>) {
            let text = [b"begin 644 a\n", &bytes[..]].concat();
            decode(&encoding, &text);
        }
    }
}
