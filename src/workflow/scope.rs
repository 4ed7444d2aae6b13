//! The names that workflows may use: those that the files declare, and those that already exist.
//!
//! A declaration in a file takes precedence over an existing entry of the same name, since loading the file replaces
//! it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Known;
use super::findings::JsonNode;
use crate::hook::HookKind;

/// The declarations so far.
pub(super) struct NameScope<'a> {
    pub known: &'a Known<'a>,
    hooks: Names<(HookKind, String), ()>,
    /// With the properties, or `None` if the declaration is broken; then attributes cannot be checked.
    klasses: Names<String, Option<Map<String, Value>>>,
    workflows: Names<String, ()>,
    /// The workflows of all files by name, whether or not they are read yet: whether they can be called.
    callees: BTreeMap<String, bool>,
    listeners: Vec<Listener>,
    judges_workflows: bool,
}

/// A workflow that listens for an event.
pub(super) struct Listener {
    pub name: String,
    pub event: String,
    pub step_ids: Vec<String>,
}

/// A workflow that a step names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Callee {
    Callable,
    NotCallable,
}

/// Names, with details and the position of each declaration.
type Names<Name, Details> = BTreeMap<Name, (Details, String)>;

impl<'a> NameScope<'a> {
    pub fn new(known: &'a Known<'a>) -> NameScope<'a> {
        NameScope {
            known,
            hooks: BTreeMap::new(),
            klasses: BTreeMap::new(),
            workflows: BTreeMap::new(),
            callees: BTreeMap::new(),
            listeners: Vec::new(),
            judges_workflows: false,
        }
    }

    /// Adds a workflow before it is read, so that others may call it. From the first one on, names of workflows are
    /// judged.
    pub fn announce_workflow(&mut self, name: &str, is_callable: bool) {
        self.judges_workflows = true;
        self.callees.insert(name.to_owned(), is_callable);
    }

    pub fn judges_workflows(&self) -> bool {
        self.judges_workflows
    }

    /// The workflow with this name or id; of one that no file declares only its name is known.
    pub fn callee(&self, name_or_id: &str) -> Option<Callee> {
        match self.callees.get(name_or_id) {
            Some(true) => Some(Callee::Callable),
            Some(false) => Some(Callee::NotCallable),
            None => self.known.names.has_workflow(name_or_id).then_some(Callee::Callable),
        }
    }

    pub fn workflow_names(&self) -> impl Iterator<Item = &str> {
        self.callees.keys().map(String::as_str).chain(self.known.names.workflow_names())
    }

    pub fn add_listener(&mut self, listener: Listener) {
        self.listeners.push(listener);
    }

    /// The workflows of the files that listen for an event.
    pub fn listeners(&self, event: &str) -> Vec<&Listener> {
        self.listeners.iter().filter(|listener| listener.event == event).collect()
    }

    /// Adds a hook, or returns where another one with this name is declared.
    pub fn declare_hook(&mut self, kind: HookKind, name: &str, file: &str, node: &JsonNode<'_>) -> Option<String> {
        declare(&mut self.hooks, (kind, name.to_owned()), (), file, node)
    }

    /// Adds a klass, or returns where another one with this name is declared.
    pub fn declare_klass(
        &mut self,
        name: &str,
        properties: Option<Map<String, Value>>,
        file: &str,
        node: &JsonNode<'_>,
    ) -> Option<String> {
        declare(&mut self.klasses, name.to_owned(), properties, file, node)
    }

    /// Adds a workflow, or returns where another one with this name is declared.
    pub fn declare_workflow(&mut self, name: &str, file: &str, node: &JsonNode<'_>) -> Option<String> {
        declare(&mut self.workflows, name.to_owned(), (), file, node)
    }

    /// Whether there is a hook of this kind with this name or id.
    pub fn has_hook(&self, kind: HookKind, name_or_id: &str) -> bool {
        self.hooks.contains_key(&(kind, name_or_id.to_owned())) || self.known.names.has_hook(kind, name_or_id)
    }

    pub fn hook_names(&self, kind: HookKind) -> impl Iterator<Item = &str> {
        let declared = self.hooks.keys().filter(move |(each, _)| *each == kind).map(|(_, name)| name.as_str());
        declared.chain(self.known.names.hook_names(kind))
    }

    /// The klass's properties; `Some(None)` if the klass exists but its properties are unknown.
    pub fn klass(&self, name: &str) -> Option<Option<&Map<String, Value>>> {
        if let Some((properties, _)) = self.klasses.get(name) {
            return Some(properties.as_ref());
        }
        self.known.names.klasses.get(name).map(Some)
    }

    pub fn klass_names(&self) -> impl Iterator<Item = &str> {
        self.klasses.keys().chain(self.known.names.klasses.keys()).map(String::as_str)
    }
}

fn declare<Name: Ord, Details>(
    names: &mut Names<Name, Details>,
    name: Name,
    details: Details,
    file: &str,
    node: &JsonNode<'_>,
) -> Option<String> {
    if let Some((_, position)) = names.get(&name) {
        return Some(position.clone());
    }
    let pointer = if node.pointer.is_empty() { "the top level" } else { &node.pointer };
    names.insert(name, (details, format!("{pointer} in {file}")));
    None
}
