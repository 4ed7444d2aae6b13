//! The output of a template: limited in length, and valid JSON if required.

use serde_json::Value;

use crate::expr::number_text::number_text;

use super::json_text::{JsonText, escape_string};
use super::node::Interpolation;
use super::{OUTPUT_MAX, Stop};

pub(super) struct Sink {
    text: String,
    /// The position in the JSON text; `None` for plain text.
    json: Option<JsonText>,
}

impl Sink {
    pub fn text() -> Sink {
        Sink { text: String::new(), json: None }
    }

    pub fn json() -> Sink {
        Sink { text: String::new(), json: Some(JsonText::default()) }
    }

    pub fn finish(self) -> String {
        self.text
    }

    /// Writes literal text of the template.
    pub fn write(&mut self, text: &str) -> Result<(), Stop> {
        if let Some(json) = &mut self.json {
            json.follow(text);
        }
        self.push(text)
    }

    /// Writes a value.
    pub fn write_value(&mut self, value: &Value, interpolation: &Interpolation) -> Result<(), Stop> {
        match &self.json {
            None => self.write_text(value, interpolation),
            Some(json) if json.in_string() => self.write_in_string(value, interpolation),
            Some(_) => self.write_json(value, interpolation),
        }
    }

    /// Writes a missing value.
    pub fn write_missing(&mut self) -> Result<(), Stop> {
        match &self.json {
            Some(json) if !json.in_string() => self.push("null"),
            _ => Ok(()),
        }
    }

    fn write_text(&mut self, value: &Value, interpolation: &Interpolation) -> Result<(), Stop> {
        match value {
            Value::Null => Ok(()),
            Value::String(text) if interpolation.escaped && needs_escaping(text) => {
                self.push(&handlebars::html_escape(text))
            }
            Value::String(text) => self.push(text),
            Value::Number(number) => self.push(&number_text(number)),
            Value::Array(_) | Value::Object(_) if interpolation.escaped => {
                let mut inner = Sink::text();
                inner.push_json(value)?;
                self.push(&handlebars::html_escape(&inner.text))
            }
            other => self.push_json(other),
        }
    }

    /// Writes a value inside a JSON string, escaped so that it can't end the string.
    fn write_in_string(&mut self, value: &Value, interpolation: &Interpolation) -> Result<(), Stop> {
        let mut inner = Sink::text();
        inner.write_text(value, interpolation)?;
        if let Some(json) = &mut self.json
            && json.close_escape()
        {
            self.push("\\")?;
        }
        self.push(&escape_string(&inner.text))
    }

    /// Writes a JSON value. A string must itself be valid JSON, or it would break the structure.
    fn write_json(&mut self, value: &Value, interpolation: &Interpolation) -> Result<(), Stop> {
        match value {
            Value::String(text) if interpolation.is_json() => self.push(text),
            Value::String(text) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => self.push(text),
                Err(_) => Err(Stop::NotJson(format!(
                    "the string `{}` is not inside quotes and is not JSON itself; put quotes around the tag, or use \
                     {{{{json …}}}}",
                    crate::expr::report::brief(text)
                ))),
            },
            other => self.push_json(other),
        }
    }

    fn push(&mut self, text: &str) -> Result<(), Stop> {
        if self.text.len() + text.len() > OUTPUT_MAX {
            return Err(Stop::OutputTooLarge);
        }
        self.text.push_str(text);
        Ok(())
    }

    fn push_json(&mut self, value: &Value) -> Result<(), Stop> {
        // Serialising a JSON value can't fail; only the sink can.
        serde_json::to_writer(self, value).map_err(|_| Stop::OutputTooLarge)
    }
}

fn needs_escaping(text: &str) -> bool {
    text.contains(['&', '<', '>', '"', '\'', '`', '='])
}

impl std::io::Write for &mut Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        self.push(text).map_err(|_| std::io::Error::other("the output is too long"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
