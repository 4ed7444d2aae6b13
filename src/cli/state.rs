//! The state of a running server: its hooks, klasses and workflows, for comparison with files.

use serde_json::{Map, Value, json};

use super::remote::{RemoteError, Server};
use crate::actions;
use crate::hook::HookKind;
use crate::workflow::{Known, KnownNames};

/// Everything that files could declare.
#[derive(Debug)]
pub struct State {
    /// Sorted by name.
    pub hooks: Vec<Record>,
    pub klasses: Vec<Record>,
    pub workflows: Vec<Record>,
}

/// One hook, klass or workflow.
#[derive(Debug)]
pub struct Record {
    pub name: String,
    pub id: String,
    /// Its URL path.
    pub link: String,
    pub attributes: Value,
}

impl State {
    /// Reads the state from the server.
    ///
    /// # Errors
    /// Errors of the requests.
    pub fn read(server: &Server) -> Result<State, RemoteError> {
        Ok(State {
            hooks: list(server, "/v1/hooks")?,
            klasses: list(server, "/v1/klasses")?,
            workflows: list(server, "/v1/workflows")?,
        })
    }

    /// What files may refer to when they are applied to this server.
    pub fn known(&self) -> Known<'static> {
        let klasses = self.klasses.iter().map(|klass| (klass.name.clone(), klass.object("properties")));
        let mut names = KnownNames::default();
        names.klasses.extend(klasses);
        for hook in &self.hooks {
            hook.kind().into_iter().for_each(|kind| names.add_hook(kind, &hook.name, hook.id.clone()));
        }
        self.workflows.iter().for_each(|workflow| names.add_workflow(&workflow.name, workflow.id.clone()));
        actions::known(names)
    }
}

impl Record {
    pub fn text(&self, key: &str) -> Option<&str> {
        self.attributes.get(key)?.as_str()
    }

    fn object(&self, key: &str) -> Map<String, Value> {
        self.attributes.get(key).and_then(Value::as_object).cloned().unwrap_or_default()
    }

    /// The kind of a hook; `None` if this version does not know it.
    pub fn kind(&self) -> Option<HookKind> {
        self.text("kind")?.parse().ok()
    }

    pub fn is_enabled(&self) -> bool {
        self.attributes["enabled"] == json!(true)
    }

    /// The hook or klass as a file declares it, with these keys; keys without a value are omitted.
    pub fn declaration(&self, keys: &[(&str, &str)]) -> Value {
        let member = |(key, attribute): &(&str, &str)| {
            let value = self.attributes.get(*attribute).filter(|value| !value.is_null())?;
            Some(((*key).to_owned(), value.clone()))
        };
        Value::Object(keys.iter().filter_map(member).collect())
    }
}

/// All entries of a list, sorted by name.
fn list(server: &Server, path: &str) -> Result<Vec<Record>, RemoteError> {
    let mut records: Vec<Record> = server.all(path)?.into_iter().map(record).collect();
    records.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(records)
}

fn record(mut resource: Value) -> Record {
    let attributes = resource["attributes"].take();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Record {
        name: text(&attributes["name"]),
        id: text(&resource["id"]),
        link: text(&resource["links"]["self"]),
        attributes,
    }
}
