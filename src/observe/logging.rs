//! Log lines, as text for people or as JSON for programs.
//!
//! A line about a run, a hook or a workflow has `run_id`, `hook` or `workflow` as a key-value pair. A failure is logged
//! once, where it is handled, with all its causes. Lines contain no secrets, payloads or headers.

use std::io::Write;

use env_logger::fmt::Formatter;
use log::kv::{Error, Key, Value, VisitSource, VisitValue};
use log::{LevelFilter, Record};
use serde_json::{Map, json};

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    Text,
    Json,
}

/// Libraries whose lines do not help operators.
const QUIET_MODULES: [(&str, LevelFilter); 4] = [
    ("handlebars", LevelFilter::Warn),
    ("jsonpath_lib", LevelFilter::Off),
    ("actix_server", LevelFilter::Warn),
    ("actix_http", LevelFilter::Warn),
];

/// Starts logging to standard error. `filter` is in env_logger's syntax: `info`, `warn,hookflow::engine=debug`.
pub fn start(filter: &str, format: LogFormat) {
    let mut builder = env_logger::Builder::new();
    // Set before the filter, which may override it. Some of these modules would log payloads.
    for (module, level) in QUIET_MODULES {
        builder.filter_module(module, level);
    }
    builder.parse_filters(filter);
    match format {
        LogFormat::Text => builder.format_target(false).format_timestamp_millis(),
        LogFormat::Json => builder.format(write_json),
    };
    builder.init();
}

fn write_json(formatter: &mut Formatter, record: &Record<'_>) -> std::io::Result<()> {
    let mut line = Map::new();
    line.insert("time".into(), json!(crate::base::time::Timestamp::now()));
    line.insert("level".into(), json!(record.level().as_str().to_lowercase()));
    line.insert("message".into(), json!(record.args().to_string()));
    let mut pairs = Pairs(line);
    // A pair that cannot be serialized is dropped; the rest of the line is still useful.
    let _ = record.key_values().visit(&mut pairs);
    writeln!(formatter, "{}", serde_json::Value::Object(pairs.0))
}

struct Pairs(Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Pairs {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        let mut json = Json(serde_json::Value::Null);
        value.visit(&mut json)?;
        self.0.insert(key.as_str().to_owned(), json.0);
        Ok(())
    }
}

/// A value as JSON: numbers, booleans and texts as they are, everything else as its text.
struct Json(serde_json::Value);

impl VisitValue<'_> for Json {
    fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
        self.0 = json!(value.to_string());
        Ok(())
    }

    fn visit_null(&mut self) -> Result<(), Error> {
        self.0 = serde_json::Value::Null;
        Ok(())
    }

    fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }

    fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }

    fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }

    fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }

    fn visit_str(&mut self, value: &str) -> Result<(), Error> {
        self.0 = json!(value);
        Ok(())
    }
}
