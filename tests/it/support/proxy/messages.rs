//! The messages of PostgreSQL's protocol, version 3, as far as the proxy has to know them.

use std::io::{Error, ErrorKind, Read, Result};

/// The first message of a connection that asks for TLS.
pub const TLS_REQUEST: u32 = 80_877_103;
/// The first message of a connection that asks for encryption by Kerberos.
pub const KERBEROS_REQUEST: u32 = 80_877_104;

/// A message, from its first byte to its last.
pub struct Message {
    pub bytes: Vec<u8>,
    /// Where its content begins.
    start: usize,
}

impl Message {
    /// The next message of either side.
    pub fn read(source: &mut impl Read) -> Result<Message> {
        let mut kind = [0];
        source.read_exact(&mut kind)?;
        read_content(source, kind.to_vec())
    }

    /// The first message of a client, which says no kind.
    pub fn read_first(source: &mut impl Read) -> Result<Message> {
        read_content(source, Vec::new())
    }

    pub fn kind(&self) -> u8 {
        self.bytes[0]
    }

    /// What a first message is about.
    pub fn code(&self) -> u32 {
        let code = self.content().first_chunk().expect("a first message has a code");
        u32::from_be_bytes(*code)
    }

    /// The texts at the beginning of the content, each of which ends with a zero.
    pub fn texts(&self) -> impl Iterator<Item = String> {
        self.content().split(|byte| *byte == 0).map(|text| String::from_utf8_lossy(text).into_owned())
    }

    /// The content from a byte on, for messages that begin with something else than a text.
    pub fn content(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub fn half(&self) -> &[u8] {
        &self.bytes[..self.bytes.len() / 2]
    }
}

fn read_content(source: &mut impl Read, mut bytes: Vec<u8>) -> Result<Message> {
    let mut length = [0; 4];
    source.read_exact(&mut length)?;
    bytes.extend(length);
    let start = bytes.len();
    // The length counts itself.
    let content = (u32::from_be_bytes(length) as usize).checked_sub(length.len());
    bytes.resize(start + content.ok_or_else(|| Error::from(ErrorKind::InvalidData))?, 0);
    source.read_exact(&mut bytes[start..])?;
    Ok(Message { bytes, start })
}

/// Whether the server says that it is ready again after a message of this kind: a simple query, a `Sync`, a call of a
/// function.
pub fn is_answered(kind: u8) -> bool {
    matches!(kind, b'Q' | b'S' | b'F')
}
