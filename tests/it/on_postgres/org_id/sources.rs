//! The SQL that stands in hookflow's sources.

use std::collections::HashMap;
use std::path::Path;

/// How a statement begins, after parentheses.
const STARTS: [&str; 5] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE ", "WITH "];

enum Token {
    Text(String),
    Word(String),
    Sign(char),
}

/// Every text in the Rust files of a folder that is a statement, with the file that it stands in.
pub fn statements(folder: &Path) -> Vec<(String, String)> {
    let mut statements = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            statements.extend(self::statements(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let source = std::fs::read_to_string(&path).expect("a source can be read");
            let tokens = Tokens(tokens(&source));
            tokens.check_sites(&path);
            let texts = tokens.texts().into_iter().filter(|text| is_statement(text));
            statements.extend(texts.map(|text| (text, path.display().to_string())));
        }
    }
    statements
}

fn is_statement(text: &str) -> bool {
    STARTS.iter().any(|start| text.trim_start_matches('(').starts_with(start))
}

struct Tokens(Vec<Token>);

impl Tokens {
    fn word(&self, index: usize) -> &str {
        match self.0.get(index) {
            Some(Token::Word(word)) => word,
            _ => "",
        }
    }

    fn sign(&self, index: usize, sign: char) -> bool {
        matches!(self.0.get(index), Some(Token::Sign(found)) if *found == sign)
    }

    fn find(&self, from: usize, sign: char) -> usize {
        (from..self.0.len()).find(|index| self.sign(*index, sign)).expect("what begins also ends")
    }

    /// Where a macro is called: the places of its arguments.
    fn calls(&self, name: &str) -> impl Iterator<Item = usize> {
        let is_call =
            move |index: &usize| self.word(*index) == name && self.sign(index + 1, '!') && self.sign(index + 2, '(');
        (0..self.0.len()).filter(is_call).map(|index| index + 3)
    }

    /// Whether a text stands at a place that [`Tokens::texts`] sees.
    fn is_text(&self, index: usize) -> bool {
        matches!(self.0.get(index), Some(Token::Text(_))) || self.word(index) == "concat"
    }

    /// Checks that every statement which is made in this file has a text that is seen.
    fn check_sites(&self, path: &Path) {
        for site in self.calls("statement") {
            let text = self.find(site, ',') + 1;
            let name = self.word(text);
            let defines = |index: &usize| self.word(*index) == "const" && self.word(index + 1) == name;
            let mut definitions = (0..self.0.len()).filter(defines).map(|index| self.find(index, '=') + 1).peekable();
            let is_seen =
                self.is_text(text) || definitions.peek().is_some() && definitions.all(|index| self.is_text(index));
            assert!(is_seen, "{}: `{name}` is a statement whose text this test does not see", path.display());
        }
    }

    /// The texts, with those put together that `concat!` puts together.
    fn texts(&self) -> Vec<String> {
        let mut macros: HashMap<&str, &str> = HashMap::new();
        let mut texts = Vec::new();
        let mut index = 0;
        while index < self.0.len() {
            if self.word(index) == "macro_rules" {
                // `macro_rules! name { () => { "text" }; }`, and others, which are of no interest.
                if let Some(Token::Text(text)) = self.0.get(index + 9) {
                    macros.insert(self.word(index + 2), text);
                    index += 9;
                }
            } else if self.word(index) == "concat" && self.sign(index + 1, '!') {
                let mut text = String::new();
                index += 3;
                while !self.sign(index, ')') {
                    match &self.0[index] {
                        Token::Text(part) => text.push_str(part),
                        Token::Word(name) => {
                            text.push_str(macros.get(name.as_str()).expect("a macro stands before it is used"));
                            index = self.find(index, ')');
                        }
                        Token::Sign(_) => {}
                    }
                    index += 1;
                }
                texts.push(text);
            } else if let Token::Text(text) = &self.0[index] {
                texts.push(text.clone());
            }
            index += 1;
        }
        texts
    }
}

/// The texts, words and signs of a source, without its comments.
fn tokens(source: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_word = |character: char| character.is_alphanumeric() || character == '_';
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = quoted(rest) {
            tokens.push(Token::Text(unescaped(&rest[1..length - 1])));
            length
        } else if let Some(length) = character(rest) {
            length
        } else if is_word(first) {
            let length = rest.find(|character| !is_word(character)).unwrap_or(rest.len());
            tokens.push(Token::Word(rest[..length].to_owned()));
            length
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    tokens
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
