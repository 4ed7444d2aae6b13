//! Parameters that are continued (RFC 2231, 3), joined before they are decoded: senders cut them within a character.

use std::collections::BTreeMap;

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

/// The most pieces of a parameter.
const PIECES_MAX: usize = 100;

/// A piece of a parameter such as `filename*1*=%A9.pdf`.
struct Piece {
    is_encoded: bool,
    value: Vec<u8>,
}

/// The value with continued parameters as one each, or `None` if there are none.
pub fn joined(value: &[u8]) -> Option<Vec<u8>> {
    // The rest of the value, and the pieces of each parameter in their order.
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut continued: BTreeMap<Vec<u8>, BTreeMap<usize, Piece>> = BTreeMap::new();
    for parameter in split(value) {
        match piece(parameter) {
            Some((name, number, piece)) => drop(continued.entry(name).or_default().entry(number).or_insert(piece)),
            None => kept.push(parameter.trim_ascii()),
        }
    }
    if continued.is_empty() {
        return None;
    }
    let mut joined = kept.join(&b"; "[..]);
    for (name, pieces) in continued {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(&name);
        joined.extend_from_slice(b"*=");
        joined.extend_from_slice(&join(pieces));
    }
    joined.push(b'\n');
    Some(joined)
}

/// The parameters of a value, separated by semicolons outside of quotes.
fn split(value: &[u8]) -> Vec<&[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_separator = |byte: &u8| {
        let is_separator = *byte == b';' && !is_quoted;
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_quoted => is_escaped = true,
            b'"' => is_quoted = !is_quoted,
            _ => {}
        }
        is_separator
    };
    value.split(is_separator).collect()
}

/// The name, number and piece of a continued parameter.
fn piece(parameter: &[u8]) -> Option<(Vec<u8>, usize, Piece)> {
    let at = parameter.iter().position(|byte| *byte == b'=')?;
    let (name, value) = (parameter[..at].trim_ascii(), parameter[at + 1..].trim_ascii());
    let (name, is_encoded) = name.strip_suffix(b"*").map_or((name, false), |name| (name, true));
    let star = name.iter().rposition(|byte| *byte == b'*')?;
    let number: usize =
        std::str::from_utf8(&name[star + 1..]).ok()?.parse().ok().filter(|number| *number < PIECES_MAX)?;
    let value = match value.strip_prefix(b"\"").map(|value| value.strip_suffix(b"\"").unwrap_or(value)) {
        Some(quoted) => unescaped(quoted),
        None => value.to_vec(),
    };
    Some((name[..star].to_ascii_lowercase(), number, Piece { is_encoded, value }))
}

fn unescaped(quoted: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter();
    while let Some(&byte) = bytes.next() {
        text.push(if byte == b'\\' { *bytes.next().unwrap_or(&byte) } else { byte });
    }
    text
}

/// One value, percent-encoded, with the charset and language that the first piece names.
fn join(pieces: BTreeMap<usize, Piece>) -> Vec<u8> {
    let mut value = Vec::new();
    let has_charset = pieces.get(&0).is_some_and(|first| first.is_encoded && first.value.contains(&b'\''));
    if !has_charset {
        value.extend_from_slice(b"utf-8''");
    }
    for piece in pieces.into_values() {
        match piece.is_encoded {
            true => value.extend_from_slice(&piece.value),
            false => value.extend_from_slice(percent_encode(&piece.value, NON_ALPHANUMERIC).to_string().as_bytes()),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn pieces_are_joined_in_their_order() {
        let value = b"attachment; filename*1*=%A9.pdf; filename*0*=utf-8''caf%C3; size=3";
        assert_eq!(joined(value).as_deref(), Some(&b"attachment; size=3; filename*=utf-8''caf%C3%A9.pdf\n"[..]));
        let value = b"attachment; filename*0=\"a;\\\"b\"; filename*1=c";
        assert_eq!(joined(value).as_deref(), Some(&b"attachment; filename*=utf-8''a%3B%22bc\n"[..]));
        assert_eq!(joined(b"attachment; filename*=utf-8''a; filename=b"), None);
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_a_panic(value in "[a-z0-9*=;'\"\\\\% ]{0,60}") {
            joined(value.as_bytes());
        }
    }
}
