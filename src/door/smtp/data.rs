//! The mail text: up to the line with a single dot, with dot-stuffing undone.
//!
//! Lines must end with CR LF. A mail with a bare CR or LF is refused at that byte, and nothing after it is read:
//! servers that disagree about where a mail ends make SMTP smuggling possible.

/// The position of the next byte within a line.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum LineState {
    #[default]
    LineStart,
    Line,
    /// After a CR.
    Break,
    /// After a dot at the start of a line.
    Dot,
    /// After the CR following that dot.
    DotBreak,
}

/// The result of feeding a piece of text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FeedResult {
    /// More text is expected.
    More,
    /// The text has ended; this many bytes of the piece belong to it.
    End(usize),
    /// There is a bare CR or LF.
    BareLineBreak,
}

/// Decodes a text in pieces.
#[derive(Default)]
pub struct Data(LineState);

impl Data {
    /// Decodes a piece and appends the result to `mail`.
    pub fn feed(&mut self, piece: &[u8], mail: &mut Vec<u8>) -> FeedResult {
        let mut position = 0;
        while position < piece.len() {
            if self.0 == LineState::Line {
                let rest = &piece[position..];
                let length = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
                mail.extend_from_slice(&rest[..length]);
                position += length;
            }
            let Some(byte) = piece.get(position) else { break };
            position += 1;
            self.0 = match (self.0, byte) {
                (LineState::LineStart, b'.') => LineState::Dot,
                (LineState::LineStart | LineState::Line, b'\r') => LineState::Break,
                (LineState::Dot, b'\r') => LineState::DotBreak,
                (LineState::DotBreak, b'\n') => return FeedResult::End(position),
                (LineState::Break, b'\n') => {
                    mail.extend_from_slice(b"\r\n");
                    LineState::LineStart
                }
                (LineState::Break | LineState::DotBreak, _) | (_, b'\n') => return FeedResult::BareLineBreak,
                (_, byte) => {
                    mail.push(*byte);
                    LineState::Line
                }
            };
        }
        FeedResult::More
    }
}
