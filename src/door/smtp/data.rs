//! The mail itself: up to the line with nothing but a dot, and with the dots taken away that were put before others.
//!
//! Lines end with CR LF, and only so. A mail with a lone CR or LF is refused at that byte, and nothing that comes after it
//! is read: servers that disagree about where a mail ends let people smuggle one mail in another.

/// Where in the text the next byte is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Place {
    #[default]
    LineStart,
    Line,
    /// After a CR.
    Break,
    /// After a dot at the start of a line.
    Dot,
    /// After the CR behind that.
    DotBreak,
}

/// What a piece of the text leads to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fed {
    /// More has to come.
    More,
    /// The text has ended; so many bytes of the piece belong to it.
    End(usize),
    /// There is a CR or an LF by itself.
    LoneBreak,
}

/// Reads a text in pieces.
#[derive(Default)]
pub struct Data(Place);

impl Data {
    /// Takes a piece, and puts what it says behind `mail`.
    pub fn feed(&mut self, piece: &[u8], mail: &mut Vec<u8>) -> Fed {
        let mut position = 0;
        while position < piece.len() {
            if self.0 == Place::Line {
                let rest = &piece[position..];
                let length = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(rest.len());
                mail.extend_from_slice(&rest[..length]);
                position += length;
            }
            let Some(byte) = piece.get(position) else { break };
            position += 1;
            self.0 = match (self.0, byte) {
                (Place::LineStart, b'.') => Place::Dot,
                (Place::LineStart | Place::Line, b'\r') => Place::Break,
                (Place::Dot, b'\r') => Place::DotBreak,
                (Place::DotBreak, b'\n') => return Fed::End(position),
                (Place::Break, b'\n') => {
                    mail.extend_from_slice(b"\r\n");
                    Place::LineStart
                }
                (Place::Break | Place::DotBreak, _) | (_, b'\n') => return Fed::LoneBreak,
                (_, byte) => {
                    mail.push(*byte);
                    Place::Line
                }
            };
        }
        Fed::More
    }
}
