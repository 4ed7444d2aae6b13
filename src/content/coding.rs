//! Content encodings: compressed bodies.
//!
//! A body can have up to [`CODINGS_MAX`] encodings, which are undone from the last to the first. Many senders name
//! something that is no encoding, such as `utf-8` or `8bit`; their bytes are plain. What follows a complete gzip or
//! zstd stream is ignored, as gzip, browsers and most libraries do.
//!
//! The limit applies to each inflated size, and inflation stops there: a decompression bomb costs no more than a
//! legitimate body of the largest size. Windows have at most 16 MiB (Brotli) and [`ZSTD_WINDOW_BYTES_MAX`].

use std::io::{self, Read};

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use bytes::Bytes;
use flate2::bufread::{DeflateDecoder, GzDecoder, ZlibDecoder};
use ruzstd::decoding::StreamingDecoder;

use super::ContentError;
use super::notes::Notes;

/// The most encodings of a body.
const CODINGS_MAX: usize = 4;
/// The largest zstd window, as in RFC 9659.
const ZSTD_WINDOW_BYTES_MAX: u64 = 8 * 1024 * 1024;

const GZIP_MAGIC: &[u8] = &[0x1F, 0x8B];
const ZSTD_MAGIC: &[u8] = &[0x28, 0xB5, 0x2F, 0xFD];

/// Compressions that hookflow can't undo. Any other unknown name is no compression.
const UNSUPPORTED: [&str; 12] =
    ["compress", "x-compress", "bzip2", "x-bzip2", "xz", "lzma", "lz4", "snappy", "dcb", "dcz", "exi", "pack200-gzip"];

/// One compression.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Coding {
    Gzip,
    Deflate,
    Brotli,
    Zstd,
}

/// The compressions of a body, in the order in which they were applied.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Codings(Vec<Coding>);

impl Codings {
    /// Parses the header `content-encoding`.
    pub fn of(header: &str) -> Result<Codings, ContentError> {
        let mut codings = Vec::new();
        for name in header.split(',').map(|name| name.trim().to_ascii_lowercase()) {
            match name.as_str() {
                "gzip" | "x-gzip" => codings.push(Coding::Gzip),
                "deflate" => codings.push(Coding::Deflate),
                "br" => codings.push(Coding::Brotli),
                "zstd" => codings.push(Coding::Zstd),
                unsupported if UNSUPPORTED.contains(&unsupported) => {
                    let detail = format!(
                        "content encoding `{unsupported}` is not supported; use `gzip`, `deflate`, `br`, `zstd` or none"
                    );
                    return Err(ContentError::Unsupported(detail));
                }
                _ => {}
            }
        }
        match codings.len() > CODINGS_MAX {
            true => {
                Err(ContentError::Unsupported(format!("more than {CODINGS_MAX} content encodings are not supported")))
            }
            false => Ok(Codings(codings)),
        }
    }

    /// Inflates the body; `None` if it is not compressed.
    pub fn inflate(&self, received: &[u8], bytes_max: usize, notes: &mut Notes) -> Result<Option<Bytes>, ContentError> {
        let mut inflated: Option<Bytes> = None;
        for coding in self.0.iter().rev() {
            let compressed = inflated.as_deref().unwrap_or(received);
            if compressed.is_empty() {
                break;
            }
            inflated = Some(coding.inflate(compressed, bytes_max, notes)?);
        }
        Ok(inflated)
    }
}

impl Coding {
    fn inflate(self, compressed: &[u8], bytes_max: usize, notes: &mut Notes) -> Result<Bytes, ContentError> {
        let inflated = match self {
            Coding::Gzip => members(compressed, GZIP_MAGIC, bytes_max, notes, |rest, inflated| {
                let mut member = GzDecoder::new(rest);
                read_to(&mut member, bytes_max, inflated)?;
                Ok(member.into_inner())
            }),
            Coding::Zstd => members(compressed, ZSTD_MAGIC, bytes_max, notes, |mut rest, inflated| {
                let frame = StreamingDecoder::new_with_max_window_size(&mut rest, ZSTD_WINDOW_BYTES_MAX);
                read_to(&mut frame.map_err(io::Error::other)?, bytes_max, inflated)?;
                Ok(rest)
            }),
            // `deflate` means the zlib format, but some senders omit its header.
            Coding::Deflate if has_zlib_frame(compressed) => collect(ZlibDecoder::new(compressed), bytes_max),
            Coding::Deflate => collect(DeflateDecoder::new(compressed), bytes_max),
            Coding::Brotli => collect(brotli(compressed), bytes_max),
        };
        let inflated = inflated
            .map_err(|error| ContentError::Malformed(format!("the body is not valid {}: {error}", self.name())))?;
        match inflated.len() > bytes_max {
            true => Err(ContentError::TooLarge(format!("the inflated body is larger than {bytes_max} bytes"))),
            false => Ok(inflated.into()),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Coding::Gzip => "gzip",
            Coding::Deflate => "deflate",
            Coding::Brotli => "brotli",
            Coding::Zstd => "zstd",
        }
    }
}

/// Inflates the streams that follow each other in `compressed`. `read` appends one and returns what follows it.
fn members<'b>(
    compressed: &'b [u8],
    magic: &[u8],
    bytes_max: usize,
    notes: &mut Notes,
    read: impl Fn(&'b [u8], &mut Vec<u8>) -> io::Result<&'b [u8]>,
) -> io::Result<Vec<u8>> {
    let mut inflated = Vec::new();
    let mut rest = read(compressed, &mut inflated)?;
    while rest.starts_with(magic) && inflated.len() <= bytes_max {
        rest = read(rest, &mut inflated)?;
    }
    if !rest.is_empty() && inflated.len() <= bytes_max {
        notes.add(format!("{} bytes after the compressed body are ignored", rest.len()));
    }
    Ok(inflated)
}

/// Appends what the reader returns, until `inflated` has one byte more than the limit.
fn read_to(reader: &mut impl Read, bytes_max: usize, inflated: &mut Vec<u8>) -> io::Result<()> {
    let remaining = (bytes_max + 1).saturating_sub(inflated.len());
    reader.take(remaining as u64).read_to_end(inflated)?;
    Ok(())
}

fn collect(mut reader: impl Read, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut inflated = Vec::new();
    read_to(&mut reader, bytes_max, &mut inflated)?;
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
