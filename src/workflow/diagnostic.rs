//! What is wrong with a file, where, and what would be right; shown the way compilers do.
//!
//! A [`Diagnostic`] is complete in itself: a list of them can be sent over HTTP as it is. [`Diagnostic::render`] adds
//! the line of text that it is about, if the caller still has the text.
//!
//! Limits: columns count characters, so the marks below a line stand a little off after characters that a terminal
//! shows two cells wide.

use serde::Serialize;

/// Longer lines are shown in part.
const LINE_MAX: usize = 120;

/// Whether a file can be used in spite of what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }
}

/// One problem of one file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The file's name as the caller gave it; empty for a document from the store.
    pub file: String,
    /// From 1; 0 for a document from the store, which has no text.
    pub line: usize,
    /// From 1, in characters; 0 for a document from the store.
    pub column: usize,
    /// JSON pointer to the value, or to the member whose key is wrong.
    pub pointer: String,
    /// A sentence without a full stop.
    pub message: String,
    pub help: Option<String>,
}

impl Diagnostic {
    /// The problem in several lines, the last one ended, with the line of `text` that it is about.
    pub fn render(&self, text: Option<&str>) -> String {
        let mut rendered = format!("{}: {}\n", self.severity.as_str(), printable(&self.message));
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        rendered.push_str(&format!("{margin}--> {}", self.place()));
        if !self.pointer.is_empty() {
            rendered.push_str(&format!("  ({})", printable(&self.pointer)));
        }
        rendered.push('\n');
        if let Some(line) = text.and_then(|text| line_of(text, self.line)) {
            let (shown, marks) = excerpt(line, self.column);
            rendered.push_str(&format!("{margin} |\n{number} | {shown}\n{margin} | {marks}\n"));
        }
        if let Some(help) = &self.help {
            rendered.push_str(&format!("{margin} = help: {}\n", printable(help)));
        }
        rendered
    }

    fn place(&self) -> String {
        let file = if self.file.is_empty() { "(stored document)".to_owned() } else { printable(&self.file) };
        if self.line == 0 { file } else { format!("{file}:{}:{}", self.line, self.column) }
    }
}

/// The text with control characters written out: a name in a file must not be able to command the terminal.
fn printable(text: &str) -> String {
    let written = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(written).collect()
}

fn line_of(text: &str, number: usize) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.split('\n').nth(number.checked_sub(1)?).map(|line| line.strip_suffix('\r').unwrap_or(line))
}

/// The part of `line` around `column`, and the marks to stand below it.
fn excerpt(line: &str, column: usize) -> (String, String) {
    let characters: Vec<char> =
        line.chars().map(|character| if character.is_control() { ' ' } else { character }).collect();
    let start = column.saturating_sub(1).min(characters.len());
    let token = token_length(&characters[start..]);
    if characters.len() <= LINE_MAX {
        return (characters.iter().collect(), " ".repeat(start) + &"^".repeat(token));
    }
    let from = start.saturating_sub(LINE_MAX / 3);
    let to = (from + LINE_MAX).min(characters.len());
    let before = if from > 0 { "…" } else { "" };
    let after = if to < characters.len() { "…" } else { "" };
    let shown: String = characters[from..to].iter().collect();
    let indent = " ".repeat(before.chars().count() + start - from);
    (format!("{before}{shown}{after}"), indent + &"^".repeat(token.min(to - start).max(1)))
}

/// How many characters the JSON token at the start of `rest` has; brackets count as themselves only.
fn token_length(rest: &[char]) -> usize {
    let length = match rest.first() {
        Some('"') => {
            let mut escaped = false;
            let closes = |character: &char| {
                let closes = *character == '"' && !escaped;
                escaped = *character == '\\' && !escaped;
                closes
            };
            rest[1..].iter().position(closes).map_or(rest.len(), |position| position + 2)
        }
        Some('{' | '[' | '}' | ']') | None => 1,
        Some(_) => {
            let ends = |character: &char| matches!(character, ',' | ']' | '}' | ':') || character.is_whitespace();
            rest.iter().position(ends).unwrap_or(rest.len())
        }
    };
    length.max(1)
}
