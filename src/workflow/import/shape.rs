//! The shapes of exports, and where each keeps its hooks, klasses and workflows.
//!
//! A bare definition has `trigger` and `steps` at the top. The API wraps it in `{type, id, attributes, …}`, and that in
//! `{data}`, or in `{data: […]}` for a list. An app file has lists of `hooks`, `klasses` and `workflows`, whose items
//! may be wrapped the same way.

use super::{Finding, Findings, JsonNode};

/// An export, split into its parts.
#[derive(Default)]
pub(super) struct Export<'a> {
    /// Whether it is a single workflow rather than an app.
    pub is_single: bool,
    pub hooks: Vec<Part<'a>>,
    pub klasses: Vec<Part<'a>>,
    pub workflows: Vec<Part<'a>>,
    /// Everything else at the top of an app.
    pub others: Vec<(&'a str, JsonNode<'a>)>,
}

/// One hook, klass or workflow.
pub(super) struct Part<'a> {
    pub id: Option<&'a str>,
    /// The `type` of the record it is wrapped in.
    pub kind: Option<&'a str>,
    /// The unwrapped definition.
    pub content: JsonNode<'a>,
}

impl<'a> Part<'a> {
    /// Unwraps `data` and `attributes`, if present.
    fn of(node: JsonNode<'a>) -> Part<'a> {
        let node = node.get("data").filter(|data| data.get("attributes").is_some()).unwrap_or(node);
        let text = |key: &str| node.get(key).and_then(|member| member.value.as_str());
        let (id, kind) = (text("id"), text("type"));
        let content = node.get("attributes").filter(|attributes| attributes.value.is_object());
        Part { id, kind, content: content.unwrap_or(node) }
    }

    fn is_workflow(&self) -> bool {
        self.content.get("trigger").is_some() || self.content.get("steps").is_some()
    }

    pub fn text(&self, key: &str) -> Option<&'a str> {
        self.content.get(key)?.value.as_str()
    }
}

impl<'a> Export<'a> {
    /// `None`, with a finding, if the value cannot be imported.
    pub fn read(root: &JsonNode<'a>, findings: &mut Findings) -> Option<Export<'a>> {
        let listed = root.get("data").filter(|data| data.value.is_array());
        if let Some(list) = listed.or_else(|| Some(root.clone()).filter(|root| root.value.is_array())) {
            return Export::of_list(&list, findings);
        }
        if !findings.object(root) {
            return None;
        }
        let part = Part::of(root.clone());
        if part.is_workflow() {
            return Some(Export { is_single: true, workflows: vec![part], ..Export::default() });
        }
        const LISTS: [&str; 3] = ["hooks", "klasses", "workflows"];
        if !LISTS.iter().any(|key| part.content.get(key).is_some()) {
            let message = "expected a workflow (`trigger` and `steps`) or an app (`hooks`, `klasses` or `workflows`)";
            findings.error(&part.content.pointer, message);
            return None;
        }
        let [hooks, klasses, workflows] = LISTS.map(|key| list(&part.content, key, findings));
        let others = part.content.members().filter(|(key, _)| !LISTS.contains(key)).collect();
        Some(Export { is_single: false, hooks, klasses, workflows, others })
    }

    /// A list of records, each of which states its type.
    fn of_list(list: &JsonNode<'a>, findings: &mut Findings) -> Option<Export<'a>> {
        let mut export = Export::default();
        for part in list.items().map(Part::of) {
            match part.kind {
                Some("klass") => export.klasses.push(part),
                Some("hook" | "form_hook" | "web_hook" | "email_hook") => export.hooks.push(part),
                _ if part.is_workflow() => export.workflows.push(part),
                _ => {
                    let message = "expected a workflow (`trigger` and `steps`), a klass or a hook";
                    findings.add(Finding::error(&part.content.pointer, message));
                }
            }
        }
        Some(export)
    }
}

/// The items of a list, which may be wrapped in `{data: […]}`.
fn list<'a>(node: &JsonNode<'a>, key: &str, findings: &mut Findings) -> Vec<Part<'a>> {
    let wrapped = node.get(key).filter(|member| member.get("data").is_some());
    let items = match wrapped {
        Some(wrapped) => findings.list(&wrapped, "data"),
        None => findings.list(node, key),
    };
    items.into_iter().filter(|item| findings.object(item)).map(Part::of).collect()
}
