//! Replies to the client: a code, and text for people.

use std::borrow::Cow;

/// One reply, with the enhanced status code of RFC 3463 where it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub code: u16,
    pub lines: Vec<Cow<'static, str>>,
}

impl Reply {
    pub fn new(code: u16, line: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code, lines: vec![line.into()] }
    }

    /// Whether it reports an error of the client.
    pub fn is_error(&self) -> bool {
        self.code >= 500
    }

    /// The bytes to send. Untrusted text in a line cannot turn one reply into several.
    pub fn to_bytes(&self) -> Vec<u8> {
        let last = self.lines.len() - 1;
        let written = self.lines.iter().enumerate().map(|(index, line)| {
            let line: String =
                line.chars().map(|letter| if matches!(letter, ' '..='~') { letter } else { '?' }).collect();
            format!("{}{}{line}\r\n", self.code, if index == last { ' ' } else { '-' })
        });
        written.collect::<String>().into_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_stays_one_reply_whatever_its_text() {
        let reply = Reply { code: 250, lines: vec!["first".into(), "a\r\n250 é".into()] };
        assert_eq!(reply.to_bytes(), b"250-first\r\n250 a??250 ?\r\n");
    }
}
