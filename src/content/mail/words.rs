//! Encoded words (RFC 2047) as senders really write them: base64 without its padding, and words that end within a
//! character.
//!
//! Words that stand next to each other in the same character encoding become one word, in base64, before the library
//! decodes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::transfer;

/// A word before it is decoded to text.
struct Word {
    charset: String,
    bytes: Vec<u8>,
}

/// The value with neighbouring words joined, and all words in valid base64.
pub fn normalized(value: &[u8]) -> Vec<u8> {
    let mut written = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some(start) = memchr::memmem::find(rest, b"=?") {
        written.extend_from_slice(&rest[..start]);
        let Some((word, after)) = word(&rest[start..]) else {
            written.extend_from_slice(b"=?");
            rest = &rest[start + 2..];
            continue;
        };
        rest = write_with_neighbours(word, after, &mut written);
    }
    written.extend_from_slice(rest);
    written
}

/// Writes a word and those after it; returns the rest of the value.
fn write_with_neighbours<'v>(mut word: Word, mut after: &'v [u8], written: &mut Vec<u8>) -> &'v [u8] {
    loop {
        let next = self::word(after.trim_ascii_start());
        match next {
            Some((next, rest)) if next.charset == word.charset => {
                word.bytes.extend_from_slice(&next.bytes);
                after = rest;
            }
            Some((next, rest)) => {
                word.write(written);
                // Blanks between words are not part of the text.
                written.push(b' ');
                (word, after) = (next, rest);
            }
            None => {
                word.write(written);
                return after;
            }
        }
    }
}

/// The word at the beginning of a value, and the rest.
fn word(value: &[u8]) -> Option<(Word, &[u8])> {
    let rest = value.strip_prefix(b"=?")?;
    let (charset, rest) = split(rest, b'?')?;
    let (encoding, rest) = split(rest, b'?')?;
    let end = memchr::memmem::find(rest, b"?=")?;
    let (text, after) = (&rest[..end], &rest[end + 2..]);
    let is_token = |text: &[u8]| !text.is_empty() && text.iter().all(|byte| byte.is_ascii_graphic());
    let bytes = match encoding {
        _ if !is_token(charset) || text.contains(&b'?') => return None,
        b"B" | b"b" => transfer::base64(text).bytes,
        b"Q" | b"q" => quoted(text),
        _ => return None,
    };
    // A language may follow the charset (RFC 2231, 5).
    let charset = charset.split(|byte| *byte == b'*').next().unwrap_or_default();
    Some((Word { charset: String::from_utf8_lossy(charset).to_ascii_lowercase(), bytes }, after))
}

fn split(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == separator)?;
    Some((&text[..at], &text[at + 1..]))
}

/// Undoes the encoding `Q`. What is not valid stays as it is.
fn quoted(text: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        bytes.push(match byte {
            b'_' => b' ',
            b'=' => match after.get(..2).and_then(|digits| hex::decode(digits).ok()) {
                Some(decoded) => {
                    rest = &after[2..];
                    decoded[0]
                }
                None => b'=',
            },
            other => other,
        });
    }
    bytes
}

impl Word {
    fn write(&self, written: &mut Vec<u8>) {
        written.extend_from_slice(format!("=?{}?B?{}?=", self.charset, STANDARD.encode(&self.bytes)).as_bytes());
    }
}
