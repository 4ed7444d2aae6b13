//! Content encodings: what is inflated, what is ignored, and what is refused.

use std::io::Write;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use crate::content::{Content, ContentError, Notes};

/// [`TEXT`] in brotli.
const BROTLI: &str = "0b06807b2261223a5b312c322c335d7d03";
/// Ten million spaces, in brotli.
const BROTLI_BOMB: &str = "cbffff3ff82540e2b14020f7fe2fff2c31f04b00c46111808e2306";
const TEXT: &[u8] = br#"{"a":[1,2,3]}"#;

/// The bytes in each encoding.
fn encoded(bytes: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    let mut deflate = DeflateEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    zlib.write_all(bytes).unwrap();
    deflate.write_all(bytes).unwrap();
    let gzip = gzip.finish().unwrap();
    [
        ("gzip", gzip.clone()),
        ("X-GZip", gzip),
        ("deflate", zlib.finish().unwrap()),
        ("deflate", deflate.finish().unwrap()),
    ]
}

fn inflate(encoding: &str, bytes: &[u8], bytes_max: usize) -> Result<Option<Bytes>, ContentError> {
    Content::of(None, Some(encoding))?.inflate(bytes, bytes_max, &mut Notes::default())
}

#[test]
fn content_encodings_are_undone() {
    for (encoding, bytes) in encoded(TEXT)
        .into_iter()
        .chain([("br", hex::decode(BROTLI).unwrap()), ("zstd", compress_to_vec(TEXT, CompressionLevel::Fastest))])
    {
        assert_eq!(inflate(encoding, &bytes, TEXT.len()).unwrap().as_deref(), Some(TEXT), "{encoding}");
        let short = inflate(encoding, &bytes[..bytes.len() - 3], TEXT.len());
        assert!(matches!(short, Err(ContentError::Malformed(_))), "{encoding}: {short:?}");
        let small = inflate(encoding, &bytes, TEXT.len() - 1);
        assert_eq!(small, Err(ContentError::TooLarge("the inflated body is larger than 12 bytes".into())));
        assert!(matches!(inflate(encoding, b"neither", 100), Err(ContentError::Malformed(_))), "{encoding}");
        assert_eq!(inflate(encoding, b"", 100), Ok(None));
    }
    assert_eq!(inflate("identity", TEXT, 1), Ok(None));
    for unsupported in ["xz", "compress", "gzip, gzip, gzip, gzip, gzip"] {
        assert!(matches!(inflate(unsupported, TEXT, 100), Err(ContentError::Unsupported(_))), "{unsupported}");
    }
}

#[test]
fn what_is_no_encoding_is_ignored() {
    for encoding in ["utf-8", "UTF-8", "none", "8bit", "amz-1.0", "", "identity, utf-8"] {
        assert_eq!(inflate(encoding, TEXT, 1), Ok(None), "{encoding}");
    }
}

#[test]
fn lists_of_encodings_are_undone_from_the_last() {
    let [(_, gzip), _, (_, zlib), _] = encoded(TEXT);
    let [(_, twice), ..] = encoded(&zlib);
    for (encoding, bytes) in [("gzip, identity", &gzip), ("utf-8,gzip", &gzip), ("deflate, gzip", &twice)] {
        assert_eq!(inflate(encoding, bytes, 100).unwrap().as_deref(), Some(TEXT), "{encoding}");
    }
}

#[test]
fn what_follows_a_compressed_body_is_ignored_with_a_note() {
    let [(_, gzip), ..] = encoded(TEXT);
    let zstd = compress_to_vec(TEXT, CompressionLevel::Fastest);
    for (encoding, bytes) in [("gzip", gzip), ("zstd", zstd)] {
        let twice = bytes.repeat(2);
        assert_eq!(inflate(encoding, &twice, 100).unwrap().as_deref(), Some(&TEXT.repeat(2)[..]), "{encoding}");
        assert!(matches!(inflate(encoding, &twice, TEXT.len()), Err(ContentError::TooLarge(_))));
        for junk in [&[0; 8][..], b"junk"] {
            let mut notes = Notes::default();
            let content = Content::of(None, Some(encoding)).unwrap();
            let inflated = content.inflate(&[&bytes, junk].concat(), 100, &mut notes);
            assert_eq!(inflated.unwrap().as_deref(), Some(TEXT), "{encoding}");
            assert_eq!(notes.into_vec(), [format!("{} bytes after the compressed body are ignored", junk.len())]);
        }
    }
}

#[test]
fn decompression_bombs_stop_at_the_limit() {
    let bomb = vec![b' '; 10_000_000];
    for (encoding, bytes) in encoded(&bomb).into_iter().chain([
        ("br", hex::decode(BROTLI_BOMB).unwrap()),
        ("zstd", compress_to_vec(&bomb[..], CompressionLevel::Fastest)),
    ]) {
        assert!(bytes.len() < 50_000);
        assert!(matches!(inflate(encoding, &bytes, 4_000_000), Err(ContentError::TooLarge(_))), "{encoding}");
    }
}
