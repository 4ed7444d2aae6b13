//! Builds a hookflow file from the parts of an export.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::shape::Export;
use super::{Finding, Findings, JsonNode, Mappings, VariableUse};

mod declarations;
mod names;
mod outputs;
mod strings;
mod workflows;

use outputs::Outputs;

/// The schema URL that the shipped example uses, too.
const SCHEMA: &str = "http://127.0.0.1:8080/schemas/workflow.json";
/// Keys of apps that do not affect their workflows.
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

/// The resulting file, the origins of its parts in the export, and the variables it uses.
pub(super) struct Translation {
    pub document: Value,
    pub origins: Origins,
    pub variables: BTreeMap<String, VariableUse>,
}

/// Pairs of pointers: into the file, and into the export.
#[derive(Default)]
pub(super) struct Origins(Vec<(String, String)>);

impl Origins {
    fn add(&mut self, pointer: impl Into<String>, origin: impl Into<String>) {
        self.0.push((pointer.into(), origin.into()));
    }

    /// Maps a pointer into the file to one into the export, by the longest known prefix.
    pub fn of(&self, pointer: &str) -> String {
        let rest = |known: &str| pointer.strip_prefix(known).filter(|rest| rest.is_empty() || rest.starts_with('/'));
        let known = self.0.iter().filter_map(|(known, origin)| Some((known.len(), origin, rest(known)?)));
        known.max_by_key(|(length, ..)| *length).map_or_else(String::new, |(_, origin, rest)| format!("{origin}{rest}"))
    }
}

/// A hook declared in the export.
struct OwnHook<'a> {
    /// The names that mappings and events may use for it: its id, its name and its event.
    names: [Option<&'a str>; 3],
    kind: String,
    name: String,
}

struct Translator<'a, 'f> {
    mappings: &'a Mappings,
    findings: &'f mut Findings,
    origins: Origins,
    hooks: Vec<OwnHook<'a>>,
    /// Names by id in the export.
    workflows: BTreeMap<&'a str, String>,
    /// By the events of the triggers that an app defines.
    outputs: BTreeMap<&'a str, Outputs>,
    /// The events that workflows of the export raise.
    published: BTreeSet<&'a str>,
    used: BTreeSet<&'a str>,
    variables: BTreeMap<String, VariableUse>,
    /// Parts that a file cannot hold, kept in its `meta`.
    kept: Map<String, Value>,
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
            published: BTreeSet::new(),
            used: BTreeSet::new(),
            variables: BTreeMap::new(),
            kept: Map::new(),
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
        if !self.kept.is_empty() {
            document.insert("meta".to_owned(), Value::Object(std::mem::take(&mut self.kept)));
        }
        let workflows = workflows.into_iter().map(Value::Object).collect();
        for (key, items) in [("hooks", hooks), ("klasses", klasses), ("workflows", workflows)] {
            if !items.is_empty() {
                document.insert(key.to_owned(), Value::Array(items));
            }
        }
        Value::Object(document)
    }

    /// Keeps a section of an app that a file cannot hold.
    fn section(&mut self, key: &str, node: &JsonNode<'a>) {
        let is_empty = match node.value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            Value::Object(members) => members.is_empty(),
            _ => false,
        };
        if is_empty {
            return;
        }
        self.kept.insert(key.to_owned(), node.value.clone());
        if key == "triggers" || APP_KEYS.contains(&key) {
            return;
        }
        let message = format!("`{key}` of an app is not supported; it is kept in the file's `meta`");
        self.findings.add(Finding::warning(&node.pointer, message));
    }

    /// Reads the outputs of the triggers that an app defines, as far as its workflows listen for them.
    fn trigger_definitions(&mut self, export: &Export<'a>) {
        let event = |node: &JsonNode<'a>| node.get("eventName").and_then(|name| name.value.as_str());
        let listened: Vec<&str> =
            export.workflows.iter().filter_map(|workflow| event(&workflow.content.get("trigger")?)).collect();
        let sections = export.others.iter().filter(|(key, _)| *key == "triggers");
        for trigger in sections.flat_map(|(_, triggers)| triggers.items()) {
            let Some(event) = event(&trigger).filter(|event| listened.contains(event)) else { continue };
            let Some(template) = trigger.get("outputTemplate") else { continue };
            let outputs = Outputs::read(&template, self.findings);
            if !outputs.is_empty() {
                let message = format!("here step 1 outputs the event's payload: {}", outputs.describe());
                let help =
                    "references in the workflows were rewritten accordingly; check that the event has this shape";
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
            self.findings
                .add(Finding::warning("", format!("the {what} `{id}` of --map-{what} is not used in this export")));
        }
    }
}

fn without_prefix(name: &str) -> &str {
    name.strip_prefix("kustomer.").unwrap_or(name)
}
