//! HTTP/2: limits on the frames of a connection.
//!
//! The library that implements HTTP/2 accepts any number of streams and 16 MiB of headers for each, and the server
//! above it has no setting for either. So the frames are tracked here, by their nine-byte headers, in both directions:
//!
//! - The server's first frame, SETTINGS, is extended by the maximum numbers of open streams and header bytes. Clients
//!   that
//!   comply never notice the rest.
//! - A stream is open from its HEADERS until the server has sent the end of its response, or either side has reset it.
//!   So
//!   data waiting for a client that does not read is counted, too.
//! - A connection that exceeds a limit is closed.
//!
//! Limits: [`STREAMS_MAX`], [`HEADER_BLOCK_BYTES_MAX`], [`RESETS_MAX`].

use std::collections::HashSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::exchange::HEAD_BYTES_MAX;

/// The most open streams, as announced to clients.
pub const STREAMS_MAX: u32 = 100;
/// Exceeding this closes the connection. It is higher, since a client may open streams before it reads the settings.
const STREAMS_CUT: usize = 2 * STREAMS_MAX as usize;
/// The largest compressed headers of a request, in bytes.
pub const HEADER_BLOCK_BYTES_MAX: usize = 32 * 1024;
/// The most requests per connection that a client may reset while they are in progress.
pub const RESETS_MAX: u32 = 1_000;

/// The connection preface of a client.
const PREFACE_BYTES: usize = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len();
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const ACK: u8 = 1;
const MAX_CONCURRENT_STREAMS: u16 = 3;
const MAX_HEADER_LIST_SIZE: u16 = 6;

/// The frames of one connection.
pub struct Frames {
    incoming: Cursor,
    outgoing: Cursor,
    settings: Settings,
    open: HashSet<u32>,
    /// The highest stream id opened.
    last: u32,
    block_bytes: usize,
    resets: u32,
}

impl Default for Frames {
    fn default() -> Frames {
        Frames {
            incoming: Cursor { skip: PREFACE_BYTES, ..Cursor::default() },
            outgoing: Cursor::default(),
            settings: Settings::Gathering(Vec::new()),
            open: HashSet::new(),
            last: 0,
            block_bytes: 0,
            resets: 0,
        }
    }
}

impl Frames {
    /// Tracks bytes from the client.
    ///
    /// # Errors
    /// If a limit is exceeded.
    pub fn received(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(head) = self.incoming.next(&mut bytes) {
            self.client_sent(head)?;
        }
        Ok(())
    }

    fn client_sent(&mut self, head: Head) -> io::Result<()> {
        match head.kind {
            HEADERS => {
                self.block_bytes = head.length;
                if head.stream > self.last {
                    self.last = head.stream;
                    self.open.insert(head.stream);
                }
            }
            CONTINUATION => self.block_bytes += head.length,
            RST_STREAM if self.open.remove(&head.stream) => self.resets += 1,
            _ => return Ok(()),
        }
        let too_much = if self.open.len() > STREAMS_CUT {
            "the client has too many streams open"
        } else if self.block_bytes > HEADER_BLOCK_BYTES_MAX {
            "the client sends too much of headers"
        } else if self.resets > RESETS_MAX {
            "the client takes too many requests back"
        } else {
            return Ok(());
        };
        Err(io::Error::other(too_much))
    }

    /// Tracks bytes from the server, after its settings.
    pub fn sent(&mut self, mut bytes: &[u8]) {
        while let Some(head) = self.outgoing.next(&mut bytes) {
            let is_end = matches!(head.kind, HEADERS | DATA) && head.flags & END_STREAM != 0;
            if is_end || head.kind == RST_STREAM {
                self.open.remove(&head.stream);
            }
        }
    }

    /// Takes the bytes that belong to the server's settings, to extend them. Returns their number, or `None` if they
    /// are complete.
    pub fn take_settings(&mut self, bytes: &[u8]) -> Option<usize> {
        let Settings::Gathering(gathered) = &mut self.settings else { return None };
        let mut taken = 0;
        while taken < bytes.len() && gathered.len() < frame_bytes(gathered) {
            gathered.push(bytes[taken]);
            taken += 1;
        }
        if gathered.len() == frame_bytes(gathered) {
            self.settings = Settings::Sending(with_limits(std::mem::take(gathered)), 0);
        }
        Some(taken)
    }

    /// Sends the extended settings, if they are complete and not sent yet.
    pub fn poll_settings(
        &mut self,
        mut wire: Pin<&mut dyn AsyncWrite>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        let Settings::Sending(bytes, sent) = &mut self.settings else { return Poll::Ready(Ok(())) };
        while *sent < bytes.len() {
            match ready!(wire.as_mut().poll_write(context, &bytes[*sent..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => *sent += written,
            }
        }
        self.settings = Settings::Sent;
        Poll::Ready(Ok(()))
    }
}

/// The state of the server's first frame.
enum Settings {
    Gathering(Vec<u8>),
    /// With the number of bytes sent.
    Sending(Vec<u8>, usize),
    Sent,
}

/// The length of the frame that begins with these bytes, as far as it is known.
fn frame_bytes(begun: &[u8]) -> usize {
    match begun {
        [a, b, c, ..] if begun.len() >= HEAD_BYTES => HEAD_BYTES + u32::from_be_bytes([0, *a, *b, *c]) as usize,
        _ => HEAD_BYTES,
    }
}

/// The SETTINGS frame with our limits added. Other frames are unchanged.
fn with_limits(mut frame: Vec<u8>) -> Vec<u8> {
    if frame[3] != SETTINGS || frame[4] & ACK != 0 {
        return frame;
    }
    for (name, value) in [(MAX_CONCURRENT_STREAMS, STREAMS_MAX), (MAX_HEADER_LIST_SIZE, HEAD_BYTES_MAX as u32)] {
        frame.extend_from_slice(&name.to_be_bytes());
        frame.extend_from_slice(&value.to_be_bytes());
    }
    let length = (frame.len() - HEAD_BYTES) as u32;
    frame[..3].copy_from_slice(&length.to_be_bytes()[1..]);
    frame
}

/// The header of a frame.
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

/// Finds frame headers in bytes that arrive in arbitrary pieces.
#[derive(Default)]
struct Cursor {
    /// Bytes to skip before the next header.
    skip: usize,
    head: [u8; HEAD_BYTES],
    /// The part of the header that has arrived.
    filled: usize,
}

impl Cursor {
    /// The next header; `None` when the bytes are used up.
    fn next(&mut self, bytes: &mut &[u8]) -> Option<Head> {
        let skipped = self.skip.min(bytes.len());
        self.skip -= skipped;
        *bytes = &bytes[skipped..];
        let missing = (HEAD_BYTES - self.filled).min(bytes.len());
        self.head[self.filled..self.filled + missing].copy_from_slice(&bytes[..missing]);
        self.filled += missing;
        *bytes = &bytes[missing..];
        if self.filled < HEAD_BYTES {
            return None;
        }
        let [first, second, third, kind, flags, a, b, c, d] = self.head;
        let length = u32::from_be_bytes([0, first, second, third]) as usize;
        (self.skip, self.filled) = (length, 0);
        Some(Head { length, kind, flags, stream: u32::from_be_bytes([a & 0x7F, b, c, d]) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn frame(kind: u8, flags: u8, stream: u32, length: usize) -> Vec<u8> {
        let mut frame = (length as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.resize(HEAD_BYTES + length, 0xFF);
        frame
    }

    /// A connection whose client has sent its preface, and its server the settings.
    fn begun() -> Frames {
        let mut frames = Frames::default();
        frames.received(&[0; PREFACE_BYTES]).unwrap();
        frames.settings = Settings::Sent;
        frames
    }

    /// Opens streams by index, counted from 0, until the limit is exceeded.
    fn open(frames: &mut Frames, numbers: std::ops::Range<u32>) -> usize {
        numbers.take_while(|number| frames.received(&frame(HEADERS, 4, 2 * number + 1, 20)).is_ok()).count()
    }

    #[test]
    fn streams_are_open_until_their_response_ends() {
        let mut frames = begun();
        assert_eq!(open(&mut frames, 0..1_000), STREAMS_CUT);
        let mut frames = begun();
        for number in 0..1_000 {
            assert_eq!(open(&mut frames, number..number + 1), 1, "{number}");
            frames.sent(&frame(HEADERS, 4, 2 * number + 1, 20));
            frames.sent(&frame(DATA, if number % 2 == 0 { END_STREAM } else { 0 }, 2 * number + 1, 100));
            // Half of the responses do not end.
            if frames.open.len() == STREAMS_CUT {
                return;
            }
        }
        panic!("answers that are not finished are not counted");
    }

    #[test]
    fn header_blocks_are_limited() {
        let mut frames = begun();
        let block = |frames: &mut Frames, rest: usize| {
            let last = frames.last;
            frames.received(&frame(HEADERS, 0, last + 2, 16_384))?;
            frames.received(&frame(CONTINUATION, 0, last + 2, 16_384))?;
            frames.received(&frame(CONTINUATION, 4, last + 2, rest))
        };
        assert!(block(&mut frames, 0).is_ok());
        assert!(block(&mut frames, 0).is_ok());
        assert!(block(&mut frames, 1).is_err());
    }

    #[test]
    fn resets_are_limited() {
        let mut frames = begun();
        let mut take_back = |number: u32| {
            frames.received(&frame(HEADERS, 5, 2 * number + 1, 20)).unwrap();
            frames.received(&frame(RST_STREAM, 0, 2 * number + 1, 4))
        };
        let taken_back = (0..10_000).take_while(|number| take_back(*number).is_ok()).count();
        assert_eq!(taken_back, RESETS_MAX as usize);
    }

    #[test]
    fn the_settings_announce_the_limits() {
        let mut frames = Frames::default();
        let own = [&frame(SETTINGS, 0, 0, 12)[..], b"more"].concat();
        assert_eq!(frames.take_settings(&own[..5]), Some(5));
        assert_eq!(frames.take_settings(&own[5..]), Some(16));
        assert_eq!(frames.take_settings(&own[21..]), None);
        let Settings::Sending(sent, 0) = &frames.settings else { panic!("they are not ready") };
        assert_eq!(sent[..9], frame(SETTINGS, 0, 0, 24)[..9]);
        assert_eq!(sent[21..], [0, 3, 0, 0, 0, 100, 0, 6, 0, 1, 0, 0]);
    }

    proptest! {
        #[test]
        fn frame_headers_are_found_however_the_bytes_are_split(
            kinds in prop::collection::vec((0..10_u8, 0..50_usize), 0..40),
            pieces in prop::collection::vec(1..40_usize, 1..200),
        ) {
            let bytes: Vec<u8> = kinds.iter().flat_map(|(kind, length)| frame(*kind, 0, 7, *length)).collect();
            let (mut cursor, mut rest, mut found) = (Cursor::default(), &bytes[..], Vec::new());
            for size in pieces.iter().cycle() {
                let (mut piece, others) = rest.split_at((*size).min(rest.len()));
                rest = others;
                while let Some(head) = cursor.next(&mut piece) {
                    found.push((head.kind, head.length));
                }
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(found, kinds);
        }
    }
}
