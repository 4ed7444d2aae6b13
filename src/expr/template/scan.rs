//! Splits a template into texts and tags.

use super::tag::{TagReader, Token};
use crate::expr::report::{Fault, brief};

/// A part of a template.
#[derive(Clone, Debug)]
pub(super) enum Piece {
    Text(String),
    Tag(Tag),
}

#[derive(Clone, Debug)]
pub(super) struct Tag {
    /// Where it begins, in bytes.
    pub position: usize,
    pub kind: TagKind,
    pub tokens: Vec<Token>,
    /// Whether `~` removes the white space before and after it.
    pub strips: [bool; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TagKind {
    /// `{{x}}`
    Value,
    /// `{{{x}}}` or `{{&x}}`
    RawValue,
    /// `{{#name x}}`
    Open,
    /// `{{^name x}}`
    OpenInverse,
    /// `{{else}}` or `{{else if x}}`
    Else,
    /// `{{/name}}`
    Close,
    Comment,
}

/// The texts and tags of a template.
pub(super) fn scan(source: &str) -> Result<Vec<Piece>, Fault> {
    let mut pieces = Vec::new();
    let (mut text, mut position) = (String::new(), 0);
    while let Some(length) = source[position..].find("{{") {
        let start = position + length;
        let before = &source[position..start];
        // `\{{` is text; `\\{{` is a backslash and a tag.
        let unescaped = before.strip_suffix('\\');
        text.push_str(unescaped.unwrap_or(before));
        if unescaped.is_some_and(|before| !before.ends_with('\\')) {
            text.push_str("{{");
            position = start + 2;
            continue;
        }
        if source[start..].starts_with("{{{{") {
            let (raw, end) = raw_block(source, start).map_err(|fault| located(fault, source, start))?;
            text.push_str(raw);
            position = end;
            continue;
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut text)));
        }
        let (tag, end) = tag(source, start).map_err(|fault| located(fault, source, start))?;
        pieces.push(Piece::Tag(tag));
        position = end;
    }
    text.push_str(&source[position..]);
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    Ok(pieces)
}

/// Reads the tag at `start`; returns it and the position after it.
fn tag(source: &str, start: usize) -> Result<(Tag, usize), Fault> {
    let mut rest = &source[start + 2..];
    let strips_before = rest.starts_with('~');
    rest = &rest[usize::from(strips_before)..];
    if rest.trim_start().starts_with(['#', '^', '/', '&', '!']) {
        rest = rest.trim_start();
    }
    if let Some(comment) = rest.strip_prefix('!') {
        let (strips_after, length) = comment_length(comment)?;
        let end = source.len() - comment.len() + length;
        let strips = [strips_before, strips_after];
        return Ok((Tag { position: start, kind: TagKind::Comment, tokens: Vec::new(), strips }, end));
    }
    let (mut kind, length) = match rest.chars().next() {
        Some('{') => (TagKind::RawValue, 1),
        Some('&') => (TagKind::RawValue, 1),
        Some('#') => (TagKind::Open, 1),
        Some('^') => (TagKind::OpenInverse, 1),
        Some('/') => (TagKind::Close, 1),
        _ => (TagKind::Value, 0),
    };
    let name = rest[length..].trim_start();
    if let Some(partial) = name.strip_prefix('>') {
        return Err(Fault::new(format!("partials are not allowed: `{}`", first_word(partial))));
    }
    if let Some(decorator) = name.strip_prefix('*') {
        return Err(Fault::new(format!("decorators are not allowed: `{}`", first_word(decorator))));
    }
    let end = if rest.starts_with('{') { "}}}" } else { "}}" };
    let (mut tokens, strips_after, position) = TagReader::new(source, source.len() - rest.len() + length).read(end)?;
    if kind == TagKind::OpenInverse && tokens.is_empty() {
        kind = TagKind::Else;
    }
    if kind == TagKind::Value && tokens.first() == Some(&Token::Path("else".to_owned())) {
        tokens.remove(0);
        kind = TagKind::Else;
    }
    let tag = Tag { position: start, kind, tokens, strips: [strips_before, strips_after] };
    tag.check()?;
    Ok((tag, position))
}

impl Tag {
    /// Reports what makes no sense in any template.
    fn check(&self) -> Result<(), Fault> {
        if self.kind == TagKind::Close {
            return match self.tokens.as_slice() {
                [] | [Token::Path(_)] => Ok(()),
                _ => Err(Fault::new("a closing tag has only a name: `{{/if}}`")),
            };
        }
        match self.tokens.as_slice() {
            [] if self.kind == TagKind::Else => Ok(()),
            [] => Err(Fault::new("the tag is empty").help("write a path such as `steps.1.id`, or a helper")),
            [Token::Path(path), Token::Path(next), ..] if path.contains('.') && !path.starts_with("..") => {
                let parent = path.rsplit_once('.').map_or(path.as_str(), |(parent, _)| parent);
                let name = &path[parent.len() + 1..];
                let fault = Fault::new(format!("`{}` is a value, which takes no arguments", brief(path)));
                Err(fault.help(format!("a name with spaces is put in brackets: `{parent}.[{name} {}]`", brief(next))))
            }
            [Token::Path(path), _, ..] if path.contains('.') => {
                Err(Fault::new(format!("`{}` is a value, which takes no arguments", brief(path))))
            }
            [Token::Literal(_), _, ..] | [Token::Name(_), ..] => {
                Err(Fault::new("a tag with arguments begins with the name of a helper"))
            }
            _ => Ok(()),
        }
    }

    /// The name of the block that it opens or closes.
    pub fn name(&self) -> &str {
        match self.tokens.first() {
            Some(Token::Path(name)) => name,
            _ => "",
        }
    }
}

/// Whether `~` ends a comment, and the length from after its `!` to its end.
fn comment_length(comment: &str) -> Result<(bool, usize), Fault> {
    let ends: &[(bool, &str)] = match comment.starts_with("--") {
        true => &[(false, "--}}"), (true, "--~}}")],
        false => &[(true, "~}}"), (false, "}}")],
    };
    let found = ends.iter().filter_map(|(strips, end)| Some((comment.find(end)?, *strips, end.len())));
    let first = found.min_by_key(|(start, ..)| *start);
    let missing =
        || Fault::new(format!("the comment is not closed: `{}` is missing", ends[0].1.trim_start_matches('~')));
    first.map(|(start, strips, length)| (strips, start + length)).ok_or_else(missing)
}

/// The text in `{{{{raw}}}}…{{{{/raw}}}}`, and the position after it.
fn raw_block(source: &str, start: usize) -> Result<(&str, usize), Fault> {
    const END: &str = "{{{{/raw}}}}";
    let inner = &source[start + 4..];
    let name_length = inner.find("}}}}").ok_or_else(|| Fault::new("the tag is not closed: `}}}}` is missing"))?;
    let name = inner[..name_length].trim();
    if name != "raw" {
        let fault = Fault::new(format!("unknown helper `{}` in four braces", brief(name)));
        return Err(fault.help("`{{{{raw}}}}` is the only block with four braces; a value has two or three"));
    }
    let text_start = start + 4 + name_length + 4;
    let length = source[text_start..]
        .find(END)
        .ok_or_else(|| Fault::new(format!("`{{{{{{{{raw}}}}}}}}` is not closed: `{END}` is missing")))?;
    Ok((&source[text_start..text_start + length], text_start + length + END.len()))
}

fn first_word(text: &str) -> String {
    let end = text.trim_start().find(|character: char| character.is_whitespace() || "}~".contains(character));
    let text = text.trim_start();
    brief(&text[..end.unwrap_or(text.len())]).into_owned()
}

/// Adds the tag and, if the template has several lines, its position.
pub(super) fn located(fault: Fault, source: &str, position: usize) -> Fault {
    let tag = source[position..].lines().next().unwrap_or_default();
    let end = tag.find("}}").map_or(tag.len(), |end| end + 2 + usize::from(tag[end + 2..].starts_with('}')));
    let place = place(source, position).unwrap_or_default();
    Fault { message: format!("in `{}`{place}: {}", brief(&tag[..end]), fault.message), ..fault }
}

/// ` at line 3, column 5 of the template`, if it has several lines.
pub(super) fn place(source: &str, position: usize) -> Option<String> {
    let before = &source[..position];
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    source
        .contains('\n')
        .then(|| format!(" at line {}, column {column} of the template", before.matches('\n').count() + 1))
}
