//! The names that workflows may use: those that the files declare, and those that were known before.
//!
//! What a file declares goes before what is known under the same name, since loading the file will replace that.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::Known;
use super::findings::Node;
use crate::hook::HookKind;

/// What is declared so far.
pub(super) struct Scope<'a> {
    pub known: &'a Known<'a>,
    hooks: Names<(HookKind, String), ()>,
    /// With the properties, unless their declaration is broken; then attributes cannot be judged.
    klasses: Names<String, Option<Map<String, Value>>>,
    workflows: Names<String, ()>,
}

/// Names with what is known of them and where they are declared.
type Names<Name, Known> = BTreeMap<Name, (Known, String)>;

impl<'a> Scope<'a> {
    pub fn new(known: &'a Known<'a>) -> Scope<'a> {
        Scope { known, hooks: BTreeMap::new(), klasses: BTreeMap::new(), workflows: BTreeMap::new() }
    }

    /// Adds a hook, or tells where another one with this name is declared.
    pub fn declare_hook(&mut self, kind: HookKind, name: &str, file: &str, node: &Node<'_>) -> Option<String> {
        declare(&mut self.hooks, (kind, name.to_owned()), (), file, node)
    }

    /// Adds a klass, or tells where another one with this name is declared.
    pub fn declare_klass(
        &mut self,
        name: &str,
        properties: Option<Map<String, Value>>,
        file: &str,
        node: &Node<'_>,
    ) -> Option<String> {
        declare(&mut self.klasses, name.to_owned(), properties, file, node)
    }

    /// Adds a workflow, or tells where another one with this name is declared.
    pub fn declare_workflow(&mut self, name: &str, file: &str, node: &Node<'_>) -> Option<String> {
        declare(&mut self.workflows, name.to_owned(), (), file, node)
    }

    /// Whether there is a hook of this kind with this name or id.
    pub fn has_hook(&self, kind: HookKind, name_or_id: &str) -> bool {
        let is =
            |(known, name, id): &(HookKind, String, String)| *known == kind && (name == name_or_id || id == name_or_id);
        self.hooks.contains_key(&(kind, name_or_id.to_owned())) || self.known.hooks.iter().any(is)
    }

    pub fn hook_names(&self, kind: HookKind) -> impl Iterator<Item = &str> {
        let known = self.known.hooks.iter().map(|(kind, name, _)| (kind, name));
        let declared = self.hooks.keys().map(|(kind, name)| (kind, name));
        declared.chain(known).filter(move |(each, _)| **each == kind).map(|(_, name)| name.as_str())
    }

    /// The klass's properties; `Some(None)` if there is such a klass but its properties cannot be told.
    pub fn klass(&self, name: &str) -> Option<Option<&Map<String, Value>>> {
        if let Some((properties, _)) = self.klasses.get(name) {
            return Some(properties.as_ref());
        }
        self.known.klasses.iter().find(|(known, _)| known == name).map(|(_, properties)| Some(properties))
    }

    pub fn klass_names(&self) -> impl Iterator<Item = &str> {
        self.klasses.keys().chain(self.known.klasses.iter().map(|(name, _)| name)).map(String::as_str)
    }
}

fn declare<Name: Ord, Known>(
    names: &mut Names<Name, Known>,
    name: Name,
    known: Known,
    file: &str,
    node: &Node<'_>,
) -> Option<String> {
    if let Some((_, place)) = names.get(&name) {
        return Some(place.clone());
    }
    let pointer = if node.pointer.is_empty() { "the whole file" } else { &node.pointer };
    names.insert(name, (known, format!("{pointer} in {file}")));
    None
}
