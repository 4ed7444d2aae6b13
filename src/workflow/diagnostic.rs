//! Diagnostics: what is wrong with a file, where, and what would be right, rendered the way compilers do.
//!
//! A [`Diagnostic`] is self-contained: a list of them can be sent over HTTP. [`Diagnostic::render`] adds the line of
//! text it is about, if the caller still has the text.
//!
//! Limits: columns count characters, so the marks below a line are slightly off after characters that a terminal shows
//! two cells wide.

use serde::Serialize;

/// Longer lines are truncated.
const LINE_MAX: usize = 120;

/// Whether a file can be used despite the finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The file name as the caller gave it; empty for a stored document.
    pub file: String,
    /// From 1; 0 for a stored document, which has no text.
    pub line: usize,
    /// From 1, in characters; 0 for a stored document.
    pub column: usize,
    /// JSON pointer to the value, or to the member whose key is wrong.
    pub pointer: String,
    /// A sentence without a full stop.
    pub message: String,
    pub help: Option<String>,
}

impl Diagnostic {
    /// Renders the diagnostic as several lines, each ended by a line break, with the line of `text` it is about.
    pub fn render(&self, text: Option<&str>) -> String {
        let mut rendered = format!("{}: {}\n", self.severity.as_str(), printable(&self.message));
        let number = self.line.to_string();
        let margin = " ".repeat(number.len());
        rendered.push_str(&format!("{margin}--> {}", self.location()));
        if !self.pointer.is_empty() {
            rendered.push_str(&format!("  ({})", printable(&self.pointer)));
        }
        rendered.push('\n');
        if let Some(line) = text.and_then(|text| line_of(text, self.line)) {
            let (excerpt, marks) = excerpt_of(line, self.column);
            rendered.push_str(&format!("{margin} |\n{number} | {excerpt}\n{margin} | {marks}\n"));
        }
        if let Some(help) = &self.help {
            rendered.push_str(&format!("{margin} = help: {}\n", printable(help)));
        }
        rendered
    }

    fn location(&self) -> String {
        let file = if self.file.is_empty() { "(stored document)".to_owned() } else { printable(&self.file) };
        if self.line == 0 { file } else { format!("{file}:{}:{}", self.line, self.column) }
    }
}

/// Escapes control characters: a name in a file must not be able to control the terminal.
fn printable(text: &str) -> String {
    let escape = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(escape).collect()
}

fn line_of(text: &str, number: usize) -> Option<&str> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    text.split('\n').nth(number.checked_sub(1)?).map(|line| line.strip_suffix('\r').unwrap_or(line))
}

/// The part of `line` around `column`, and the marks below it.
fn excerpt_of(line: &str, column: usize) -> (String, String) {
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
    let excerpt: String = characters[from..to].iter().collect();
    let indent = " ".repeat(before.chars().count() + start - from);
    (format!("{before}{excerpt}{after}"), indent + &"^".repeat(token.min(to - start).max(1)))
}

/// The length in characters of the JSON token at the start of `rest`; 1 for a bracket.
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
