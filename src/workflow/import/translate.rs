//! Writes hookflow's file from the parts of an export.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::shape::Export;
use super::{Finding, Findings, Mappings, Node, VariableUse};

mod declarations;
mod names;
mod outputs;
mod strings;
mod workflows;

use outputs::Outputs;

/// The schema that editors find in the shipped example too.
const SCHEMA: &str = "http://127.0.0.1:8080/schemas/workflow.json";
/// Keys of apps that mean nothing to the workflows in them.
const APP_KEYS: [&str; 22] = [
    "$schema",
    "_id",
    "app",
    "appDetails",
    "author",
    "changelog",
    "default",
    "dependencies",
    "description",
    "details",
    "env",
    "i18n",
    "iconUrl",
    "id",
    "meta",
    "name",
    "platformVersion",
    "roles",
    "system",
    "title",
    "version",
    "visibility",
];

/// A file, where in the export its parts come from, and the variables that it uses.
pub(super) struct Translation {
    pub document: Value,
    pub origins: Origins,
    pub variables: BTreeMap<String, VariableUse>,
}

/// Pointers into the file, and those into the export that they were made from.
#[derive(Default)]
pub(super) struct Origins(Vec<(String, String)>);

impl Origins {
    fn add(&mut self, pointer: impl Into<String>, origin: impl Into<String>) {
        self.0.push((pointer.into(), origin.into()));
    }

    /// Where what is at `pointer` in the file stands in the export: by the longest pointer that is known.
    pub fn of(&self, pointer: &str) -> String {
        let rest = |known: &str| pointer.strip_prefix(known).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let known = self.0.iter().filter_map(|(known, origin)| Some((known.len(), origin, rest(known)?)));
        known.max_by_key(|(length, ..)| *length).map_or_else(String::new, |(_, origin, rest)| format!("{origin}{rest}"))
    }
}

/// A hook of the export.
struct OwnHook<'a> {
    /// What mappings and events may name it by: its id, its name, and its event.
    names: [Option<&'a str>; 3],
    kind: String,
    name: String,
}

struct Translator<'a, 'f> {
    mappings: &'a Mappings,
    findings: &'f mut Findings,
    origins: Origins,
    hooks: Vec<OwnHook<'a>>,
    /// By the ids that they have in the export.
    workflows: BTreeMap<&'a str, String>,
    /// By the events of the triggers that an app defines.
    outputs: BTreeMap<&'a str, Outputs>,
    used: BTreeSet<&'a str>,
    variables: BTreeMap<String, VariableUse>,
    /// What has no place in a file, kept in `meta`.
    aside: Map<String, Value>,
}

impl Translation {
    pub fn of(export: &Export<'_>, mappings: &Mappings, findings: &mut Findings) -> Translation {
        let mut translator = Translator {
            mappings,
            findings,
            origins: Origins::default(),
            hooks: Vec::new(),
            workflows: BTreeMap::new(),
            outputs: BTreeMap::new(),
            used: BTreeSet::new(),
            variables: BTreeMap::new(),
            aside: Map::new(),
        };
        let document = if export.is_single { translator.single(export) } else { translator.app(export) };
        translator.report_unused();
        let Translator { origins, variables, .. } = translator;
        Translation { document, origins, variables }
    }
}

impl<'a> Translator<'a, '_> {
    fn single(&mut self, export: &Export<'a>) -> Value {
        let workflows = self.workflows(&export.workflows, "");
        let mut document = Map::from_iter([("$schema".to_owned(), json!(SCHEMA))]);
        document.extend(workflows.into_iter().next().unwrap_or_default());
        Value::Object(document)
    }

    fn app(&mut self, export: &Export<'a>) -> Value {
        self.origins.add("", "");
        self.trigger_definitions(export);
        let mut hooks = Vec::new();
        for hook in &export.hooks {
            hooks.extend(self.hook(hooks.len(), hook));
        }
        let own: Vec<_> = export.klasses.iter().filter(|klass| !self.is_standard(klass)).collect();
        let klasses: Vec<Value> = own.iter().enumerate().map(|(index, klass)| self.klass(index, klass)).collect();
        let workflows = self.workflows(&export.workflows, "/workflows");
        for (key, node) in &export.others {
            self.section(key, node);
        }
        let mut document = Map::from_iter([("$schema".to_owned(), json!(SCHEMA))]);
        if !self.aside.is_empty() {
            document.insert("meta".to_owned(), Value::Object(std::mem::take(&mut self.aside)));
        }
        let workflows = workflows.into_iter().map(Value::Object).collect();
        for (key, items) in [("hooks", hooks), ("klasses", klasses), ("workflows", workflows)] {
            if !items.is_empty() {
                document.insert(key.to_owned(), Value::Array(items));
            }
        }
        Value::Object(document)
    }

    /// A part of an app that hookflow's files have no place for.
    fn section(&mut self, key: &str, node: &Node<'a>) {
        let is_empty = match node.value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        if is_empty {
            return;
        }
        self.aside.insert(key.to_owned(), node.value.clone());
        if key == "triggers" || APP_KEYS.contains(&key) {
            return;
        }
        let message = format!("`{key}` of an app has no place here; it is kept in the file's `meta`");
        self.findings.add(Finding::warning(&node.pointer, message));
    }

    /// Learns what the triggers that an app defines put out, of those that its workflows listen for.
    fn trigger_definitions(&mut self, export: &Export<'a>) {
        let event = |node: &Node<'a>| node.get("eventName").and_then(|name| name.value.as_str());
        let heard: Vec<&str> =
            export.workflows.iter().filter_map(|workflow| event(&workflow.content.get("trigger")?)).collect();
        let sections = export.others.iter().filter(|(key, _)| *key == "triggers");
        for trigger in sections.flat_map(|(_, triggers)| triggers.items()) {
            let Some(event) = event(&trigger).filter(|event| heard.contains(event)) else { continue };
            let Some(template) = trigger.get("outputTemplate") else { continue };
            let outputs = Outputs::read(&template, self.findings);
            if !outputs.is_empty() {
                let message = format!("here step 1 puts out what the event carries: {}", outputs.describe());
                let help =
                    "the references of the workflows were changed to that; see whether the event looks like this";
                self.findings.add(Finding::warning(&template.pointer, message).help(help));
                self.outputs.insert(event, outputs);
            }
        }
    }

    fn report_unused(&mut self) {
        let Mappings { hooks, workflows, variables } = self.mappings;
        let flags = (hooks.keys().map(|id| ("hook", id)))
            .chain(workflows.keys().map(|id| ("workflow", id)))
            .chain(variables.keys().map(|id| ("variable", id)));
        for (what, id) in flags.filter(|(_, id)| !self.used.contains(id.as_str())) {
            self.findings.add(Finding::warning("", format!("nothing here uses the {what} `{id}` of --map-{what}")));
        }
    }
}

fn without_prefix(name: &str) -> &str {
    name.strip_prefix("kustomer.").unwrap_or(name)
}
