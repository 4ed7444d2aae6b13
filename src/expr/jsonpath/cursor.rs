//! A position in the text of a path, and the tokens of the grammar.

use serde_json::{Number, Value};

/// The largest integer that every JSON implementation can represent.
const INTEGER_MAX: i64 = 9_007_199_254_740_991;

pub(super) struct Cursor<'a> {
    whole: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub fn new(text: &'a str) -> Cursor<'a> {
        Cursor { whole: text, rest: text }
    }

    /// The position of the next character, counted from 1.
    pub fn column(&self) -> usize {
        self.whole[..self.whole.len() - self.rest.len()].chars().count() + 1
    }

    pub fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// Skips `token` if it comes next; returns whether it did.
    pub fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    pub fn expect(&mut self, token: &str, why: &str) -> Result<(), String> {
        if self.eat(token) { Ok(()) } else { Err(format!("expected {why}")) }
    }

    /// Skips blanks; returns whether there were any.
    pub fn skip_blanks(&mut self) -> bool {
        !self.take_while(|character| matches!(character, ' ' | '\t' | '\n' | '\r')).is_empty()
    }

    /// Goes back to an earlier state of the same cursor.
    pub fn mark(&self) -> &'a str {
        self.rest
    }

    pub fn reset(&mut self, mark: &'a str) {
        self.rest = mark;
    }

    /// Takes the characters that `matches` accepts.
    pub fn take_while(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !matches(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes an unquoted name; empty if there is none. Any character beyond ASCII is part of a name.
    pub fn name(&mut self) -> &'a str {
        self.take_while(|character| {
            character.is_ascii_alphanumeric() || matches!(character, '_' | '-') || !character.is_ascii()
        })
    }

    /// Takes a string in single or double quotes, if one comes next.
    pub fn quoted(&mut self) -> Result<Option<String>, String> {
        let Some(quote) = self.peek().filter(|first| matches!(first, '\'' | '"')) else { return Ok(None) };
        let mut characters = self.rest[1..].char_indices();
        let mut text = String::new();
        while let Some((index, character)) = characters.next() {
            match character {
                _ if character == quote => {
                    self.rest = &self.rest[index + 2..];
                    return Ok(Some(text));
                }
                '\\' => {
                    let (length, escaped) = escape(&self.rest[index + 2..], quote)?;
                    text.push(escaped);
                    // The escape is ASCII.
                    for _ in 0..length {
                        characters.next();
                    }
                }
                _ if character < ' ' => return Err("a control character in quotes is written as an escape".to_owned()),
                _ => text.push(character),
            }
        }
        Err("the closing quote is missing".to_owned())
    }

    /// Takes an integer, if one comes next.
    pub fn integer(&mut self) -> Result<Option<i64>, String> {
        if !self.peek().is_some_and(|first| first == '-' || first.is_ascii_digit()) {
            return Ok(None);
        }
        let start = self.rest;
        self.eat("-");
        let digits = self.take_while(|character| character.is_ascii_digit());
        let text = &start[..start.len() - self.rest.len()];
        let canonical = digits == "0" && text == "0" || !digits.is_empty() && !digits.starts_with('0');
        let number = text.parse::<i64>().ok().filter(|number| canonical && number.abs() <= INTEGER_MAX);
        number.map(Some).ok_or_else(|| format!("`{text}` is not an index: expected an integer without leading zeros"))
    }

    /// Takes a number as in JSON, if one comes next.
    pub fn number(&mut self) -> Result<Option<Value>, String> {
        if !self.peek().is_some_and(|first| first == '-' || first.is_ascii_digit()) {
            return Ok(None);
        }
        let text =
            self.take_while(|character| character.is_ascii_digit() || matches!(character, '+' | '-' | '.' | 'e' | 'E'));
        let number = serde_json::from_str::<Number>(text);
        number.map(|number| Some(Value::Number(number))).map_err(|_| format!("`{text}` is not a number"))
    }
}

/// Reads an escape after its backslash; returns its length and its meaning.
fn escape(rest: &str, quote: char) -> Result<(usize, char), String> {
    let first = rest.chars().next().ok_or("the closing quote is missing")?;
    let simple = match first {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        '/' | '\\' => first,
        _ if first == quote => first,
        'u' => return unicode_escape(rest),
        other => return Err(format!("`\\{other}` is not an escape")),
    };
    Ok((1, simple))
}

/// Reads `uXXXX`, or a pair of surrogates.
fn unicode_escape(rest: &str) -> Result<(usize, char), String> {
    let unit = |text: &str| {
        let digits = text.get(..4).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
        u16::from_str_radix(digits, 16).ok()
    };
    let invalid = || "`\\u` is followed by the four hexadecimal digits of a character".to_owned();
    let first = unit(&rest[1..]).ok_or_else(invalid)?;
    if let Some(character) = char::from_u32(u32::from(first)) {
        return Ok((5, character));
    }
    let second = rest[5..].strip_prefix("\\u").and_then(unit).ok_or_else(invalid)?;
    let decoded = char::decode_utf16([first, second]).next().and_then(Result::ok);
    decoded.map(|character| (11, character)).ok_or_else(invalid)
}
