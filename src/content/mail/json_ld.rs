//! JSON-LD: the `<script type="application/ld+json">` blocks of an HTML page, in which shops describe orders and
//! parcels.
//!
//! A block that is malformed or exceeds a limit is dropped with a note, and does not affect the rest of the mail.
//!
//! Limits: [`BLOCKS_MAX`], [`BLOCK_BYTES_MAX`], [`BLOCK_LEVELS_MAX`].

use html5gum::{DefaultEmitter, Token, Tokenizer};
use serde_json::Value;

use crate::base::json::is_deeper_than;
use crate::content::{ContentError, json};

/// The most blocks.
const BLOCKS_MAX: usize = 50;
/// The longest block.
const BLOCK_BYTES_MAX: usize = 256 * 1024;
/// The deepest nesting of a block.
const BLOCK_LEVELS_MAX: usize = 50;

/// Parses the blocks of a page.
pub fn read(html: &str, notes: &mut Vec<String>) -> Vec<Value> {
    let mut found = Vec::new();
    for (index, block) in blocks(html).enumerate() {
        if index == BLOCKS_MAX {
            notes.push(format!("JSON-LD blocks after the first {BLOCKS_MAX} are dropped"));
            break;
        }
        match parse(&block) {
            Ok(value) => found.push(value),
            Err(problem) => notes.push(format!("JSON-LD block {} is dropped: {problem}", index + 1)),
        }
    }
    found
}

fn parse(block: &[u8]) -> Result<Value, String> {
    if block.len() > BLOCK_BYTES_MAX {
        return Err(format!("it is longer than {BLOCK_BYTES_MAX} bytes"));
    }
    let too_deep = || format!("it nests deeper than {BLOCK_LEVELS_MAX} levels");
    match json::read(block.trim_ascii()) {
        Ok(value) if is_deeper_than(&value, BLOCK_LEVELS_MAX) => Err(too_deep()),
        Ok(value) => Ok(value),
        Err(ContentError::MalformedJson(detail)) => Err(format!("it is not valid JSON: {detail}")),
        Err(_) => Err(too_deep()),
    }
}

/// The texts of the blocks. A block without an end tag is ignored.
fn blocks(html: &str) -> impl Iterator<Item = Vec<u8>> {
    let mut emitter = DefaultEmitter::default();
    // Otherwise, the tokenizer would look for tags inside scripts.
    emitter.naively_switch_states(true);
    let mut open: Option<Vec<u8>> = None;
    Tokenizer::new_with_emitter(html, emitter).filter_map(move |token| {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) if **tag.name == *b"script" => {
                let kind = tag.attributes.get(&b"type"[..]);
                let is_json_ld = kind.is_some_and(|kind| is_json_ld(kind));
                open = is_json_ld.then(Vec::new);
            }
            Token::String(text) => {
                if let Some(block) = &mut open {
                    block.extend_from_slice(&text);
                }
            }
            Token::EndTag(tag) if **tag.name == *b"script" => return open.take(),
            _ => {}
        }
        None
    })
}

/// Whether a type is JSON-LD, with or without parameters.
fn is_json_ld(kind: &[u8]) -> bool {
    let name = kind.split(|byte| *byte == b';').next().unwrap_or_default();
    name.trim_ascii().eq_ignore_ascii_case(b"application/ld+json")
}
