//! Reading the text of a JSONPath from left to right, for the path itself and for the filters in it.

/// A place in the text of a path.
pub(super) struct Cursor<'a> {
    whole: &'a str,
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Cursor<'a> {
        Cursor { whole: text, rest: text }
    }

    /// Which character of the text comes next, counted from one.
    pub(super) fn column(&self) -> usize {
        self.whole[..self.whole.len() - self.rest.len()].chars().count() + 1
    }

    pub(super) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Steps over `token` if it comes next.
    pub(super) fn eat(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Steps over the characters that belong, and gives them.
    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|character| !belongs(character)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    /// A name that needs no quotes; empty if there is none.
    pub(super) fn name(&mut self) -> &'a str {
        self.take_while(|character| character.is_alphanumeric() || matches!(character, '_' | '-'))
    }

    /// A text in single or double quotes, if one comes next.
    pub(super) fn quoted(&mut self) -> Result<Option<&'a str>, String> {
        let Some(quote) = self.rest.chars().next().filter(|first| matches!(first, '\'' | '"')) else {
            return Ok(None);
        };
        let start = &self.rest[1..];
        let end = start.find(quote).ok_or("the quote is not closed")?;
        let text = &start[..end];
        if text.contains('\\') {
            return Err("escapes with `\\` are not allowed; use the other kind of quotes".to_owned());
        }
        self.rest = &start[end + 1..];
        Ok(Some(text))
    }

    /// A number that is an index, if one comes next.
    pub(super) fn index(&mut self) -> Result<Option<usize>, String> {
        const DIGITS_MAX: usize = 9;
        if self.rest.starts_with('-') {
            return Err("negative indexes are not allowed: the library reads them wrongly".to_owned());
        }
        let digits = self.take_while(|character| character.is_ascii_digit());
        if digits.len() > DIGITS_MAX {
            return Err(format!("an index has at most {DIGITS_MAX} digits"));
        }
        Ok(digits.parse().ok())
    }

    /// Steps over the `]` that has to come next.
    pub(super) fn close_bracket(&mut self) -> Result<(), String> {
        if self.eat("]") {
            return Ok(());
        }
        Err(match self.rest.chars().next() {
            Some(',') => "unions are not allowed; write two JSONPaths".to_owned(),
            Some(':') => "a slice has no step here; write `[from:to]`".to_owned(),
            _ => "expected `]`; spaces are not allowed here".to_owned(),
        })
    }
}
