//! Checks the name of the event that a workflow listens for.
//!
//! A name that no event can have is an error. An undeclared hook or klass is only a warning: it may be created later,
//! and Kustomer's exports name hooks by ids that exist only there.

use super::findings::{Finding, Findings, JsonNode};
use super::scope::NameScope;
use crate::hook::HookKind;

const CHANGES: [&str; 3] = ["create", "update", "delete"];

/// Reports problems with `name`, which has no prefix `kustomer.` and is at `node`.
pub(super) fn check(name: &str, node: &JsonNode<'_>, scope: &NameScope<'_>, findings: &mut Findings) {
    let parts: Vec<&str> = name.split('.').collect();
    let warning = match parts.as_slice() {
        ["hooks", kind, hook, "receive"] if let Ok(kind) = kind.parse::<HookKind>() => {
            let what = format!("{kind} hook");
            (!scope.has_hook(kind, hook)).then(|| findings.unknown(&what, hook, scope.hook_names(kind)))
        }
        ["kobject", klass, change] if CHANGES.contains(change) => {
            scope.klass(klass).is_none().then(|| findings.unknown("klass", klass, scope.klass_names()))
        }
        ["customer", change] if CHANGES.contains(change) => None,
        ["conversation" | "message" | "note" | "company", rest @ ..] if !rest.is_empty() && !rest.contains(&"") => None,
        ["app", rest @ ..] if !rest.is_empty() && !rest.contains(&"") => None,
        _ => return report_unknown(name, node, scope, findings),
    };
    let is_raised = match parts.as_slice() {
        ["hooks" | "app", ..] => true,
        ["kobject", _, change] | [_, change] => CHANGES.contains(change),
        _ => false,
    };
    if !is_raised {
        let message = "hookflow never raises this event, so it never starts this workflow";
        findings.add(Finding::warning(&node.pointer, message));
    }
    if let Some(message) = warning {
        findings.add(
            Finding::warning(&node.pointer, message).help("the event is not raised until the hook or klass exists"),
        );
    }
}

fn report_unknown(name: &str, node: &JsonNode<'_>, scope: &NameScope<'_>, findings: &mut Findings) {
    let of_kind = |kind: HookKind| scope.hook_names(kind).map(move |hook| format!("hooks.{kind}.{hook}.receive"));
    let hooks = HookKind::ALL.into_iter().flat_map(of_kind);
    let objects = ["customer", "conversation", "message", "note", "company"].into_iter().map(str::to_owned);
    let objects = objects.chain(scope.klass_names().map(|klass| format!("kobject.{klass}")));
    let changes = objects.flat_map(|object| CHANGES.map(|change| format!("{object}.{change}")));
    let candidates: Vec<String> = hooks.chain(changes).collect();
    let message = findings.unknown("event", name, candidates.iter().map(String::as_str));
    let help = "events are `hooks.form.NAME.receive`, changes such as `customer.create`, `conversation.update` and \
                `kobject.KLASS.delete`, and your own, `app.NAME`";
    findings.add(Finding::error(&node.pointer, message).help(help));
}
