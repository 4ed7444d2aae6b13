//! The SQL that stands in hookflow's sources.

use std::path::Path;

/// How a statement begins, after parentheses.
const STARTS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

/// What a part of a statement holds that is joined to other parts, such as the columns of a declared table.
const WITHIN: [&str; 8] =
    [" WHERE ", " AND ", " FROM ", " ORDER BY ", " ON CONFLICT ", " RETURNING ", " LIMIT ", " UNION "];

/// Every text in the Rust files of a folder that is a statement or a part of one, with the file that it stands in.
pub fn statements(folder: &Path) -> Vec<(String, String)> {
    let mut statements = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            statements.extend(self::statements(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !is_machinery(&path) {
            let source = std::fs::read_to_string(&path).expect("a source can be read");
            let texts = texts(&source).into_iter().filter(|text| is_statement(text) || is_part(text));
            statements.extend(texts.map(|text| (text, path.display().to_string())));
        }
    }
    statements
}

/// Whether a file makes texts of statements from declarations, and so has none of its own.
fn is_machinery(path: &Path) -> bool {
    ["statement.rs", "table.rs", "text.rs"].iter().any(|name| path.ends_with(name))
}

fn is_statement(text: &str) -> bool {
    STARTS.iter().any(|start| text.trim_start_matches('(').starts_with(start))
}

/// Whether a text is joined to others at compile time to make a statement; such texts begin with a space.
pub fn is_part(text: &str) -> bool {
    text.starts_with(' ') && WITHIN.iter().any(|word| text.contains(word))
}

/// The texts in quotes of a source, without those in its comments.
fn texts(source: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = quoted(rest) {
            texts.push(unescaped(&rest[1..length - 1]));
            length
        } else if let Some(length) = character(rest) {
            length
        } else if is_word(first) {
            rest.find(|character| !is_word(character)).unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    texts
}

/// The length of the text in quotes that stands here, if one does.
fn quoted(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('"')?;
    let mut is_escaped = false;
    for (index, character) in inner.char_indices() {
        if character == '"' && !is_escaped {
            return Some(index + 2);
        }
        is_escaped = character == '\\' && !is_escaped;
    }
    panic!("a text in quotes ends");
}

/// The length of the character in quotes that stands here, if one does; a lifetime begins in the same way.
fn character(rest: &str) -> Option<usize> {
    let inner = rest.strip_prefix('\'')?;
    let first = inner.chars().next()?;
    let from = if first == '\\' { 2 } else { first.len_utf8() };
    let end = from + inner.get(from..)?.find('\'')?;
    (first == '\\' || end == from).then_some(end + 2)
}

/// What a text between quotes means.
fn unescaped(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut meaning = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        // At the end of a line, the spaces at the beginning of the next one are left out with it. Other signs that are
        // escaped stand for themselves, as far as SQL is concerned.
        meaning.push_str(if part.starts_with('\n') { part.trim_start() } else { part });
    }
    meaning
}
