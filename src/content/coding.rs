//! Content encodings: compressed bodies.
//!
//! A body can have one encoding. The limit applies to the inflated size, and inflation stops there: a decompression
//! bomb costs no more than a legitimate body of the largest size.

use std::io::{self, Read};

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

use super::ContentError;

/// The compression of a body.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Coding {
    Identity,
    Gzip,
    Deflate,
    Brotli,
}

impl Coding {
    /// Parses the header `content-encoding`.
    pub fn of(name: &str) -> Result<Coding, ContentError> {
        const NAMES: [(&str, Coding); 6] = [
            ("identity", Coding::Identity),
            ("", Coding::Identity),
            ("gzip", Coding::Gzip),
            ("x-gzip", Coding::Gzip),
            ("deflate", Coding::Deflate),
            ("br", Coding::Brotli),
        ];
        let known = NAMES.iter().find(|(known, _)| name.trim().eq_ignore_ascii_case(known));
        known.map(|(_, coding)| *coding).ok_or_else(|| {
            let detail = format!("content encoding {name:?} is not supported; use `gzip`, `deflate`, `br` or none");
            ContentError::Unsupported(detail)
        })
    }

    /// Inflates the body; `None` if it is not compressed.
    pub fn inflate(self, received: &[u8], bytes_max: usize) -> Result<Option<Bytes>, ContentError> {
        let inflated = match self {
            Coding::Identity => return Ok(None),
            _ if received.is_empty() => return Ok(None),
            Coding::Gzip => collect(MultiGzDecoder::new(received), bytes_max),
            // `deflate` means the zlib format, but some senders omit its header.
            Coding::Deflate if has_zlib_frame(received) => collect(ZlibDecoder::new(received), bytes_max),
            Coding::Deflate => collect(DeflateDecoder::new(received), bytes_max),
            Coding::Brotli => collect(brotli(received), bytes_max),
        };
        let inflated = inflated
            .map_err(|error| ContentError::Malformed(format!("the body is not valid {}: {error}", self.name())))?;
        match inflated.len() > bytes_max {
            true => Err(ContentError::TooLarge(format!("the inflated body is larger than {bytes_max} bytes"))),
            false => Ok(Some(inflated.into())),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Coding::Identity => "identity",
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "brotli",
        }
    }
}

/// Inflates to the end, or to one byte over the limit.
fn collect(reader: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut inflated = Vec::new();
    reader.take(bytes_max as u64 + 1).read_to_end(&mut inflated)?;
    Ok(inflated)
}

/// Whether the bytes begin with a zlib header (RFC 1950).
fn has_zlib_frame(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 0x0F == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

/// Accepts only windows of up to 16 MiB, as in RFC 7932.
fn brotli(received: &[u8]) -> impl Read {
    const BUFFER_BYTES: usize = 4_096;
    let mut reader = Decompressor::new(received, BUFFER_BYTES);
    reader.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
    reader
}
