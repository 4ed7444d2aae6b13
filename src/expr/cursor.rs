//! A cursor over the text of a JSONPath, for the path itself and for its filters.

/// A position in the text of a path.
pub(super) struct Cursor<'a> {
    whole: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { whole: text, rest: text }
    }

    /// The position of the next character, counted from 1.
    pub(super) fn column(&self) -> usize {
        self.whole[..self.whole.len() - self.rest.len()].chars().count() + 1
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Skips `token` if it comes next; returns whether it did.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Takes the characters that `matches` accepts.
    pub(super) fn take_while(&mut self, matches: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !matches(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// Takes an unquoted name; empty if there is none.
    pub(super) fn name(&mut self) -> &'a str {
        self.take_while(|character| character.is_alphanumeric() || matches!(character, '_' | '-'))
    }

    /// Takes a string in single or double quotes, if one comes next.
    pub(super) fn quoted(&mut self) -> Result<Option<&'a str>, String> {
        let Some(quote) = self.rest.chars().next().filter(|first| matches!(first, '\'' | '"')) else {
            return Ok(None);
        };
        let start = &self.rest[1..];
        let end = start.find(quote).ok_or("the closing quote is missing")?;
        let text = &start[..end];
        if text.contains('\\') {
            return Err("escapes with `\\` are not supported; use the other kind of quotes".to_owned());
        }
        self.rest = &start[end + 1..];
        Ok(Some(text))
    }

    /// Takes an index, if one comes next.
    pub(super) fn index(&mut self) -> Result<Option<usize>, String> {
        const DIGITS_MAX: usize = 9;
        if self.rest.starts_with('-') {
            return Err("negative indexes are not supported".to_owned());
        }
        let digits = self.take_while(|character| character.is_ascii_digit());
        if digits.len() > DIGITS_MAX {
            return Err(format!("an index has at most {DIGITS_MAX} digits"));
        }
        Ok(digits.parse().ok())
    }

    /// Takes the `]` that must come next.
    pub(super) fn close_bracket(&mut self) -> Result<(), String> {
        if self.eat("]") {
            return Ok(());
        }
        Err(match self.rest.chars().next() {
            Some(',') => "unions are not supported; use two JSONPaths".to_owned(),
            Some(':') => "slices with a step are not supported; write `[from:to]`".to_owned(),
            _ => "expected `]`; spaces are not allowed here".to_owned(),
        })
    }
}
