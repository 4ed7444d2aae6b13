//! The changes that make a server match a folder of files.
//!
//! A plan is computed before anything is sent, so that it can be reviewed. Each step is one request and depends on the
//! others only through their order: hooks and klasses come before the workflows that use them.

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::state::{Record, State};
use crate::objects::klass::KlassDraft;
use crate::workflow::diff::{diff, text};
use crate::workflow::{Bundle, HookDraft, WorkflowDraft};

/// The type of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepKind {
    Add,
    Change,
    Delete,
}

/// One change of the server.
#[derive(Debug)]
pub struct Step {
    pub kind: StepKind,
    /// For example, `workflow orders`.
    pub what: String,
    /// The differences, one per line.
    pub details: String,
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
}

/// All changes, and what stays unchanged.
#[derive(Debug, Default)]
pub struct Plan {
    pub steps: Vec<Step>,
    /// Objects on the server that no file declares and that are kept.
    pub left: Vec<String>,
}

impl Plan {
    /// Computes the plan; with `prune`, hooks and workflows that no file declares are deleted.
    pub fn of(bundles: &[Bundle], state: &State, prune: bool) -> Plan {
        let mut plan = Plan::default();
        let hooks: Vec<&HookDraft> = bundles.iter().flat_map(|bundle| &bundle.hooks).collect();
        let klasses: Vec<&KlassDraft> = bundles.iter().flat_map(|bundle| &bundle.klasses).collect();
        let workflows: Vec<&WorkflowDraft> = bundles.iter().flat_map(|bundle| &bundle.workflows).collect();
        plan.steps.extend(hooks.iter().filter_map(|draft| hook(draft, state)));
        plan.steps.extend(klasses.iter().filter_map(|draft| klass(draft, state)));
        plan.steps.extend(workflows.iter().filter_map(|draft| workflow(draft, state)));
        for record in &state.workflows {
            let is_declared = workflows.iter().any(|draft| draft.workflow.name == record.name);
            plan.undeclared(is_declared, "workflow", record, prune);
        }
        for record in &state.hooks {
            let is_declared = hooks.iter().any(|draft| is_hook(draft, record));
            plan.undeclared(is_declared, &format!("{} hook", record.text("kind").unwrap_or("form")), record, prune);
        }
        for record in &state.klasses {
            // Klasses are kept, since customers' timelines may have objects of them.
            plan.undeclared(klasses.iter().any(|draft| draft.name == record.name), "klass", record, false);
        }
        plan
    }

    fn undeclared(&mut self, is_declared: bool, what: &str, record: &Record, prune: bool) {
        let what = format!("{what} {}", record.name);
        match (is_declared, prune) {
            (true, _) => {}
            (false, false) => self.left.push(what),
            (false, true) => self.steps.push(Step {
                kind: StepKind::Delete,
                what,
                details: String::new(),
                method: Method::DELETE,
                path: record.link.clone(),
                body: None,
            }),
        }
    }
}

fn is_hook(draft: &HookDraft, record: &Record) -> bool {
    draft.name == record.name && Some(draft.kind) == record.kind()
}

fn hook(draft: &HookDraft, state: &State) -> Option<Step> {
    let what = format!("{} hook {}", draft.kind, draft.name);
    let mut body = json!({ "title": draft.title, "description": draft.description });
    for (name, setting) in &draft.settings {
        body[name] = setting.clone();
    }
    let Some(record) = state.hooks.iter().find(|record| is_hook(draft, record)) else {
        body["name"] = json!(draft.name);
        body["type"] = json!(draft.kind);
        return Some(add(what, "/v1/hooks", body));
    };
    let mut present = json!({ "title": record.text("title"), "description": record.text("description") });
    for name in draft.settings.keys() {
        present[name] = record.attributes[name].clone();
    }
    change(what, &present, &body, Method::PATCH, &record.link, body.clone())
}

fn klass(draft: &KlassDraft, state: &State) -> Option<Step> {
    let what = format!("klass {}", draft.name);
    let body = json!({
        "name": draft.name, "displayName": draft.display_name, "icon": draft.icon, "properties": draft.properties,
    });
    let Some(record) = state.klasses.iter().find(|record| record.name == draft.name) else {
        return Some(add(what, "/v1/klasses", body));
    };
    let of = |key: &str| record.attributes.get(key).cloned().unwrap_or_default();
    let present = json!({
        "name": record.name, "displayName": of("displayName"), "icon": of("icon"), "properties": of("properties"),
    });
    change(what, &present, &body, Method::PUT, &record.link, body.clone())
}

fn workflow(draft: &WorkflowDraft, state: &State) -> Option<Step> {
    let what = format!("workflow {}", draft.workflow.name);
    let Some(record) = state.workflows.iter().find(|record| record.name == draft.workflow.name) else {
        return Some(add(what, "/v1/workflows", draft.document.clone()));
    };
    let wanted = draft.document.get("enabled").and_then(Value::as_bool).unwrap_or(record.is_enabled());
    let switched = wanted != record.is_enabled();
    let (present, document) = (without_enabled(&record.attributes["document"]), without_enabled(&draft.document));
    let word = |enabled: bool| if enabled { "enabled" } else { "disabled" };
    if present == document {
        let details = format!("~ {} becomes {}\n", word(!wanted), word(wanted));
        let (path, body) = (record.link.clone(), Some(json!({ "enabled": wanted })));
        let step = Step { kind: StepKind::Change, what, details, method: Method::PATCH, path, body };
        return switched.then_some(step);
    }
    let mut step = change(what, &present, &document, Method::PUT, &record.link, draft.document.clone())?;
    if switched {
        step.details.push_str(&format!("~ {} becomes {}\n", word(!wanted), word(wanted)));
    }
    Some(step)
}

/// The document without `enabled`, which is compared separately: an admin may have changed it since.
pub fn without_enabled(document: &Value) -> Value {
    let members = document.as_object().into_iter().flatten().filter(|(key, _)| *key != "enabled");
    Value::Object(members.map(|(key, value)| (key.clone(), value.clone())).collect::<Map<_, _>>())
}

fn add(what: String, path: &str, body: Value) -> Step {
    let (details, path) = (String::new(), path.to_owned());
    Step { kind: StepKind::Add, what, details, method: Method::POST, path, body: Some(body) }
}

/// `None` if nothing differs.
fn change(what: String, present: &Value, wanted: &Value, method: Method, link: &str, body: Value) -> Option<Step> {
    let changes = diff(present, wanted);
    let details = text(&changes);
    let step = Step { kind: StepKind::Change, what, details, method, path: link.to_owned(), body: Some(body) };
    (!changes.is_empty()).then_some(step)
}
