//! What a client is told: a code, and a line for people.

use std::borrow::Cow;

/// One answer, with the enhanced status code of RFC 3463 where it has one.
#[derive(Clone, Debug, PartialEq)]
pub struct Reply {
    pub code: u16,
    pub lines: Vec<Cow<'static, str>>,
}

impl Reply {
    pub fn new(code: u16, line: impl Into<Cow<'static, str>>) -> Reply {
        Reply { code, lines: vec![line.into()] }
    }

    /// Whether it says that the client has done something wrong.
    pub fn is_fault(&self) -> bool {
        self.code >= 500
    }

    /// As it goes over the wire. Nothing that comes from elsewhere can make it more than one answer.
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
    fn an_answer_is_one_answer_whatever_is_in_it() {
        let reply = Reply { code: 250, lines: vec!["first".into(), "a\r\n250 é".into()] };
        assert_eq!(reply.to_bytes(), b"250-first\r\n250 a??250 ?\r\n");
    }
}
