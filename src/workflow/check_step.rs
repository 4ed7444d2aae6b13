//! Checks each step against its action: the params and, for kobjects, the attributes of the klass.
//!
//! Only literals can be checked before a run; the value of an expression is checked at run time, by the same rules.

use serde_json::{Map, Value};

use super::findings::{Anchor, Finding, Findings, JsonNode};
use super::read::{ParamOutline, StepOutline};
use super::scope::NameScope;
use super::spec::{ActionSpec, ParamKind, ParamSpec};
use crate::expr::{Condition, Expr, Subject, read_json};
use crate::objects::klass::check_custom;

/// The error for `item` and `index` outside of per-item params.
pub(super) const NO_ITEM: &str =
    "`item` and `index` are available only in params that are evaluated for each item of a list";

/// Declares the klasses that steps create under literal names, so that later steps may use them.
pub(super) fn declare_klasses(steps: &[StepOutline<'_>], file: &str, scope: &mut NameScope<'_>) {
    let creators = steps.iter().filter(|step| step.action.as_ref().is_some_and(|(name, _)| *name == "klass.create"));
    for (node, name) in creators.filter_map(|step| step.literal_text("name")) {
        if scope.klass(name).is_none() {
            scope.declare_klass(name, None, file, node);
        }
    }
}

/// Reports problems with the step's action and params.
pub(super) fn check(step: &StepOutline<'_>, scope: &NameScope<'_>, findings: &mut Findings) {
    let Some((action, node)) = &step.action else {
        if !step.params.is_empty() && step.node.get("action").is_none() {
            let finding = Finding::error(step.node.below("params"), "params on a step without an action");
            findings.add(finding.at(Anchor::Key));
        }
        return;
    };
    let Some(spec) = (scope.known.action)(action) else {
        let names = scope.known.action_names.iter().copied();
        findings.error(&node.pointer, findings.unknown("action", action, names));
        return;
    };
    for param in &step.params {
        check_param(spec, param, findings);
    }
    for missing in spec.params.iter().filter(|param| param.required && !step.has_param(param.name)) {
        report_missing(spec, missing, step, findings);
    }
    if action.starts_with("kobject.") {
        check_kobject(step, scope, findings);
    }
}

fn check_param(spec: &ActionSpec, param: &ParamOutline<'_>, findings: &mut Findings) {
    let Some(declared) = spec.param(param.name) else {
        let names = spec.params.iter().map(|param| param.name);
        let help = format!("`{}` takes {}", spec.name, names.clone().collect::<Vec<_>>().join(", "));
        let message = findings.unknown("param", param.name, names);
        findings.add(Finding::error(&param.node.pointer, message).at(Anchor::Key).help(help));
        return;
    };
    let value = param.node.value;
    check_items(declared, param, findings);
    let text_only = param.expr.as_ref().is_some_and(Expr::is_always_string);
    if text_only && matches!(declared.kind, ParamKind::Object | ParamKind::List) {
        let message = format!("expected {}, not a template that produces text", declared.kind.describe());
        let help = "a template that begins with `{` or `[` produces JSON";
        findings.add(Finding::error(&param.node.pointer, message).help(help));
    }
    if value.is_null() && declared.required {
        findings.error(&param.node.pointer, format!("`{}` cannot be null", param.name));
    }
    let literal = param.expr.as_ref().and_then(Expr::as_literal).and_then(Value::as_str);
    let written = literal.filter(|_| declared.kind.reads_json()).and_then(read_json).transpose();
    let value = match &written {
        Ok(written) => written.as_ref().unwrap_or(value),
        Err(error) => return findings.error(&param.node.pointer, error.to_string()),
    };
    // An object or list keeps its type, whatever the expressions in it resolve to.
    let known =
        value.is_object() || value.is_array() || param.expr.as_ref().is_some_and(|expr| expr.as_literal().is_some());
    if known && let Err(message) = declared.kind.cast(value.clone()) {
        findings.add(Finding::error(&param.node.pointer, message).help(summary(declared)));
    }
}

/// `item` and `index` exist only in params that are evaluated for each item.
fn check_items(declared: &ParamSpec, param: &ParamOutline<'_>, findings: &mut Findings) {
    if declared.kind == ParamKind::ItemCondition {
        for fault in Condition::compile(param.node.value).err().unwrap_or_default() {
            let finding = Finding::error(format!("{}{}", param.node.pointer, fault.pointer), fault.message);
            findings.add(finding.help(fault.help.unwrap_or_else(|| summary(declared))));
        }
    }
    if declared.kind.is_for_each_item() {
        return;
    }
    let mentions = param.expr.as_ref().map(Expr::mentions).unwrap_or_default();
    for mention in mentions.iter().filter(|mention| mention.subject == Subject::Item) {
        findings.error(format!("{}{}", param.node.pointer, mention.pointer), NO_ITEM);
    }
}

fn report_missing(spec: &ActionSpec, missing: &ParamSpec, step: &StepOutline<'_>, findings: &mut Findings) {
    let params = step.node.get("params");
    let pointer = params.map_or_else(|| step.node.pointer.clone(), |params| params.pointer);
    let message = format!("`{}` needs the param `{}`", spec.name, missing.name);
    findings.add(Finding::error(pointer, message).help(summary(missing)));
}

/// Example: `email`, an email address: The address to look for.
fn summary(param: &ParamSpec) -> String {
    format!("`{}`, {}: {}", param.name, param.kind.describe(), param.summary)
}

/// Checks the klass and its attributes, as far as they are literals.
fn check_kobject(step: &StepOutline<'_>, scope: &NameScope<'_>, findings: &mut Findings) {
    let named = ["klassName", "relatedKlassName"].into_iter().filter_map(|param| step.literal_text(param));
    for (node, name) in named.filter(|(_, name)| scope.klass(name).is_none()) {
        findings.error(&node.pointer, findings.unknown("klass", name, scope.klass_names()));
    }
    let Some((_, klass_name)) = step.literal_text("klassName") else { return };
    let Some(properties) = scope.klass(klass_name) else { return };
    let custom = step.params.iter().find(|param| param.name == "custom").map(|param| &param.node);
    if let (Some(properties), Some(custom)) = (properties, custom) {
        check_attributes(klass_name, properties, custom, findings);
    }
}

fn check_attributes(klass_name: &str, properties: &Map<String, Value>, custom: &JsonNode<'_>, findings: &mut Findings) {
    // Null, which every type accepts, stands in for values known only at run time.
    let known = |node: &JsonNode<'_>| Expr::compile(node.value).ok().and_then(|expr| expr.as_literal().cloned());
    let custom_values =
        custom.members().map(|(name, node)| (name.to_owned(), known(&node).unwrap_or_default())).collect();
    let base = custom.pointer.strip_suffix("/custom").unwrap_or(&custom.pointer);
    for problem in check_custom(klass_name, properties, custom_values).err().unwrap_or_default() {
        let undeclared = problem.message.starts_with("unknown attribute");
        let anchor = if undeclared { Anchor::Key } else { Anchor::Value };
        findings.add(Finding::error(format!("{base}{}", problem.pointer), problem.message).at(anchor));
    }
}

impl<'a> StepOutline<'a> {
    fn has_param(&self, name: &str) -> bool {
        self.params.iter().any(|param| param.name == name)
    }

    /// The param `name` if it is a literal string.
    pub(super) fn literal_text(&self, name: &str) -> Option<(&JsonNode<'a>, &'a str)> {
        let param = self.params.iter().find(|param| param.name == name)?;
        param.expr.as_ref()?.as_literal()?;
        Some((&param.node, param.node.value.as_str()?))
    }
}
