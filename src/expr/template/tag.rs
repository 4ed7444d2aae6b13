//! The inside of a tag: paths, literals and calls, up to the closing braces.
//!
//! This reads the same language as Handlebars, with one addition: a key may begin with `@` anywhere in a path, as
//! Kustomer's apps write them. Each mistake gets a message of its own, in the words of the template rather than of a
//! grammar. As in Handlebars, a backslash in quotes is a backslash, except before the quote that ends the text.

use serde_json::Value;

use crate::expr::report::{Fault, brief};

/// A part of the inside of a tag.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    Path(String),
    Literal(Value),
    /// The name of a named argument, before `=`.
    Name(String),
    Open,
    Close,
    /// The names in `as |item key|`.
    Names(Vec<String>),
}

/// Reads the inside of one tag.
pub(super) struct TagReader<'s> {
    source: &'s str,
    position: usize,
    tokens: Vec<Token>,
    depth: usize,
}

impl<'s> TagReader<'s> {
    /// Starts at a position of a template, after the opening braces and what follows them.
    pub fn new(source: &'s str, position: usize) -> TagReader<'s> {
        TagReader { source, position, tokens: Vec::new(), depth: 0 }
    }

    /// Reads up to `end`, such as `}}`; returns the tokens, whether `~` stands before the end, and the position after it.
    pub fn read(mut self, end: &str) -> Result<(Vec<Token>, bool, usize), Fault> {
        loop {
            self.skip_spaces();
            if let Some((strips, length)) = self.end_length(end) {
                if self.depth > 0 {
                    return Err(Fault::new("a parenthesis is not closed: `)` is missing"));
                }
                return Ok((self.tokens, strips, self.position + length));
            }
            self.token(end)?;
        }
    }

    /// The length of the end of the tag, if it comes next, and whether it begins with `~`.
    fn end_length(&self, end: &str) -> Option<(bool, usize)> {
        let rest = self.rest();
        // `}~}}` ends `{{{`, too.
        if end == "}}}" && rest.starts_with("}~}}") {
            return Some((true, "}~}}".len()));
        }
        let strips = rest.starts_with('~');
        rest[usize::from(strips)..].starts_with(end).then_some((strips, usize::from(strips) + end.len()))
    }

    fn rest(&self) -> &'s str {
        &self.source[self.position..]
    }

    fn skip_spaces(&mut self) {
        self.position += self.rest().len() - self.rest().trim_start().len();
    }

    fn token(&mut self, end: &str) -> Result<(), Fault> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Err(missing_end(end)) };
        let (token, length) = match first {
            '(' => {
                self.depth += 1;
                (Token::Open, 1)
            }
            ')' if self.depth == 0 => return Err(Fault::new("`)` closes a parenthesis that is not open")),
            ')' => {
                self.depth -= 1;
                (Token::Close, 1)
            }
            '"' | '\'' => {
                let (text, length) = quoted(rest, first)?;
                (Token::Literal(Value::String(text)), length)
            }
            '{' | '[' if let Some((value, length)) = json(rest) => (Token::Literal(value), length),
            '}' => return Err(missing_end(end)),
            '{' if rest.starts_with("{{") => return Err(missing_end(end)),
            '|' if matches!(self.tokens.last(), Some(Token::Path(word)) if word == "as") => {
                self.tokens.pop();
                names(rest)?
            }
            _ => self.word(rest)?,
        };
        self.tokens.push(token);
        self.position += length;
        Ok(())
    }

    /// A path, a number, `true`, `false`, `null` or the name of an argument.
    fn word(&self, rest: &str) -> Result<(Token, usize), Fault> {
        let (path, length) = path(rest).ok_or_else(|| unexpected(rest))?;
        let after = &rest[length..];
        if after.starts_with('[') {
            let example = format!("`{}.0`", path);
            return Err(Fault::new(format!("an index is written {example}, not `{path}[0]`")));
        }
        let after_spaces = after.trim_start();
        if after_spaces.starts_with('=') && !after_spaces.starts_with("==") && !path.contains(['.', '/', '[']) {
            return Ok((Token::Name(path), rest.len() - after_spaces.len() + 1));
        }
        if !after.is_empty() && !after.starts_with([')', '}', '~', '|']) && !after.starts_with(char::is_whitespace) {
            return Err(unexpected(after));
        }
        let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let unsigned = path.strip_prefix('-').unwrap_or(&path);
        let is_number =
            unsigned.split_once('.').map_or(is_digits(unsigned), |(whole, part)| is_digits(whole) && is_digits(part));
        let is_literal = is_number || matches!(path.as_str(), "true" | "false" | "null");
        let literal = Some(&path).filter(|_| is_literal).and_then(|path| serde_json::from_str(path).ok());
        Ok((literal.map_or(Token::Path(path), Token::Literal), length))
    }
}

fn missing_end(end: &str) -> Fault {
    Fault::new(format!("the tag is not closed: `{end}` is missing"))
}

/// A text in quotes and its length with them.
fn quoted(rest: &str, quote: char) -> Result<(String, usize), Fault> {
    let mut text = String::new();
    let mut characters = rest.char_indices().skip(1).peekable();
    while let Some((index, character)) = characters.next() {
        if character == quote {
            return Ok((text, index + 1));
        }
        match characters.peek() {
            Some((_, next)) if character == '\\' && *next == quote => {
                text.extend(characters.next().map(|(_, quote)| quote))
            }
            _ => text.push(character),
        }
    }
    Err(Fault::new(format!("a quoted text is not closed: {quote} is missing")))
}

/// A list or an object as JSON, and its length. A path can begin with `[`, too.
fn json(rest: &str) -> Option<(Value, usize)> {
    let mut values = serde_json::Deserializer::from_str(rest).into_iter::<Value>();
    let value = values.next()?.ok()?;
    let length = values.byte_offset();
    (!rest[length..].starts_with(['.', '/'])).then_some((value, length))
}

/// The names in `|item key|`, and the length.
fn names(rest: &str) -> Result<(Token, usize), Fault> {
    let inner = rest[1..].split_once('|').map(|(inner, _)| inner).filter(|inner| !inner.contains(['{', '}']));
    let inner = inner.ok_or_else(|| Fault::new("the names after `as` are not closed: `|` is missing"))?;
    let names: Vec<String> = inner.split_whitespace().map(str::to_owned).collect();
    match names.iter().find(|name| !name.chars().all(is_name)) {
        Some(name) => Err(Fault::new(format!("`{}` can't be a name after `as`", brief(name)))),
        None => Ok((Token::Names(names), inner.len() + 2)),
    }
}

/// Whether a character can be part of a name outside of brackets.
fn is_name(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '$' | ':') || !character.is_ascii()
}

/// The path at the start of `rest` in the form that handlebars reads, and its length.
fn path(rest: &str) -> Option<(String, usize)> {
    let (mut path, mut length) = (String::new(), 0);
    if rest.starts_with('@') {
        path.push('@');
        length = 1;
    }
    loop {
        let segment = &rest[length..];
        let names = |text: &str| text.find(|character| !is_name(character)).unwrap_or(text.len());
        let (taken, written) = match segment.chars().next()? {
            '[' => {
                let end = segment.find(']').filter(|end| !segment[..*end].contains('\n'))? + 1;
                (end, segment[..end].to_owned())
            }
            '.' if segment.starts_with("..") => (2, "..".to_owned()),
            '.' if length == 0 => (1, ".".to_owned()),
            '@' if length > 1 => {
                let end = 1 + names(&segment[1..]);
                (end, format!("[{}]", &segment[..end]))
            }
            first if is_name(first) => (names(segment), segment[..names(segment)].to_owned()),
            _ => return None,
        };
        path.push_str(&written);
        length += taken;
        match rest[length..].chars().next() {
            Some(separator @ ('.' | '/')) => {
                path.push(separator);
                length += 1;
            }
            _ => break,
        }
    }
    // handlebars knows these only as parts of longer paths.
    if path == "." {
        path = "this".to_owned();
    } else if path.ends_with("..") {
        path.push_str("/this");
    }
    Some((path, length))
}

/// What is wrong with a character that cannot stand where it does.
fn unexpected(rest: &str) -> Fault {
    let operator: String = rest.chars().take_while(|character| "=!<>&|*+-/%?".contains(*character)).collect();
    let help = match operator.as_str() {
        "=" | "==" | "===" | "!=" | "!==" | "<" | "<=" | ">" | ">=" => {
            "compare with a helper: `{{#if (eq steps.1.status 'paid')}}`, or `ne`, `lt`, `lte`, `gt`, `gte`"
        }
        "&&" | "||" | "!" => "combine with a helper: `{{#if (and steps.1.a steps.1.b)}}`, or `or`, `not`",
        "*" | "+" | "-" | "/" | "%" => "calculate with a helper: `{{math steps.1.price '*' 2}}`",
        "|" => "the helper stands before its value: `{{toUpper steps.1.name}}`",
        "?" => "choose with a block: `{{#if steps.1.paid}}yes{{else}}no{{/if}}`",
        _ if rest.starts_with(',') => "arguments are separated by spaces only",
        _ => "a tag holds a path such as `steps.1.id`, or a helper and its arguments; other text is put in quotes",
    };
    let shown = match operator.as_str() {
        "" => rest.chars().next().map(String::from).unwrap_or_default(),
        operator => operator.to_owned(),
    };
    Fault::new(format!("`{shown}` has no meaning here")).help(help)
}
