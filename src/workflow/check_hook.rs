//! Checks a hook's settings against the workflows that listen to it, and against what a request looks like.

use serde_json::Value;

use super::check_expressions::{Outputs, check_condition, check_expression};
use super::findings::{Finding, Findings, JsonNode};
use super::scope::{Listener, NameScope};
use crate::expr::{Condition, Expr};

/// What expressions of a hook's settings see of a request.
const REQUEST: [&str; 6] = ["method", "path", "query", "headers", "peer", "body"];

/// Reports settings that can't do what they say.
pub(super) fn check(node: &JsonNode<'_>, scope: &NameScope<'_>, findings: &mut Findings) {
    let text = |key: &str| node.value.get(key).and_then(Value::as_str).unwrap_or_default();
    let listeners = scope.listeners(&format!("hooks.{}.{}.receive", text("type"), text("name")));
    if let Some(answer) = node.get("answer") {
        check_answer(&answer, &listeners, findings);
    }
    let outputs = Outputs::of_hook([]);
    if let Some(key) = node.get("deduplicate").and_then(|setting| setting.get("key")) {
        check_value(&outputs, &key, findings);
    }
    if let Some(filter) = node.get("filter")
        && let Ok(condition) = Condition::compile(filter.value)
    {
        check_condition(&outputs, &condition, &filter.pointer, findings);
        for (below, _, operand) in condition.operands() {
            check_request(operand, &format!("{}{below}", filter.pointer), findings);
        }
    }
}

fn check_answer(answer: &JsonNode<'_>, listeners: &[&Listener], findings: &mut Findings) {
    let mut awaited: Vec<&Listener> = listeners.to_vec();
    if let Some(workflow) = answer.get("workflow")
        && let Some(name) = workflow.value.as_str()
        // A hook can have listeners that no file declares.
        && !listeners.is_empty()
    {
        awaited.retain(|listener| listener.name == name);
        if awaited.is_empty() {
            let names = listeners.iter().map(|listener| listener.name.as_str());
            let message = findings.unknown("workflow", name, names);
            findings.add(
                Finding::warning(workflow.pointer, message).help("the hook waits for a workflow that listens to it"),
            );
        }
    }
    let step_ids = || awaited.iter().flat_map(|listener| &listener.step_ids);
    let step = answer.get("when").and_then(|when| when.get("step"));
    if let Some(step) = step
        && let Some(id) = step.value.as_str()
        && !awaited.is_empty()
        && !step_ids().any(|known| known == id)
    {
        let message = findings.unknown("step", id, step_ids().map(String::as_str));
        findings.add(
            Finding::warning(step.pointer, message)
                .help("the hook waits for a step of the workflow that listens to it"),
        );
    }
    let outputs = Outputs::of_hook(step_ids().cloned());
    for part in [Some(answer.clone()), answer.get("onError")].into_iter().flatten() {
        for key in ["status", "headers", "body", "redirect"] {
            let Some(value) = part.get(key) else { continue };
            check_value(&outputs, &value, findings);
            if !awaited.is_empty() {
                check_steps(&outputs, &value, findings);
            }
        }
    }
}

fn check_value(outputs: &Outputs, node: &JsonNode<'_>, findings: &mut Findings) {
    if let Ok(expr) = Expr::compile(node.value) {
        check_expression(outputs, &expr, &node.pointer, false, findings);
        check_request(&expr, &node.pointer, findings);
    }
}

/// Reports references to steps that no listening workflow has.
fn check_steps(outputs: &Outputs, node: &JsonNode<'_>, findings: &mut Findings) {
    let references = Expr::compile(node.value).map(|expr| expr.references()).unwrap_or_default();
    for reference in references {
        let [root, step, ..] = reference.names.as_slice() else { continue };
        if root == "steps" && !outputs.has_step(step) {
            let message = findings.unknown("step", step, outputs.step_ids());
            findings.add(Finding::warning(format!("{}{}", node.pointer, reference.pointer), message));
        }
    }
}

/// Reports misspelt parts of `steps.1.request`.
fn check_request(expr: &Expr, pointer: &str, findings: &mut Findings) {
    for reference in expr.references() {
        let names: Vec<&str> = reference.names.iter().map(String::as_str).collect();
        let ["steps", "1", "request", name, rest @ ..] = names.as_slice() else { continue };
        if REQUEST.contains(name) {
            continue;
        }
        if let Some(near) = findings.nearest(name, REQUEST) {
            let meant = [&["steps.1.request", near], rest].concat().join(".");
            let message = format!("a request has no `{name}`; did you mean `{meant}`?");
            findings.add(Finding::warning(format!("{pointer}{}", reference.pointer), message));
        }
    }
}
