//! The declarations in a file: hooks, klasses and workflows.
//!
//! A file holds either one workflow or a bundle of any of the three. The hooks and klasses of all files are read before
//! any workflow, so a workflow may use what another file declares.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::findings::{Anchor, Finding, Findings, JsonNode};
use super::model::Workflow;
use super::read::Outline;
use super::scope::{Listener, NameScope};
use super::{check_calls, check_event, check_expressions, check_graph, check_hook, check_step, check_variables};
use crate::hook::{self, HookKind, InvalidHookKind, RawSettings, Settings};
use crate::objects::UNSTORABLE;
use crate::objects::klass::{KlassDraft, is_klass_name};

/// What one file declares.
#[derive(Debug, Default)]
pub struct Bundle {
    pub hooks: Vec<HookDraft>,
    pub klasses: Vec<KlassDraft>,
    pub workflows: Vec<WorkflowDraft>,
}

/// A hook as a file declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookDraft {
    /// Lower-case letters, digits, `-` and `_`.
    pub name: String,
    pub kind: HookKind,
    /// The name if the file gives no title.
    pub title: String,
    pub description: Option<String>,
    /// The settings it names, null for those it removes; settings it omits stay unchanged.
    pub settings: RawSettings,
}

/// A workflow as a file declares it.
#[derive(Debug)]
pub struct WorkflowDraft {
    /// As written, with the keys in their order.
    pub document: Value,
    /// SHA-256 of the document's text.
    pub digest: [u8; 32],
    pub workflow: Workflow,
}

/// The declarations in one file, not yet read.
#[derive(Default)]
pub(super) struct Sections<'a> {
    file: &'a str,
    hooks: Vec<JsonNode<'a>>,
    klasses: Vec<JsonNode<'a>>,
    workflows: Vec<JsonNode<'a>>,
}

impl<'a> Sections<'a> {
    /// Splits the document of `file`, which is a bundle or one workflow.
    pub fn of(file: &'a str, document: &'a Value, findings: &mut Findings) -> Sections<'a> {
        const KEYS: [&str; 3] = ["hooks", "klasses", "workflows"];
        let root = JsonNode::root(document);
        let has = |keys: &[&str]| keys.iter().any(|key| document.get(key).is_some());
        if has(&["trigger", "steps"]) {
            return Sections::single(file, document);
        }
        if findings.object(&root) && !has(&KEYS) {
            report_neither(&root, findings);
            return Sections { file, ..Sections::default() };
        }
        findings.keys(&root, &KEYS, &["$schema", "meta"]);
        let [hooks, klasses, workflows] = KEYS.map(|key| findings.list(&root, key));
        Sections { file, hooks, klasses, workflows }
    }

    /// Treats the document of `file` as one workflow.
    pub fn single(file: &'a str, document: &'a Value) -> Sections<'a> {
        Sections { file, workflows: vec![JsonNode::root(document)], ..Sections::default() }
    }

    /// Reads the hooks and klasses and makes them visible to the workflows of all files.
    pub fn declare(&self, scope: &mut NameScope<'_>, findings: &mut Findings) -> Bundle {
        let hooks = self.hooks.iter().filter_map(|node| HookDraft::read(node, self.file, scope, findings)).collect();
        let klasses = self.klasses.iter().filter_map(|node| read_klass(node, self.file, scope, findings)).collect();
        for node in &self.workflows {
            if let Some(name) = node.value.get("name").and_then(Value::as_str) {
                let callable = node.value.pointer("/trigger/callable") == Some(&Value::Bool(true));
                scope.announce_workflow(name, callable);
            }
        }
        Bundle { hooks, klasses, workflows: Vec::new() }
    }

    /// Checks the hooks' settings against the workflows, once those of all files have been read.
    pub fn check_hooks(&self, scope: &NameScope<'_>, findings: &mut Findings) {
        self.hooks.iter().for_each(|node| check_hook::check(node, scope, findings));
    }

    /// Reads and checks the workflows, once all files have declared their hooks and klasses.
    pub fn read_workflows(&self, scope: &mut NameScope<'_>, findings: &mut Findings) -> Vec<WorkflowDraft> {
        self.workflows.iter().filter_map(|node| WorkflowDraft::read(node, self.file, scope, findings)).collect()
    }
}

fn report_neither(root: &JsonNode<'_>, findings: &mut Findings) {
    let message = "expected a workflow (`trigger` and `steps`) or a bundle (`hooks`, `klasses` or `workflows`)";
    let keys = ["hooks", "klasses", "workflows", "trigger", "steps"];
    let typo = root.members().take(keys.len()).find_map(|(key, _)| Some((key, findings.nearest(key, keys)?)));
    let finding = Finding::error("", message);
    findings.add(match typo {
        Some((key, meant)) => finding.help(format!("did you mean `{meant}` by `{key}`?")),
        None => finding,
    });
}

impl HookDraft {
    fn read(node: &JsonNode<'_>, file: &str, scope: &mut NameScope<'_>, findings: &mut Findings) -> Option<HookDraft> {
        if !findings.object(node) {
            return None;
        }
        let keys: Vec<&str> =
            ["name", "type", "title", "description"].into_iter().chain(hook::SETTING_NAMES).chain(["meta"]).collect();
        findings.keys(node, &keys, &[]);
        let title = read_storable(node, "title", findings);
        let description = read_storable(node, "description", findings).map(str::to_owned);
        let kind = read_kind(node, findings);
        let settings = read_settings(node, kind.unwrap_or(HookKind::Form), findings);
        let (name, name_node) = findings.required_text(node, "name")?;
        // Hook names follow the same rule as klass names.
        if !is_klass_name(name) {
            findings.error(name_node.pointer, "a hook name has 1 to 64 lower-case letters, digits, `-` and `_`");
            return None;
        }
        let kind = kind?;
        if let Some(other) = scope.declare_hook(kind, name, file, node) {
            report_duplicate(&format!("{kind} hook"), name, &other, &name_node, findings);
        }
        let title = title.unwrap_or(name).to_owned();
        Some(HookDraft { name: name.to_owned(), kind, title, description, settings })
    }
}

/// The string at `key`, which is stored verbatim.
fn read_storable<'a>(node: &JsonNode<'a>, key: &str, findings: &mut Findings) -> Option<&'a str> {
    let text = findings.text(node, key)?;
    if text.contains('\0') {
        findings.error(node.below(key), UNSTORABLE);
    }
    Some(text)
}

fn read_settings(node: &JsonNode<'_>, kind: HookKind, findings: &mut Findings) -> RawSettings {
    let settings =
        hook::SETTING_NAMES.into_iter().filter_map(|name| Some((name.to_owned(), node.get(name)?.value.clone())));
    let settings: RawSettings = settings.collect();
    for problem in Settings::read(kind, &settings).err().into_iter().flatten() {
        findings.error(format!("{}{}", node.pointer, problem.pointer), problem.message);
    }
    settings
}

fn read_kind(node: &JsonNode<'_>, findings: &mut Findings) -> Option<HookKind> {
    let (text, node) = findings.required_text(node, "type")?;
    let kind = text.parse();
    if let Err(InvalidHookKind) = kind {
        let message = findings.unknown("hook type", text, HookKind::ALL.map(HookKind::as_str));
        findings.add(Finding::error(node.pointer, message).help(InvalidHookKind.to_string()));
    }
    kind.ok()
}

fn read_klass(
    node: &JsonNode<'_>,
    file: &str,
    scope: &mut NameScope<'_>,
    findings: &mut Findings,
) -> Option<KlassDraft> {
    let read = KlassDraft::read(node.value.clone());
    if let Some(name) = node.get("name")
        && let Some(text) = name.value.as_str().filter(|text| is_klass_name(text))
    {
        let properties = read.as_ref().ok().map(|draft| draft.properties.clone());
        if let Some(other) = scope.declare_klass(text, properties, file, node) {
            report_duplicate("klass", text, &other, &name, findings);
        }
    }
    for problem in read.as_ref().err().into_iter().flatten() {
        // An error in one of the known fields is about its value; any other error is about its key.
        let known = ["", "/name", "/displayName", "/icon", "/properties"].contains(&problem.pointer.as_str());
        let anchor = if known { Anchor::Value } else { Anchor::Key };
        findings.add(Finding::error(format!("{}{}", node.pointer, problem.pointer), &problem.message).at(anchor));
    }
    read.ok()
}

impl WorkflowDraft {
    fn read(
        node: &JsonNode<'_>,
        file: &str,
        scope: &mut NameScope<'_>,
        findings: &mut Findings,
    ) -> Option<WorkflowDraft> {
        let outline = Outline::read(node, findings)?;
        if let Some((name, name_node)) = &outline.name {
            check_name(name, name_node, findings);
            if let Some(other) = scope.declare_workflow(name, file, node) {
                report_duplicate("workflow", name, &other, name_node, findings);
            }
        }
        check_step::declare_klasses(&outline.steps, file, scope);
        if let Some((name, event)) = outline.trigger.as_ref().and_then(|trigger| trigger.event_name.as_ref()) {
            check_event::check(name, event, scope, findings);
        }
        check_graph::check(&outline, findings);
        outline.steps.iter().for_each(|step| check_step::check(step, scope, findings));
        outline.steps.iter().for_each(|step| check_calls::check(step, scope, findings));
        check_expressions::check(&outline, scope, findings);
        check_variables::check(&outline, &scope.known.names, findings);
        if let (Some((name, _)), Some(event)) = (&outline.name, outline.event_name()) {
            let step_ids = outline.step_ids().map(str::to_owned).collect();
            scope.add_listener(Listener { name: (*name).to_owned(), event: event.to_owned(), step_ids });
        }
        let (document, workflow) = (node.value.clone(), Workflow::build(outline)?);
        Some(WorkflowDraft { digest: Sha256::digest(document.to_string()).into(), document, workflow })
    }
}

fn check_name(name: &str, node: &JsonNode<'_>, findings: &mut Findings) {
    let permitted = |character: char| character.is_alphanumeric() || matches!(character, '-' | '_' | '.' | ' ');
    if !(1..=128).contains(&name.chars().count()) || !name.chars().all(permitted) || name.trim() != name {
        let message = "a workflow name has 1 to 128 letters, digits, `-`, `_`, `.` and inner spaces";
        findings.error(&node.pointer, message);
    }
}

fn report_duplicate(what: &str, name: &str, other: &str, node: &JsonNode<'_>, findings: &mut Findings) {
    let finding = Finding::error(&node.pointer, format!("duplicate {what} `{name}`"));
    findings.add(finding.help(format!("first declared at {other}")));
}
