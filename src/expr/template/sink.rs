//! Where the text of a template goes: capped, and kept JSON if it is to be JSON.

use serde_json::Value;

use super::json_text::{JsonText, escape_string};
use super::node::Shown;
use super::{OUTPUT_MAX, Stop};

pub(super) struct Sink {
    text: String,
    /// Where in a JSON text it is, if it is one.
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

    /// Writes text of the template itself.
    pub fn write(&mut self, text: &str) -> Result<(), Stop> {
        if let Some(json) = &mut self.json {
            json.follow(text);
        }
        self.push(text)
    }

    /// Writes a value.
    pub fn show(&mut self, value: &Value, shown: &Shown) -> Result<(), Stop> {
        match &self.json {
            None => self.show_text(value, shown),
            Some(json) if json.in_string() => self.show_in_string(value, shown),
            Some(_) => self.show_json(value, shown),
        }
    }

    /// Writes what there is for a missing value.
    pub fn show_nothing(&mut self) -> Result<(), Stop> {
        match &self.json {
            Some(json) if !json.in_string() => self.push("null"),
            _ => Ok(()),
        }
    }

    fn show_text(&mut self, value: &Value, shown: &Shown) -> Result<(), Stop> {
        match value {
            Value::Null => Ok(()),
            Value::String(text) if shown.escaped && needs_escaping(text) => self.push(&handlebars::html_escape(text)),
            Value::String(text) => self.push(text),
            Value::Array(_) | Value::Object(_) if shown.escaped => {
                let mut inner = Sink::text();
                inner.push_json(value)?;
                self.push(&handlebars::html_escape(&inner.text))
            }
            other => self.push_json(other),
        }
    }

    /// Writes a value into a string of JSON: whatever it holds, the string does not end there.
    fn show_in_string(&mut self, value: &Value, shown: &Shown) -> Result<(), Stop> {
        let mut inner = Sink::text();
        inner.show_text(value, shown)?;
        if let Some(json) = &mut self.json
            && json.close_escape()
        {
            self.push("\\")?;
        }
        self.push(&escape_string(&inner.text))
    }

    /// Writes a value where JSON has a value. A text that is not JSON by itself would break what is around it.
    fn show_json(&mut self, value: &Value, shown: &Shown) -> Result<(), Stop> {
        match value {
            Value::String(text) if shown.is_json() => self.push(text),
            Value::String(text) => match serde_json::from_str::<serde::de::IgnoredAny>(text) {
                Ok(_) => self.push(text),
                Err(_) => Err(Stop::NotJson(format!(
                    "the text `{}` stands outside of quotes and is no JSON; put quotes around the tag, or write \
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
        // A value can always be written as JSON; only the sink fails.
        serde_json::to_writer(self, value).map_err(|_| Stop::OutputTooLarge)
    }
}

fn needs_escaping(text: &str) -> bool {
    text.contains(['&', '<', '>', '"', '\'', '`', '='])
}

impl std::io::Write for &mut Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let text = std::str::from_utf8(bytes).map_err(std::io::Error::other)?;
        self.push(text).map_err(|_| std::io::Error::other("the text is too long"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
