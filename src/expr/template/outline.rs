//! The structure of a template: which tags open and close blocks, and the text that handlebars parses.
//!
//! handlebars gets each piece on a line of its own, with a mark in place of each text, so that it finds only structure:
//! the texts and their white space are final when it parses them, and the line of an element leads to its tag.

use std::fmt::Write;

use super::parse::BLOCKS;
use super::scan::{Piece, Tag, TagKind, located, place};
use super::tag::Token;
use crate::expr::operations;
use crate::expr::report::{Fault, brief};

/// A template that is ready to be parsed.
pub(super) struct Outline<'s> {
    source: &'s str,
    pieces: Vec<Piece>,
    /// Where the tag of each piece begins; for a closing tag, where the tag begins that opens the block.
    positions: Vec<usize>,
}

/// A block that is open.
struct Block<'p> {
    tag: &'p Tag,
    /// The name in the text for handlebars.
    name: String,
    has_else: bool,
}

impl<'s> Outline<'s> {
    /// The outline of `pieces`, and the text for handlebars.
    pub fn new(source: &'s str, pieces: Vec<Piece>) -> Result<(Outline<'s>, String), Fault> {
        let (mut text, mut blocks, mut positions) = (String::new(), Vec::new(), Vec::with_capacity(pieces.len()));
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Text(_) => {
                    positions.push(0);
                    let _ = write!(text, "#{index};");
                }
                Piece::Tag(tag) => {
                    let position = write_tag(tag, &mut blocks, &mut text);
                    positions.push(position.map_err(|fault| located(fault, source, tag.position))?);
                }
            }
            text.push('\n');
        }
        if let Some(Block { tag, .. }) = blocks.pop() {
            let fault = Fault::new(format!("the block is not closed: `{{{{/{}}}}}` is missing", brief(tag.name())));
            return Err(located(fault, source, tag.position));
        }
        drop(blocks);
        Ok((Outline { source, pieces, positions }, text))
    }

    /// The texts that a raw string of handlebars stands for.
    pub fn text(&self, marks: &str) -> String {
        let indexes = marks.split(';').filter_map(|mark| mark.trim().strip_prefix('#')?.parse::<usize>().ok());
        let texts = indexes.filter_map(|index| match self.pieces.get(index) {
            Some(Piece::Text(text)) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    /// Where the element in a line of the text begins in the template, if that has several lines.
    pub fn place(&self, line: usize) -> Option<String> {
        place(self.source, *self.positions.get(line.checked_sub(1)?)?)
    }

    /// The fault of a tag that handlebars can't parse.
    pub fn unparsed(&self, line: usize) -> Fault {
        let fault = Fault::new("the tag can't be read");
        let fault = fault.help("a tag holds a path such as `steps.1.id`, or a helper and its arguments");
        match line.checked_sub(1).and_then(|index| self.positions.get(index)) {
            Some(position) => located(fault, self.source, *position),
            None => fault,
        }
    }
}

/// Writes a tag for handlebars; returns the position that stands for it.
fn write_tag<'p>(tag: &'p Tag, blocks: &mut Vec<Block<'p>>, text: &mut String) -> Result<usize, Fault> {
    match tag.kind {
        TagKind::Comment => {}
        TagKind::Value => *text += &format!("{{{{{}}}}}", write_tokens(&tag.tokens)),
        TagKind::RawValue => *text += &format!("{{{{{{{}}}}}}}", write_tokens(&tag.tokens)),
        TagKind::Open => {
            check_name(tag)?;
            blocks.push(Block { tag, name: tag.name().to_owned(), has_else: false });
            *text += &format!("{{{{#{}}}}}", write_tokens(&tag.tokens));
        }
        TagKind::OpenInverse => {
            blocks.push(Block { tag, name: "unless".to_owned(), has_else: false });
            *text += &format!("{{{{#unless {}}}}}", inverse_test(tag)?);
        }
        TagKind::Else => {
            let block = blocks.last_mut().ok_or_else(|| Fault::new("`{{else}}` stands outside of a block"))?;
            if std::mem::replace(&mut block.has_else, tag.tokens.is_empty()) {
                return Err(Fault::new(format!(
                    "the block `{{{{#{}}}}}` has an `{{{{else}}}}` already",
                    block.tag.name()
                )));
            }
            *text += &format!("{{{{else {}}}}}", write_tokens(&tag.tokens));
        }
        TagKind::Close => {
            let name = tag.name();
            let Some(block) = blocks.pop() else {
                return Err(Fault::new(format!("`{{{{/{}}}}}` closes a block, but none is open", brief(name))));
            };
            let opened = block.tag.name();
            if !name.is_empty() && name != opened {
                return Err(Fault::new(format!(
                    "the innermost open block is `{{{{#{}}}}}`, which `{{{{/{0}}}}}` closes",
                    brief(opened)
                )));
            }
            *text += &format!("{{{{/{}}}}}", block.name);
            return Ok(block.tag.position);
        }
    }
    Ok(tag.position)
}

/// A block opens with the name of a helper.
fn check_name(tag: &Tag) -> Result<(), Fault> {
    let name = tag.name();
    if !name.is_empty() && !name.contains(['.', '/', '[', '@']) {
        return Ok(());
    }
    let value = write_tokens(&tag.tokens[..1]);
    let fault = Fault::new(format!("a block opens with a helper, not with the value `{}`", brief(&value)));
    Err(fault
        .help(format!("write `{{{{#each {value}}}}}` for a list, `{{{{#if {value}}}}}` or `{{{{#with {value}}}}}`")))
}

/// What `{{^…}}` tests.
fn inverse_test(tag: &Tag) -> Result<String, Fault> {
    let arguments = &tag.tokens[1..];
    match tag.name() {
        "if" => Ok(write_tokens(arguments)),
        name if BLOCKS.contains(&name) => {
            let fault = Fault::new(format!("`{{{{^{name}}}}}` is not supported"));
            Err(fault.help(format!("write `{{{{#{name} …}}}}{{{{else}}}}…{{{{/{name}}}}}`")))
        }
        name if operations::find(name).is_some() => Ok(format!("({})", write_tokens(&tag.tokens))),
        _ => Ok(write_tokens(&tag.tokens)),
    }
}

fn write_tokens(tokens: &[Token]) -> String {
    let mut text = String::new();
    for token in tokens {
        if !text.is_empty() && !text.ends_with(['(', '=']) {
            text.push(' ');
        }
        match token {
            Token::Path(path) => text += path,
            Token::Literal(value) => text += &value.to_string(),
            Token::Name(name) => text += &format!("{name}="),
            Token::Open => text.push('('),
            Token::Close => text.push(')'),
            Token::Names(names) => text += &format!("as |{}|", names.join(" ")),
        }
    }
    text
}
