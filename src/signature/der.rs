//! Reading and writing the few DER structures that public keys need: tags, lengths and content.

/// Tags.
pub const INTEGER: u8 = 0x02;
pub const BIT_STRING: u8 = 0x03;
pub const OID: u8 = 0x06;
pub const UTC_TIME: u8 = 0x17;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const SEQUENCE: u8 = 0x30;
/// The explicit tag 0, which holds the version of a certificate.
pub const VERSION: u8 = 0xA0;

/// The rest of a sequence.
#[derive(Clone, Copy)]
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The tag and content of the next element; `None` if there is none, or if its length is not valid DER.
    pub fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk::<2>()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(first), rest),
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                let length = digits.iter().fold(0, |length, digit| length << 8 | usize::from(*digit));
                // The shortest form is the only valid one.
                let is_shortest = length > 0x7F && digits.first() != Some(&0);
                (is_shortest.then_some(length)?, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The content of the next element, which must have this tag.
    pub fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    /// The elements of a sequence that must be all there is.
    pub fn only_sequence(der: &'a [u8]) -> Option<Reader<'a>> {
        let mut reader = Reader(der);
        let content = reader.expect(SEQUENCE)?;
        reader.0.is_empty().then_some(Reader(content))
    }
}

/// An element.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let bytes = length.to_be_bytes();
    let digits = &bytes[length.leading_zeros() as usize / 8..];
    let mut written = vec![tag];
    match length {
        0..=0x7F => written.push(length as u8),
        _ => {
            written.push(0x80 | digits.len() as u8);
            written.extend_from_slice(digits);
        }
    }
    written.extend_from_slice(content);
    written
}

/// An unsigned integer from its big-endian bytes.
pub fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let digits = &bytes[zeros.min(bytes.len().saturating_sub(1))..];
    let sign = digits.first().is_none_or(|first| *first > 0x7F);
    element(INTEGER, &[if sign { &[0][..] } else { &[] }, digits].concat())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lengths_must_be_the_shortest() {
        for wrong in [&[0x30, 0x81, 0x01, 0][..], &[0x30, 0x82, 0x00, 0x80], &[0x30, 0x80], &[0x30, 0x02, 0], &[0x30]] {
            assert!(Reader(wrong).next().is_none(), "{wrong:x?}");
        }
        assert_eq!(unsigned(&[0, 0, 0x80]), [INTEGER, 2, 0, 0x80]);
        assert_eq!(unsigned(&[0]), [INTEGER, 1, 0]);
    }

    proptest! {
        #[test]
        fn elements_are_read_as_written(tag in 0_u8..0x80, content in prop::collection::vec(any::<u8>(), 0..70_000), more: Vec<u8>) {
            let written = [element(tag, &content), more.clone()].concat();
            let mut reader = Reader(&written);
            prop_assert_eq!(reader.next(), Some((tag, content.as_slice())));
            prop_assert_eq!(reader.0, more.as_slice());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let mut reader = Reader(&bytes);
            while reader.next().is_some() {}
        }
    }
}
