//! Checks what expressions say: paths into outputs whose shape is known, texts that only look like expressions, values
//! that are escaped for HTML where nothing is HTML, and conditions that never change.
//!
//! All of these are warnings: the workflow can run, but probably not as meant.

use std::collections::BTreeMap;

use serde_json::json;

use super::findings::{Finding, Findings};
use super::read::{Outline, StepOutline, TRIGGER_ID, TransitionOutline};
use super::scope::NameScope;
use super::shapes::{Miss, Shape};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::expr::{Condition, Expr};
use crate::hook::{HookKind, envelope};

/// The outputs that expressions can refer to, by the ids of steps.
pub(super) struct Outputs {
    by_step: BTreeMap<String, Output>,
}

struct Output {
    /// What has the shape, for messages: `a transaction`, or an action's name in quotes.
    what: String,
    shape: Shape,
    is_transaction: bool,
}

impl Outputs {
    /// The outputs of the trigger and the steps of a workflow.
    pub fn of(outline: &Outline<'_>, scope: &NameScope<'_>) -> Outputs {
        let mut outputs = Outputs { by_step: BTreeMap::new() };
        if let Some(trigger) = &outline.trigger {
            let event = trigger.event_name.as_ref().map(|(name, _)| *name).unwrap_or_default();
            // A workflow that can also be called or scheduled gets other payloads, too.
            let is_hook = event.starts_with("hooks.") && trigger.callable.is_none() && trigger.schedule.is_none();
            for id in [Some(TRIGGER_ID), trigger.id].into_iter().flatten() {
                outputs.by_step.insert(id.to_owned(), if is_hook { transaction() } else { unknown() });
            }
        }
        for step in &outline.steps {
            if let Some(id) = step.id {
                outputs.by_step.insert(id.to_owned(), output_of(step, scope));
            }
        }
        outputs
    }

    /// What settings of a hook can refer to: its transaction, and the steps of workflows that listen to it.
    pub fn of_hook(steps: impl IntoIterator<Item = String>) -> Outputs {
        let steps = steps.into_iter().map(|id| (id, unknown()));
        Outputs { by_step: steps.chain([(TRIGGER_ID.to_owned(), transaction())]).collect() }
    }

    /// Reports what is probably not meant in an expression at `pointer`.
    pub fn check(&self, expr: &Expr, pointer: &str, findings: &mut Findings) {
        for reference in expr.references() {
            let names: Vec<&str> = reference.names.iter().map(String::as_str).collect();
            if let Some(finding) = self.check_path(&names, &format!("{pointer}{}", reference.pointer)) {
                findings.add(finding);
            }
        }
        for (below, text) in expr.plain_texts() {
            if let Some(finding) = self.check_text(&text, &format!("{pointer}{below}")) {
                findings.add(finding);
            }
        }
    }

    /// Whether a step has this id.
    pub fn has_step(&self, id: &str) -> bool {
        self.by_step.contains_key(id)
    }

    pub fn step_ids(&self) -> impl Iterator<Item = &str> {
        self.by_step.keys().map(String::as_str)
    }

    fn check_path(&self, names: &[&str], pointer: &str) -> Option<Finding> {
        if let Some((list, index)) = names.iter().find_map(|name| index_in_brackets(name)) {
            let message = format!("`{list}[{index}]` is the name of a key; an item of a list is `{list}.{index}`");
            return Some(Finding::warning(pointer, message));
        }
        if let Some(name) = names.iter().find(|name| name.trim() != **name) {
            let message = format!("the path has white space in `{name}`, so it has no value");
            return Some(Finding::warning(pointer, message));
        }
        let ["steps", step, path @ ..] = names else { return None };
        let Output { what, shape, is_transaction } = self.by_step.get(*step)?;
        let Miss { path: missing, suggestion, names } = shape.miss(path)?;
        let suggestion = match is_transaction {
            // What was posted is deeper than newcomers expect.
            true if !missing.contains('.') => {
                let posted = path.strip_prefix(&["data"]).unwrap_or(path);
                Some([&["attributes", "data"], posted].concat().join("."))
            }
            _ => suggestion,
        };
        let prefix = if *is_transaction { format!("steps.{step}.") } else { String::new() };
        let suggestion = suggestion.map(|path| format!("; did you mean `{prefix}{path}`?")).unwrap_or_default();
        let verb = if *is_transaction { "has" } else { "gives" };
        let finding = Finding::warning(pointer, format!("{what} {verb} no `{missing}`{suggestion}"));
        Some(if names.is_empty() { finding } else { finding.help(format!("there is `{}`", names.join("`, `"))) })
    }

    /// A text that mentions a step like an expression does.
    fn check_text(&self, text: &str, pointer: &str) -> Option<Finding> {
        let trimmed = text.trim();
        if trimmed != text && trimmed.starts_with("/#") {
            let message = "a reference with white space around it is plain text";
            return Some(Finding::warning(pointer, message).help(format!("write `{trimmed}`")));
        }
        let (start, path) = self.mentioned_path(text)?;
        let is_alone = text[..start].chars().all(|character| "/#$.{( ".contains(character))
            && text[start + path.len()..].chars().all(|character| "}) ".contains(character));
        let before = text[..start].strip_suffix("/#").unwrap_or(&text[..start]);
        let help = match is_alone {
            true => format!("a reference is written `/#{path}`"),
            false => format!(
                "a value in a text is written in braces: `{before}{{{{{{{path}}}}}}}{}`",
                &text[start + path.len()..]
            ),
        };
        let message = format!("this is plain text, in which `{path}` is not replaced");
        Some(Finding::warning(pointer, message).help(help))
    }

    /// The position and the text of a path such as `steps.1.id` in a text, if the step exists.
    fn mentioned_path<'t>(&self, text: &'t str) -> Option<(usize, &'t str)> {
        const PREFIX: &str = "steps.";
        let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
        text.match_indices(PREFIX).find_map(|(start, _)| {
            let stands_alone = !text[..start].ends_with(is_name);
            let rest = &text[start + PREFIX.len()..];
            let id = &rest[..rest.find(|character| !is_name(character)).unwrap_or(rest.len())];
            let after = rest[id.len()..].strip_prefix('.').filter(|after| after.starts_with(is_name))?;
            let ends = |character: char| !is_name(character) && character != '.';
            let length = PREFIX.len() + id.len() + 1 + after.find(ends).unwrap_or(after.len());
            let path = text[start..start + length].trim_end_matches('.');
            (stands_alone && self.has_step(id)).then_some((start, path))
        })
    }
}

fn output_of(step: &StepOutline<'_>, scope: &NameScope<'_>) -> Output {
    let spec = step.action.as_ref().and_then(|(action, _)| (scope.known.action)(action));
    spec.map_or_else(unknown, |spec| Output {
        what: format!("`{}`", spec.name),
        shape: Shape::of_action(spec),
        is_transaction: false,
    })
}

fn unknown() -> Output {
    Output { what: String::new(), shape: Shape::Any, is_transaction: false }
}

/// The envelope of a hook's transaction.
fn transaction() -> Output {
    let sample = envelope(HookKind::Form, [Id::MIN; 3], Timestamp::default(), json!(null), json!(null));
    Output { what: "a transaction".to_owned(), shape: Shape::of_sample(&sample), is_transaction: true }
}

/// `items[0]` as `items` and `0`.
fn index_in_brackets(name: &str) -> Option<(&str, &str)> {
    let (list, index) = name.strip_suffix(']')?.split_once('[')?;
    (!list.is_empty() && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())).then_some((list, index))
}

/// Checks all expressions of a workflow.
pub(super) fn check(outline: &Outline<'_>, scope: &NameScope<'_>, findings: &mut Findings) {
    let outputs = Outputs::of(outline, scope);
    for transition in outline.trigger.iter().flat_map(|trigger| &trigger.transitions) {
        check_transition(&outputs, transition, findings);
    }
    for step in &outline.steps {
        check_step(&outputs, step, scope, findings);
    }
    if let (Some(Some(response)), Some((_, name))) = (&outline.response, &outline.name) {
        let base = name.pointer.strip_suffix("/name").unwrap_or_default();
        check_expression(&outputs, response, &format!("{base}/response/value"), true, findings);
    }
}

fn check_step(outputs: &Outputs, step: &StepOutline<'_>, scope: &NameScope<'_>, findings: &mut Findings) {
    let spec = step.action.as_ref().and_then(|(action, _)| (scope.known.action)(action));
    for param in &step.params {
        let Some(expr) = &param.expr else { continue };
        let declared = spec.and_then(|spec| spec.param(param.name));
        outputs.check(expr, &param.node.pointer, findings);
        // A text that begins with a tag is HTML or XML, whatever the param is.
        let is_markup = param.node.value.as_str().is_some_and(|text| text.trim_start().starts_with('<'));
        let is_html = is_markup || spec.is_some_and(|spec| is_html(spec.name, param.name));
        if !is_html {
            check_escapes(expr, &param.node.pointer, declared.is_some_and(|param| param.kind.reads_json()), findings);
        }
    }
    for (index, case) in step.error_cases.iter().enumerate() {
        let pointer = format!("{}/{index}/condition", step.node.below("errorCases"));
        if let Some(Some(condition)) = &case.condition {
            check_condition(outputs, condition, &pointer, findings);
        }
    }
    step.transitions.iter().for_each(|transition| check_transition(outputs, transition, findings));
}

fn check_transition(outputs: &Outputs, transition: &TransitionOutline<'_>, findings: &mut Findings) {
    if let Some((condition, node)) = &transition.condition {
        check_condition(outputs, condition, &node.pointer, findings);
    }
}

/// Checks the operands of a condition, and whether it can change.
pub(super) fn check_condition(outputs: &Outputs, condition: &Condition, pointer: &str, findings: &mut Findings) {
    for (below, _, operand) in condition.operands() {
        check_expression(outputs, operand, &format!("{pointer}{below}"), false, findings);
    }
    for (below, message) in condition.constants() {
        let help = "a reference to compare is written like `/#steps.2.id`";
        findings.add(Finding::warning(format!("{pointer}{below}"), message).help(help));
    }
}

/// Checks an expression that is not HTML.
pub(super) fn check_expression(outputs: &Outputs, expr: &Expr, pointer: &str, as_json: bool, findings: &mut Findings) {
    outputs.check(expr, pointer, findings);
    check_escapes(expr, pointer, as_json, findings);
}

fn check_escapes(expr: &Expr, pointer: &str, as_json: bool, findings: &mut Findings) {
    for below in expr.html_escapes(as_json) {
        let message = "`{{…}}` escapes values for HTML, which this is not: `O'Neill` becomes `O&#x27;Neill`";
        findings.add(Finding::warning(format!("{pointer}{below}"), message).help("write three braces: `{{{…}}}`"));
    }
}

/// Whether a param is HTML, or may be.
fn is_html(action: &str, param: &str) -> bool {
    param == "html" || (action.starts_with("message.") && param == "body")
}
