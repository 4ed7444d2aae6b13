//! The text of a file: parsing it, and finding the position of a value in it.
//!
//! serde_json parses the text and finds syntax errors, but its values have no positions. So the text is walked a second
//! time through [`RawValue`]s, which are slices of it, and the offset of each value is kept in a tree of [`Span`]s. A
//! JSON pointer leads through that tree to a line and a column.
//!
//! Limits: a text has at most [`TEXT_MAX`] bytes and, by serde_json's own limit, 128 levels. A byte order mark does not
//! count as a column.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::findings::{Anchor, Finding, Findings};
use crate::base::json_text::with_long_integers_as_text;
use crate::objects::escape_pointer;

/// The largest file, in bytes.
pub const TEXT_MAX: usize = 1024 * 1024;

/// A text and the positions of its values.
pub(super) struct Text<'a> {
    /// Without a byte order mark.
    content: &'a str,
    line_starts: Vec<usize>,
    /// Made when a position is first asked for: most texts have nothing wrong in them.
    root: OnceCell<Option<Span>>,
}

/// The offsets of a value and of the values in it.
struct Span {
    key: Option<usize>,
    value: usize,
    /// The keys of an object's members; empty for a list.
    names: Vec<String>,
    children: Vec<Span>,
}

impl<'a> Text<'a> {
    pub fn new(content: &'a str) -> Text<'a> {
        let content = content.strip_prefix('\u{feff}').unwrap_or(content);
        let after_breaks = content.match_indices('\n').map(|(offset, _)| offset + 1);
        Text { content, line_starts: std::iter::once(0).chain(after_breaks).collect(), root: OnceCell::new() }
    }

    /// Parses the text; `None`, with a finding, if it is not JSON.
    pub fn parse(&self, findings: &mut Findings) -> Option<Value> {
        if self.content.len() > TEXT_MAX {
            findings.add(Finding::error("", format!("the file is larger than {TEXT_MAX} bytes")));
            return None;
        }
        // Integers beyond 64 bits keep their digits, as in payloads.
        let (kept, _) = with_long_integers_as_text(self.content.as_bytes());
        let parsed = serde_json::from_slice::<Value>(&kept)
            .or_else(|_| serde_json::from_str::<Value>(self.content))
            .and_then(|document| Ok((document, serde_json::from_str::<&RawValue>(self.content)?)));
        match parsed {
            Ok((document, raw)) => {
                // For the duplicate keys.
                self.span(raw, None, &mut String::new(), findings);
                Some(document)
            }
            Err(error) => {
                let offset = self.offset_of(&error);
                let finding = Finding::error("", syntax_message(&error)).at(Anchor::Offset(offset));
                findings.add(match self.syntax_help(offset) {
                    Some(help) => finding.help(help),
                    None => finding,
                });
                None
            }
        }
    }

    /// Line and column, both from 1, of the value at `pointer`, or of its nearest existing ancestor.
    pub fn locate(&self, pointer: &str, anchor: Anchor) -> (usize, usize) {
        if let Anchor::Offset(offset) = anchor {
            return self.line_and_column(offset);
        }
        let Some(mut span) = self.root() else { return (1, 1) };
        for name in pointer.split('/').skip(1) {
            match span.child(&name.replace("~1", "/").replace("~0", "~")) {
                Some(inner) => span = inner,
                None => return self.line_and_column(span.value),
            }
        }
        let key = span.key.filter(|_| anchor == Anchor::Key);
        self.line_and_column(key.unwrap_or(span.value))
    }

    fn root(&self) -> Option<&Span> {
        let walk = || {
            let raw = serde_json::from_str::<&RawValue>(self.content).ok()?;
            self.span(raw, None, &mut String::new(), &mut Findings::new(true))
        };
        self.root.get_or_init(walk).as_ref()
    }

    fn line_and_column(&self, offset: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let column = self.content.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }

    /// What people write who expect something else than JSON.
    fn syntax_help(&self, offset: usize) -> Option<&'static str> {
        let rest = &self.content[offset..];
        if rest.starts_with(['/', '#']) {
            return Some("JSON has no comments; put remarks into a `meta` or a `description`");
        }
        if rest.starts_with(['\'', '`']) {
            return Some("texts and keys are put in double quotes");
        }
        let begins_otherwise = |first: char| first.is_alphabetic() || first == '-';
        self.content.trim_start().starts_with(begins_otherwise).then_some("this may be YAML; a workflow file is JSON")
    }

    /// serde_json counts bytes; the offset is moved back to where a character begins.
    fn offset_of(&self, error: &serde_json::Error) -> usize {
        let start = self.line_starts.get(error.line().saturating_sub(1)).copied().unwrap_or(0);
        let offset = (start + error.column().saturating_sub(1)).min(self.content.len());
        (0..=offset).rev().find(|offset| self.content.is_char_boundary(*offset)).unwrap_or(0)
    }

    /// The span of `raw` and of everything in it. Also reports duplicate keys, which the parsed value hides.
    fn span(&self, raw: &RawValue, key: Option<usize>, pointer: &mut String, findings: &mut Findings) -> Option<Span> {
        // `raw` is a slice of the text, so the difference of their addresses is an offset.
        let value = (raw.get().as_ptr() as usize).checked_sub(self.content.as_ptr() as usize)?;
        let mut span = Span { key, value, names: Vec::new(), children: Vec::new() };
        if !raw.get().starts_with(['{', '[']) {
            return Some(span);
        }
        let Children(children) = serde_json::from_str(raw.get()).ok()?;
        let mut seen = HashSet::new();
        let mut previous_end = value + 1;
        for (index, (name, raw)) in children.iter().enumerate() {
            let length = pointer.len();
            let key = match name {
                // Between a value and the next key there are only white space and a comma.
                Some(_) => Some(previous_end + self.content.get(previous_end..)?.find('"')?),
                None => None,
            };
            match name {
                Some(name) => pointer.push_str(&format!("/{}", escape_pointer(name))),
                None => pointer.push_str(&format!("/{index}")),
            }
            if let (Some(name), Some(key)) = (name, key)
                && !seen.insert(name.as_str())
                && !findings.full()
            {
                findings.add(Finding::error(&*pointer, format!("duplicate key `{name}`")).at(Anchor::Offset(key)));
            }
            let child = self.span(raw, key, pointer, findings)?;
            pointer.truncate(length);
            previous_end = child.value + raw.get().len();
            span.children.push(child);
        }
        span.names = children.into_iter().filter_map(|(name, _)| name).collect();
        Some(span)
    }
}

impl Span {
    /// For a duplicate key the last member, as in serde_json.
    fn child(&self, name: &str) -> Option<&Span> {
        let index = if self.names.is_empty() {
            name.parse().ok()?
        } else {
            self.names.iter().rposition(|candidate| candidate == name)?
        };
        self.children.get(index)
    }
}

/// serde_json's message without the position at its end, which is reported separately.
fn syntax_message(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.rsplit_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    format!("not JSON: {message}")
}

/// The members of an object or the items of a list, each a slice of the text.
struct Children<'a>(Vec<(Option<String>, &'a RawValue)>);

struct ChildrenVisitor;

impl<'de> Deserialize<'de> for Children<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Children<'de>, D::Error> {
        deserializer.deserialize_any(ChildrenVisitor)
    }
}

impl<'de> Visitor<'de> for ChildrenVisitor {
    type Value = Children<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object or a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Children<'de>, A::Error> {
        let mut children = Vec::new();
        while let Some((name, raw)) = map.next_entry::<String, &RawValue>()? {
            children.push((Some(name), raw));
        }
        Ok(Children(children))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Children<'de>, A::Error> {
        let mut children = Vec::new();
        while let Some(raw) = list.next_element::<&RawValue>()? {
            children.push((None, raw));
        }
        Ok(Children(children))
    }
}
