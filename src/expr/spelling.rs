//! Finding a text in another one however it is spelt there: with escapes as in JSON, percent-encoded, with entities as in
//! HTML, in any mixture of these and several times over.
//!
//! The text is walked once for each place where it may begin, character by character, keeping all places in which each
//! character may end; those are few, so this takes time in proportion to the text, whatever it holds.

use std::ops::Range;

/// How many backslashes in a row are looked at.
const BACKSLASHES_MAX: usize = 16;

/// How often percent signs and ampersands may have been encoded once more.
const ENCODINGS_MAX: usize = 4;

/// A text to look for.
#[derive(Clone)]
pub(super) struct Spelling {
    characters: Vec<char>,
}

impl Spelling {
    pub fn new(text: &str) -> Spelling {
        Spelling { characters: text.chars().collect() }
    }

    /// Where it stands in `text`; the places may overlap.
    pub fn find<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        let mut buffer = [0; 4];
        let first = self.characters.first().map_or(0, |first| first.encode_utf8(&mut buffer).as_bytes()[0]);
        let begins = move |byte: u8| byte == first || matches!(byte, b'\\' | b'%' | b'&' | b'+');
        let starts = text.bytes().enumerate().filter(move |(_, byte)| begins(*byte)).map(|(start, _)| start);
        starts.filter_map(|start| Some(start..self.end(text.as_bytes(), start)?))
    }

    /// Where it ends at the latest if it begins at `start`.
    fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        let (mut places, mut next) = (vec![start], Vec::new());
        for character in &self.characters {
            for place in &places {
                step(text, *place, *character, &mut next);
            }
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                return None;
            }
            std::mem::swap(&mut places, &mut next);
            next.clear();
        }
        places.last().copied()
    }
}

/// Adds each place at which `character` may end if it begins at `place`.
fn step(text: &[u8], place: usize, character: char, ends: &mut Vec<usize>) {
    let mut buffer = [0; 4];
    let literal = character.encode_utf8(&mut buffer).as_bytes();
    let rest = &text[place..];
    if rest.starts_with(literal) {
        ends.push(place + literal.len());
    }
    match rest.first() {
        Some(b'\\') => {
            let run = rest.iter().take(BACKSLASHES_MAX).take_while(|byte| **byte == b'\\').count();
            if character == '\\' {
                // A run of an odd length may end in one that escapes what comes next.
                ends.extend((2..=run).step_by(2).map(|length| place + length));
            } else {
                ends.extend(escaped(&rest[run..], character, literal).map(|length| place + run + length));
            }
        }
        Some(b'%') => {
            let lengths = (0..=ENCODINGS_MAX).filter_map(|again| percent_encoded(rest, literal, again));
            ends.extend(lengths.map(|length| place + length));
        }
        Some(b'&') => {
            let lengths = (0..=ENCODINGS_MAX).filter_map(|again| entity(rest, character, again));
            ends.extend(lengths.map(|length| place + length));
        }
        Some(b'+') if character == ' ' => ends.push(place + 1),
        _ => {}
    }
}

/// How long what follows a backslash in JSON for `character` is.
fn escaped(rest: &[u8], character: char, literal: &[u8]) -> Option<usize> {
    let short = match character {
        '\n' => b'n',
        '\r' => b'r',
        '\t' => b't',
        '\u{8}' => b'b',
        '\u{c}' => b'f',
        _ => 0,
    };
    if short != 0 && rest.first() == Some(&short) {
        return Some(1);
    }
    if rest.starts_with(literal) {
        return Some(literal.len());
    }
    let mut length = 0;
    for (index, unit) in character.encode_utf16(&mut [0; 2]).iter().enumerate() {
        if index > 0 {
            length += rest[length..].iter().take(BACKSLASHES_MAX).take_while(|byte| **byte == b'\\').count();
        }
        let digits = rest.get(length..length + 5)?.strip_prefix(b"u")?;
        let digits = std::str::from_utf8(digits).ok()?;
        if u16::from_str_radix(digits, 16).ok()? != *unit {
            return None;
        }
        length += 5;
    }
    Some(length)
}

/// How long `literal` is when each of its bytes is percent-encoded, and the percent signs `again` times more.
fn percent_encoded(rest: &[u8], literal: &[u8], again: usize) -> Option<usize> {
    let mut length = 0;
    for byte in literal {
        length += rest[length..].strip_prefix(b"%").map(|_| 1)?;
        for _ in 0..again {
            length += rest[length..].strip_prefix(b"25").map(|_| 2)?;
        }
        let digits = std::str::from_utf8(rest.get(length..length + 2)?).ok()?;
        if u8::from_str_radix(digits, 16).ok()? != *byte {
            return None;
        }
        length += 2;
    }
    Some(length)
}

/// How long an entity for `character` is whose ampersand was escaped `again` times more.
fn entity(rest: &[u8], character: char, again: usize) -> Option<usize> {
    const NAMES: [(&[u8], char); 5] = [(b"lt;", '<'), (b"gt;", '>'), (b"quot;", '"'), (b"apos;", '\''), (b"amp;", '&')];
    const DIGITS_MAX: usize = 8;
    let mut length = rest.strip_prefix(b"&").map(|_| 1)?;
    for _ in 0..again {
        length += rest[length..].strip_prefix(b"amp;").map(|_| 4)?;
    }
    let rest = &rest[length..];
    if let Some((name, _)) = NAMES.iter().find(|(name, named)| *named == character && rest.starts_with(name)) {
        return Some(length + name.len());
    }
    let digits = rest.strip_prefix(b"#")?;
    let end = digits.iter().take(DIGITS_MAX).position(|byte| *byte == b';')?;
    let digits = std::str::from_utf8(&digits[..end]).ok()?;
    let code = match digits.strip_prefix(['x', 'X']) {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    (code.ok() == Some(u32::from(character))).then_some(length + 1 + end + 1)
}
