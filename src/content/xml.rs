//! XML bodies.
//!
//! `<order id="7"><item>a</item><item>b</item></order>` becomes `{"order": {"@id": "7", "item": ["a", "b"]}}`:
//! attributes have the prefix `@`, repeated children become a list, an element with only text becomes a string, and
//! text beside attributes or children becomes `#text`. Names keep their prefixes. White space around text, comments and
//! processing instructions are dropped. A document type that names an external definition is ignored, and the definition
//! never read; one with definitions of its own is rejected. So there are no entities except the five of XML.
//!
//! Limits: [`LEVELS_MAX`], [`NODES_MAX`], [`NAME_BYTES_MAX`].

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use serde_json::{Map, Value};

use super::field_tree::NAME_BYTES_MAX;
use super::notes::Notes;
use super::{ContentError, text};

/// The deepest nesting of elements. An element is up to two levels of the payload, which stays within its own limit.
const LEVELS_MAX: usize = 40;
/// The most elements and attributes of a document.
const NODES_MAX: usize = 20_000;

/// Parses a document, in the encoding of the header or of the document.
pub(super) fn read(body: &[u8], encoding: Option<&'static Encoding>, notes: &mut Notes) -> Result<Value, ContentError> {
    let text = text::document(body, encoding.or_else(|| declared_encoding(body)).unwrap_or(UTF_8), notes);
    let mut reader = Reader::from_str(&text);
    let mut document = Document::default();
    loop {
        let begin = reader.buffer_position();
        let event = reader.read_event();
        let taken = match event {
            Ok(Event::Eof) => break,
            Ok(event) => document.take(event),
            Err(error) => Err(Problem::Malformed(error.to_string())),
        };
        taken.map_err(|problem| problem.at(&place(&text, begin)))?;
    }
    document.finish().map_err(|problem| problem.at("the end"))
}

/// The encoding in the document's declaration.
fn declared_encoding(body: &[u8]) -> Option<&'static Encoding> {
    match Reader::from_reader(body).read_event() {
        Ok(Event::Decl(declaration)) => Encoding::for_label_no_replacement(&declaration.encoding()?.ok()?),
        _ => None,
    }
}

/// The line and column of a byte position.
fn place(text: &str, position: u64) -> String {
    let position = usize::try_from(position).unwrap_or(usize::MAX).min(text.len());
    let before = &text.as_bytes()[..position];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    format!("line {line} column {column}")
}

/// An error without its location.
enum Problem {
    Malformed(String),
    TooDeep,
    TooMany,
    LongName,
}

impl Problem {
    fn at(self, place: &str) -> ContentError {
        match self {
            Problem::Malformed(detail) => ContentError::Malformed(format!("invalid XML: {detail} at {place}")),
            Problem::TooDeep => {
                ContentError::TooDeep(format!("the XML nests deeper than {LEVELS_MAX} levels at {place}"))
            }
            Problem::TooMany => {
                ContentError::TooLarge(format!("the XML has more than {NODES_MAX} elements and attributes"))
            }
            Problem::LongName => {
                ContentError::TooLarge(format!("a name in the XML is longer than {NAME_BYTES_MAX} bytes at {place}"))
            }
        }
    }
}

fn malformed<T>(detail: impl ToString) -> Result<T, Problem> {
    Err(Problem::Malformed(detail.to_string()))
}

/// A document during parsing.
#[derive(Default)]
struct Document {
    open: Vec<Element>,
    root: Option<(String, Value)>,
    nodes: usize,
}

struct Element {
    name: String,
    members: Map<String, Value>,
    text: String,
}

impl Document {
    fn take(&mut self, event: Event<'_>) -> Result<(), Problem> {
        match event {
            Event::Start(tag) => self.open(&tag),
            Event::Empty(tag) => {
                self.open(&tag)?;
                self.close()
            }
            Event::End(_) => self.close(),
            Event::Text(text) => match text.xml10_content() {
                Ok(text) => self.text(&text),
                Err(error) => malformed(error),
            },
            Event::CData(text) => match text.xml10_content() {
                Ok(text) => self.text(&text),
                Err(error) => malformed(error),
            },
            Event::GeneralRef(reference) => self.text(&resolve(&reference)?),
            Event::DocType(definition) if definition.contains(&b'[') => {
                malformed("a document type (`<!DOCTYPE`) with definitions is not allowed")
            }
            Event::DocType(_) | Event::Decl(_) | Event::Comment(_) | Event::PI(_) | Event::Eof => Ok(()),
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>) -> Result<(), Problem> {
        if self.open.len() == LEVELS_MAX {
            return Err(Problem::TooDeep);
        }
        if self.open.is_empty() && self.root.is_some() {
            return malformed("second root element");
        }
        self.count()?;
        let mut members = Map::new();
        // The map detects repeated attributes faster than the library.
        for attribute in tag.attributes().with_checks(false) {
            self.count()?;
            let attribute = attribute.or_else(malformed)?;
            let name = format!("@{}", checked_name(attribute.key.as_ref())?);
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).or_else(malformed)?;
            if members.insert(name, Value::String(value.into_owned())).is_some() {
                return malformed("repeated attribute");
            }
        }
        let name = checked_name(tag.name().as_ref())?.to_owned();
        self.open.push(Element { name, members, text: String::new() });
        Ok(())
    }

    fn count(&mut self) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > NODES_MAX { Err(Problem::TooMany) } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(element) = self.open.pop() else { return malformed("end tag without a start tag") };
        let (name, value) = element.finish();
        match self.open.last_mut() {
            Some(parent) => add_child(&mut parent.members, name, value),
            None => self.root = Some((name, value)),
        }
        Ok(())
    }

    fn text(&mut self, text: &str) -> Result<(), Problem> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => return malformed("text outside the root element"),
        }
        Ok(())
    }

    fn finish(self) -> Result<Value, Problem> {
        if let Some(element) = self.open.last() {
            return malformed(format!("element `{}` has no end tag", element.name));
        }
        let Some((name, value)) = self.root else { return malformed("no root element") };
        Ok(Value::Object(Map::from_iter([(name, value)])))
    }
}

impl Element {
    fn finish(self) -> (String, Value) {
        let (text, mut members) = (self.text.trim(), self.members);
        if members.is_empty() {
            return (self.name, Value::String(text.to_owned()));
        }
        if !text.is_empty() {
            members.insert("#text".to_owned(), Value::String(text.to_owned()));
        }
        (self.name, Value::Object(members))
    }
}

/// Adds a child. A repeated name becomes a list; a single child never is one.
fn add_child(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        Some(Value::Array(items)) => items.push(value),
        Some(first) => *first = Value::Array(vec![first.take(), value]),
        None => drop(members.insert(name, value)),
    }
}

/// Checks a name, because the library accepts almost anything, including names with our prefixes.
fn checked_name(name: &[u8]) -> Result<&str, Problem> {
    let name = std::str::from_utf8(name).or_else(malformed)?;
    if name.len() > NAME_BYTES_MAX {
        return Err(Problem::LongName);
    }
    match name.starts_with(|first: char| first.is_alphabetic() || first == '_' || first == ':') {
        true => Ok(name),
        false => malformed(format!("{name:?} is not a name")),
    }
}

/// Resolves a character or entity reference.
fn resolve(reference: &BytesRef<'_>) -> Result<Cow<'static, str>, Problem> {
    if let Some(character) = reference.resolve_char_ref().or_else(malformed)? {
        return Ok(character.to_string().into());
    }
    let name = reference.decode().or_else(malformed)?;
    match resolve_xml_entity(&name) {
        Some(text) => Ok(text.into()),
        None => malformed(format!("unknown entity `&{name};`")),
    }
}
