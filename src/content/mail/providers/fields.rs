//! The fields and files of a provider's form. Names are literal, because they include header fields with any name.
//!
//! Limit: [`FIELDS_MAX`]; Mailgun sends a field for each header field.

use bytes::Bytes;
use encoding_rs::{Encoding, UTF_8};
use serde_json::{Map, Value};

use crate::content::form::{self, FIELDS_MAX};
use crate::content::multipart::{Part, PartReader};
use crate::content::{ContentError, File, sha256};

use super::super::Attachment;

pub struct Fields(Vec<Part>);

impl Fields {
    pub fn of_form(body: &Bytes) -> Result<Fields, ContentError> {
        let fields = form::fields(body).map(|(name, value)| Part {
            name: String::from_utf8_lossy(&name).into_owned(),
            file_name: None,
            content_type: None,
            bytes: value.into(),
        });
        // One more than allowed is enough to detect the excess.
        let fields: Vec<Part> = fields.take(FIELDS_MAX + 1).collect();
        match fields.len() > FIELDS_MAX {
            true => Err(ContentError::TooLarge(format!("the form has more than {FIELDS_MAX} fields"))),
            false => Ok(Fields(fields)),
        }
    }

    pub fn of_parts(body: &Bytes, boundary: Option<&str>) -> Result<Fields, ContentError> {
        let mut parts = PartReader::of(body, boundary)?;
        let mut fields = Vec::new();
        while let Some(part) = parts.next()? {
            fields.push(part);
        }
        Ok(Fields(fields))
    }

    pub fn has(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    fn find(&self, name: &str) -> Option<&Part> {
        self.0.iter().find(|field| field.name == name)
    }

    /// The raw value of a field or file.
    pub fn bytes(&self, name: &str) -> Option<Bytes> {
        self.find(name).map(|field| field.bytes.clone())
    }

    /// The value of a field in UTF-8.
    pub fn text(&self, name: &str) -> Option<String> {
        self.text_in(name, UTF_8)
    }

    pub fn text_in(&self, name: &str, encoding: &'static Encoding) -> Option<String> {
        self.find(name).map(|field| encoding.decode(&field.bytes).0.into_owned())
    }

    /// The value of a JSON field; `None` if absent or empty.
    pub fn json(&self, name: &str) -> Result<Option<Value>, ContentError> {
        let present = self.find(name).filter(|field| !field.bytes.is_empty());
        let read = |field: &Part| {
            crate::content::json::read(&field.bytes)
                .map_err(|error| ContentError::Malformed(format!("field `{name}`: {error}")))
        };
        present.map(read).transpose()
    }

    /// The files as attachments. `content_id` returns the content id for the name of a field, if any.
    pub fn attachments(&self, content_id: impl Fn(&str) -> Option<String>) -> Vec<Attachment> {
        let files = self.0.iter().zip(1..).filter(|(field, _)| field.is_file());
        files
            .map(|(field, part)| {
                let content_id = content_id(&field.name);
                Attachment {
                    part,
                    name: field.file_name.clone().filter(|name| !name.is_empty()),
                    content_type: field.content_type.clone(),
                    size_bytes: field.bytes.len(),
                    sha256: sha256(&field.bytes),
                    is_inline: content_id.is_some(),
                    content_id: content_id.map(|id| id.trim_matches(['<', '>']).to_owned()),
                }
            })
            .collect()
    }

    /// The file in a part; `None` if the part is a field.
    pub fn into_file(self, part: usize) -> Option<File> {
        self.0.into_iter().nth(part.checked_sub(1)?)?.into_file()
    }

    /// The fields for which `is_used` returns false, as strings.
    pub fn others(&self, is_used: impl Fn(&str) -> bool) -> Result<Map<String, Value>, ContentError> {
        let mut others = Map::new();
        for field in self.0.iter().filter(|field| !field.is_file() && !is_used(&field.name)) {
            // serde_json interprets such keys when it parses the object.
            if field.name.starts_with("$serde_json::") {
                return Err(ContentError::Malformed(format!("the field's name {:?} is reserved", field.name)));
            }
            let value = String::from_utf8_lossy(&field.bytes).into_owned();
            others.entry(field.name.as_str()).or_insert(Value::String(value));
        }
        Ok(others)
    }
}
