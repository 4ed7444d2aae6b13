//! Finds a text in any encoding: with JSON escapes, percent-encoded, with HTML entities, in any mixture, and
//! repeatedly.
//!
//! For each possible start, the search consumes the pattern character by character and keeps all positions where each
//! character may end. There are few of them, so the time is proportional to the length of the text, whatever it
//! contains.

use std::ops::Range;

/// The most consecutive backslashes that are considered.
const BACKSLASHES_MAX: usize = 16;

/// How often percent signs and ampersands may have been encoded again.
const ENCODINGS_MAX: usize = 4;

/// A text to search for.
#[derive(Clone)]
pub(super) struct Spelling {
    characters: Vec<char>,
}

impl Spelling {
    pub fn new(text: &str) -> Spelling {
        Spelling { characters: text.chars().collect() }
    }

    /// The ranges in `text`; they may overlap.
    pub fn find<'t>(&'t self, text: &'t str) -> impl Iterator<Item = Range<usize>> + 't {
        let mut buffer = [0; 4];
        let first = self.characters.first().map_or(0, |first| first.encode_utf8(&mut buffer).as_bytes()[0]);
        let begins = move |byte: u8| byte == first || matches!(byte, b'\\' | b'%' | b'&' | b'+');
        let starts = text.bytes().enumerate().filter(move |(_, byte)| begins(*byte)).map(|(start, _)| start);
        starts.filter_map(|start| Some(start..self.end(text.as_bytes(), start)?))
    }

    /// The last position where an occurrence that starts at `start` can end.
    fn end(&self, text: &[u8], start: usize) -> Option<usize> {
        let (mut positions, mut next) = (vec![start], Vec::new());
        for character in &self.characters {
            for position in &positions {
                step(text, *position, *character, &mut next);
            }
            next.sort_unstable();
            next.dedup();
            if next.is_empty() {
                return None;
            }
            std::mem::swap(&mut positions, &mut next);
            next.clear();
        }
        positions.last().copied()
    }
}

/// Adds each position where `character` can end if it starts at `position`.
fn step(text: &[u8], position: usize, character: char, ends: &mut Vec<usize>) {
    let mut buffer = [0; 4];
    let literal = character.encode_utf8(&mut buffer).as_bytes();
    let rest = &text[position..];
    if rest.starts_with(literal) {
        ends.push(position + literal.len());
    }
    match rest.first() {
        Some(b'\\') => {
            let run = rest.iter().take(BACKSLASHES_MAX).take_while(|byte| **byte == b'\\').count();
            if character == '\\' {
                // The last backslash of an odd number may escape the next character.
                ends.extend((2..=run).step_by(2).map(|length| position + length));
            } else {
                ends.extend(escaped(&rest[run..], character, literal).map(|length| position + run + length));
            }
        }
        Some(b'%') => {
            let lengths = (0..=ENCODINGS_MAX).filter_map(|again| percent_encoded(rest, literal, again));
            ends.extend(lengths.map(|length| position + length));
        }
        Some(b'&') => {
            let lengths = (0..=ENCODINGS_MAX).filter_map(|again| entity(rest, character, again));
            ends.extend(lengths.map(|length| position + length));
        }
        Some(b'+') if character == ' ' => ends.push(position + 1),
        _ => {}
    }
}

/// The length of the JSON escape of `character`, after the backslash.
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

/// The length of the percent-encoded `literal`, with the percent signs encoded `again` times.
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

/// The length of an entity for `character`, with the ampersand escaped `again` times.
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
