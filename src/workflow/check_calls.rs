//! Checks what steps do with names and literals: the workflows they call, and params that an action would refuse.

use serde_json::Map;

use super::findings::{Finding, Findings};
use super::read::StepOutline;
use super::scope::{Callee, NameScope};

/// The params that name a workflow to call.
const CALLEES: [(&str, &str); 3] =
    [("command.run-by-name", "name"), ("for-each", "workflow"), ("app.scheduler.schedule-workflow", "workflowId")];

/// Reports a step that would fail whatever the run's data is.
pub(super) fn check(step: &StepOutline<'_>, scope: &NameScope<'_>, findings: &mut Findings) {
    let Some((action, _)) = &step.action else { return };
    if let Some((_, param)) = CALLEES.iter().find(|(known, _)| known == action) {
        check_callee(step, param, scope, findings);
    }
    check_literals(step, action, scope, findings);
}

fn check_callee(step: &StepOutline<'_>, param: &str, scope: &NameScope<'_>, findings: &mut Findings) {
    let Some((node, name)) = step.literal_text(param) else { return };
    match scope.callee(name) {
        Some(Callee::Callable) => {}
        Some(Callee::NotCallable) => {
            let message = format!("the workflow `{name}` can't be called");
            let help = r#"its trigger needs `"callable": true`"#;
            findings.add(Finding::warning(&node.pointer, message).help(help));
        }
        None if scope.judges_workflows() => {
            let message = findings.unknown("workflow", name, scope.workflow_names());
            findings
                .add(Finding::warning(&node.pointer, message).help("the step fails until there is such a workflow"));
        }
        None => {}
    }
}

/// Asks the action what it thinks of the params that are known.
fn check_literals(step: &StepOutline<'_>, action: &str, scope: &NameScope<'_>, findings: &mut Findings) {
    let Some(spec) = (scope.known.action)(action) else { return };
    let (mut known, mut computed) = (Map::new(), Vec::new());
    for param in &step.params {
        let (Some(expr), Some(declared)) = (&param.expr, spec.param(param.name)) else { return };
        if expr.as_literal().is_none() {
            computed.push(param.name);
        }
        let value = expr.known_part().filter(|value| !value.is_null()).map(|value| declared.kind.cast(value));
        // If there is none, the param itself has an error already, or will have another value.
        if let Some(Ok(value)) = value {
            known.insert(param.name.to_owned(), value);
        }
    }
    for problem in (scope.known.check)(action, &known, &computed) {
        let pointer = format!("{}{}", step.node.below("params"), problem.pointer);
        findings.add(match is_never_sent(&problem.pointer) && is_call(action) {
            true => Finding::error(pointer, problem.message),
            false => Finding::warning(pointer, format!("the step fails: {}", problem.message)),
        });
    }
}

/// A call with such a problem is never made, whatever the run's data is.
fn is_never_sent(pointer: &str) -> bool {
    ["/uri", "/method", "/headers"].contains(&pointer)
}

fn is_call(action: &str) -> bool {
    action.starts_with("rest-api.") || action.starts_with("graphql.")
}
