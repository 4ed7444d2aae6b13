//! Checks references to variables, if the list of existing variables is known.

use super::findings::{Finding, Findings};
use super::known::KnownNames;
use super::read::{Outline, TransitionOutline};
use crate::expr::{Mention, Subject};

/// Reports each use of an unknown variable, if the list of existing variables is known.
pub(super) fn check(outline: &Outline<'_>, known: &KnownNames, findings: &mut Findings) {
    if !known.judges_variables() {
        return;
    }
    for transition in outline.trigger.iter().flat_map(|trigger| &trigger.transitions) {
        check_transition(transition, known, findings);
    }
    for step in &outline.steps {
        for param in &step.params {
            let mentions = param.expr.as_ref().map(|expr| expr.mentions()).unwrap_or_default();
            check_mentions(&mentions, &param.node.pointer, known, findings);
        }
        for (index, case) in step.error_cases.iter().enumerate() {
            let condition = case.condition.as_ref().and_then(Option::as_ref);
            let mentions = condition.map(|condition| condition.mentions()).unwrap_or_default();
            let pointer = format!("{}/{index}/condition", step.node.below("errorCases"));
            check_mentions(&mentions, &pointer, known, findings);
        }
        step.transitions.iter().for_each(|transition| check_transition(transition, known, findings));
    }
}

fn check_transition(transition: &TransitionOutline<'_>, known: &KnownNames, findings: &mut Findings) {
    if let Some((condition, node)) = &transition.condition {
        check_mentions(&condition.mentions(), &node.pointer, known, findings);
    }
}

fn check_mentions(mentions: &[Mention], base: &str, known: &KnownNames, findings: &mut Findings) {
    for Mention { pointer, subject } in mentions {
        let Subject::Variable(variable) = subject else { continue };
        if known.has_variable(variable) {
            continue;
        }
        let message = findings.unknown("variable", variable, known.variable_names());
        let help = "set it with `hookflow variables set`; until then it has no value";
        findings.add(Finding::warning(format!("{base}{pointer}"), message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::workflow::{Known, KnownNames, Source, check_workflow};

    fn problems(names: KnownNames) -> Vec<(String, String)> {
        let always = json!({ "op": "true", "values": [true] });
        let exists = |name: &str| json!({ "op": "exists", "values": [format!("/#variables.{name}")] });
        let document = json!({
            "name": "w",
            "trigger": { "id": "1", "eventName": "hooks.form.shop.receive",
                         "transitions": [{ "target": "2", "condition": always }] },
            "steps": [{
                "id": "2", "action": "call",
                "params": { "a": ["{{{variables.apiKey}}}", "/#variables.5b3d8a1c9f0e4d2b7a6c1e5f"], "b": "{{variables.apikey}}" },
                "errorCases": [{ "condition": exists("x"), "errorAction": { "type": "continue" } }],
                "transitions": [{ "target": "3", "condition": exists("shop.key") }]
            }, { "id": "3" }]
        });
        let known =
            Known { action: &|_| None, action_names: vec![], check: &|_, _, _| Vec::new(), names: names.into() };
        let text = document.to_string();
        let (_, diagnostics) = check_workflow(&Source { file: "test.json", text: &text }, &known);
        let mentions = diagnostics.into_iter().filter(|diagnostic| diagnostic.message.contains("variable"));
        mentions.map(|diagnostic| (diagnostic.pointer, diagnostic.message)).collect()
    }

    #[test]
    fn unknown_variables_are_reported_if_the_list_is_known() {
        assert_eq!(problems(KnownNames::default()), []);
        let mut names = KnownNames::default();
        names.add_variables([("apiKey", "5b3d8a1c9f0e4d2b7a6c1e5f".to_owned())]);
        let expected = [
            ("/steps/0/params/b", "unknown variable `apikey`; did you mean `apiKey`?"),
            ("/steps/0/errorCases/0/condition/values/0", "unknown variable `x`"),
            ("/steps/0/transitions/0/condition/values/0", "unknown variable `shop.key`"),
        ];
        let expected = expected.map(|(pointer, message)| (pointer.to_owned(), message.to_owned()));
        assert_eq!(problems(names), expected);
    }
}
