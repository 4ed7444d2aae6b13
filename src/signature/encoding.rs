//! Text encodings of signatures and keys.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Lenient, because people type keys in: padding is optional, as in Python and Go.
const STANDARD_OF_KEYS: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// An encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// No encoding.
    Text,
    Hex,
    Base64,
    Base64Url,
}

impl Encoding {
    /// The encodings of signatures, by their names in a hook's settings.
    pub const OF_SIGNATURES: [(&'static str, Encoding); 4] = [
        ("hex", Encoding::Hex),
        ("base64", Encoding::Base64),
        ("base64url", Encoding::Base64Url),
        ("text", Encoding::Text),
    ];
    /// The encodings of keys, by their names in a hook's settings.
    pub const OF_KEYS: [(&'static str, Encoding); 3] =
        [("text", Encoding::Text), ("base64", Encoding::Base64), ("hex", Encoding::Hex)];

    /// Decodes a signature. Each signature has exactly one accepted spelling, so that no changed byte passes: base64
    /// must be canonical, and hex must not mix cases.
    pub fn signature(self, text: &[u8]) -> Option<Vec<u8>> {
        match self {
            Encoding::Text => Some(text.to_vec()),
            Encoding::Hex => {
                let mixed = text.iter().any(u8::is_ascii_lowercase) && text.iter().any(u8::is_ascii_uppercase);
                hex::decode(text).ok().filter(|_| !mixed)
            }
            Encoding::Base64 => STANDARD.decode(text).ok(),
            Encoding::Base64Url => URL_SAFE.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok(),
        }
    }

    /// Encodes a signature as senders do.
    pub fn write(self, signature: &[u8]) -> String {
        match self {
            Encoding::Text => String::from_utf8_lossy(signature).into_owned(),
            Encoding::Hex => hex::encode(signature),
            Encoding::Base64 => STANDARD.encode(signature),
            Encoding::Base64Url => URL_SAFE.encode(signature),
        }
    }

    /// Decodes a key.
    pub fn key(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Encoding::Text => Some(text.as_bytes().to_vec()),
            Encoding::Hex => hex::decode(text.trim()).ok(),
            Encoding::Base64 => STANDARD_OF_KEYS.decode(text.trim()).ok(),
            Encoding::Base64Url => URL_SAFE.decode(text.trim()).ok(),
        }
    }
}
