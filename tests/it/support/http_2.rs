//! HTTP/2 frame by frame, where a client would be too well-behaved.

use std::io::{self, Read, Write};

use super::Server;
use super::tls::{TlsConnection, connect};

pub const HEADERS: u8 = 1;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// A frame that was received.
#[derive(Debug)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// The bytes of a frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The compressed headers of a request, with none of the compression.
pub fn request(method: &str, path: &str, headers: &[(String, String)]) -> Vec<u8> {
    let mut block = vec![0x87];
    let mut literal = |name: &str, value: &str| {
        block.push(0);
        for text in [name, value] {
            assert!(text.len() < 127, "longer texts take more bytes for their length");
            block.push(text.len() as u8);
            block.extend(text.as_bytes());
        }
    };
    literal(":method", method);
    literal(":path", path);
    literal(":authority", "127.0.0.1");
    headers.iter().for_each(|(name, value)| literal(name, value));
    block
}

/// A connection that speaks HTTP/2.
pub struct Http2(pub TlsConnection);

impl Http2 {
    /// Connects, with these settings of the client.
    pub fn open(server: &Server, settings: &[(u16, u32)]) -> Http2 {
        let mut stream = connect(server, &["h2"]).expect("the server speaks TLS");
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
        let settings: Vec<u8> = settings
            .iter()
            .flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat())
            .collect();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        stream.write_all(&frame(SETTINGS, 0, 0, &settings)).unwrap();
        Http2(stream)
    }

    /// Sends bytes at once.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)?;
        self.0.flush()
    }

    /// The next frame.
    ///
    /// # Errors
    /// If the server has closed the connection.
    pub fn read(&mut self) -> io::Result<Frame> {
        let mut head = [0; 9];
        self.0.read_exact(&mut head)?;
        let [a, b, c, kind, flags, d, e, f, g] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, a, b, c]) as usize];
        self.0.read_exact(&mut payload)?;
        Ok(Frame { kind, flags, stream: u32::from_be_bytes([d, e, f, g]), payload })
    }
}
