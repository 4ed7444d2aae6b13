//! What exists beside the files that are checked: the actions, and the klasses, hooks and variables of an org.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::spec::ActionSpec;
use crate::hook::HookKind;
use crate::objects::Problem;

/// Finds the problems of an action's params: the known ones, and the names of those that are computed in a run.
pub type CheckParams<'a> = &'a dyn Fn(&str, &Map<String, Value>, &[&str]) -> Vec<Problem>;

/// What the checker knows beside the files.
pub struct Known<'a> {
    /// Finds an action by its name without the prefix `kustomer.`.
    pub action: &'a dyn Fn(&str) -> Option<&'static ActionSpec>,
    /// For suggestions.
    pub action_names: Vec<&'static str>,
    pub check: CheckParams<'a>,
    pub names: Arc<KnownNames>,
}

/// The klasses, hooks and variables that exist already. By default there are none, and variables are not judged.
#[derive(Debug, Default)]
pub struct KnownNames {
    /// With their properties.
    pub klasses: BTreeMap<String, Map<String, Value>>,
    hooks: BTreeMap<HookKind, NamesAndIds>,
    /// `None` if it is unknown which there are; then every name is accepted.
    variables: Option<NamesAndIds>,
    workflows: NamesAndIds,
}

/// Things that documents refer to by a name or an id.
#[derive(Debug, Default)]
struct NamesAndIds {
    names: BTreeSet<String>,
    ids: HashSet<String>,
}

impl NamesAndIds {
    fn add(&mut self, name: &str, id: String) {
        self.names.insert(name.to_owned());
        self.ids.insert(id);
    }

    fn has(&self, name_or_id: &str) -> bool {
        self.names.contains(name_or_id) || self.ids.contains(name_or_id)
    }
}

impl KnownNames {
    pub fn add_hook(&mut self, kind: HookKind, name: &str, id: String) {
        self.hooks.entry(kind).or_default().add(name, id);
    }

    /// From the first call on, variables are judged.
    pub fn add_variables<'v>(&mut self, variables: impl IntoIterator<Item = (&'v str, String)>) {
        let present = self.variables.get_or_insert_default();
        variables.into_iter().for_each(|(name, id)| present.add(name, id));
    }

    pub fn add_workflow(&mut self, name: &str, id: String) {
        self.workflows.add(name, id);
    }

    pub(super) fn has_workflow(&self, name_or_id: &str) -> bool {
        self.workflows.has(name_or_id)
    }

    pub(super) fn workflow_names(&self) -> impl Iterator<Item = &str> {
        self.workflows.names.iter().map(String::as_str)
    }

    /// Whether there is a hook of this kind with this name or id.
    pub(super) fn has_hook(&self, kind: HookKind, name_or_id: &str) -> bool {
        self.hooks.get(&kind).is_some_and(|hooks| hooks.has(name_or_id))
    }

    pub(super) fn hook_names(&self, kind: HookKind) -> impl Iterator<Item = &str> {
        self.hooks.get(&kind).into_iter().flat_map(|hooks| hooks.names.iter().map(String::as_str))
    }

    /// Whether it is known which variables there are.
    pub(super) fn judges_variables(&self) -> bool {
        self.variables.is_some()
    }

    pub(super) fn has_variable(&self, name_or_id: &str) -> bool {
        self.variables.as_ref().is_some_and(|variables| variables.has(name_or_id))
    }

    pub(super) fn variable_names(&self) -> impl Iterator<Item = &str> {
        self.variables.iter().flat_map(|variables| variables.names.iter().map(String::as_str))
    }
}
