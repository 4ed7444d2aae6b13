//! Compression of step logs.
//!
//! The input and output of a step occur two or three times in its entry, so a log shrinks to well under half, and four
//! of them fit on a page instead of one: that saves more writing than compressing costs. Short ones remain text.

use lz4_flex::block::{compress_prepend_size, decompress, uncompressed_size};

use crate::store::{StoreError, StoreResult};

/// Shorter logs remain text, except for those in the rows of their runs.
const PACKED_FROM: usize = 512;

/// The compressed text, if compressing it is worth it.
pub fn pack(text: &str) -> Option<Vec<u8>> {
    (text.len() >= PACKED_FROM).then(|| compress(text))
}

/// The compressed text.
pub fn compress(text: &str) -> Vec<u8> {
    compress_prepend_size(text.as_bytes())
}

/// The text that was compressed.
///
/// # Errors
/// [`StoreError::Corrupt`] if the bytes are not what [`compress`] returned.
pub fn unpack(packed: &[u8]) -> StoreResult<String> {
    let corrupt = |detail: String| StoreError::Corrupt { what: "a step log", detail };
    let (length, block) = uncompressed_size(packed).map_err(|error| corrupt(error.to_string()))?;
    let bytes = decompress(block, length).map_err(|error| corrupt(error.to_string()))?;
    match String::from_utf8(bytes) {
        Ok(text) if text.len() == length => Ok(text),
        Ok(text) => Err(corrupt(format!("{} bytes instead of {length}", text.len()))),
        Err(error) => Err(corrupt(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_packed_and_come_back() {
        assert_eq!(pack("[]"), None);
        let text = format!("[{}]", r#"{"id":"2","input":{"email":"ä@example.com"}},"#.repeat(100));
        let packed = pack(&text).unwrap();
        assert!(packed.len() < text.len() / 4);
        assert_eq!(unpack(&packed).unwrap(), text);
        for length in 0..packed.len() {
            assert!(unpack(&packed[..length]).is_err(), "{length}");
        }
        assert_eq!(unpack(&compress("[]")).unwrap(), "[]");
    }
}
