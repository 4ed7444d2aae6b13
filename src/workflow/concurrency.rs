//! How many runs of a workflow are active at a time: `{"limit": 1, "key": "/#steps.1.attributes.data.orderId"}`.
//!
//! The key is evaluated once per run, at creation, over the trigger's payload; runs with the same key share the limit.
//! A key never stops a run: runs whose key has no value share one limit.
//!
//! Limits: [`LIMIT_MAX`] active runs; a workflow without `concurrency` has no limit.

use serde_json::Value;

use super::findings::{Finding, Findings, JsonNode};
use super::read::{TriggerOutline, compile_expr};
use crate::expr::{Expr, Note, Scope, Subject};

/// The highest limit.
pub const LIMIT_MAX: i64 = 1_000;

const KEY: &str = "/concurrency/key";

/// Which runs of a workflow share a limit.
#[derive(Debug)]
pub struct Concurrency {
    /// How many runs with the same key are active at a time.
    pub limit: i64,
    /// Without it, all runs of the workflow share the limit.
    key: Option<Expr>,
}

impl Concurrency {
    /// Reads `concurrency`; `None`, with findings, if it is invalid.
    pub(super) fn read(
        node: &JsonNode<'_>,
        trigger: Option<&TriggerOutline<'_>>,
        findings: &mut Findings,
    ) -> Option<Concurrency> {
        if !findings.object(node) {
            return None;
        }
        findings.keys(node, &["limit", "key"], &[]);
        let limit = findings.required(node, "limit").and_then(|limit| read_limit(&limit, findings));
        let key = match node.get("key") {
            Some(key) => {
                let expr = compile_expr(&key, findings)?;
                check_key(&expr, &key, trigger, findings);
                Some(expr)
            }
            None => None,
        };
        Some(Concurrency { limit: limit?, key })
    }

    /// The run's key as text, and notes about problems; `scope` holds the trigger's payload. `None` if the workflow has
    /// no key or the key has no value.
    pub fn key(&self, scope: &Scope) -> (Option<String>, Vec<Note>) {
        let mut notes = Vec::new();
        let Some(expr) = &self.key else { return (None, notes) };
        let found = expr.resolve(scope, KEY, &mut notes);
        let note = |message: String| Note { pointer: KEY.into(), expression: String::new(), message };
        let found = found.unwrap_or_else(|error| {
            notes.push(note(error.to_string()));
            None
        });
        let key = match found {
            Some(Value::String(text)) => Some(text).filter(|text| !text.is_empty()),
            Some(Value::Array(items)) if items.is_empty() => None,
            Some(Value::Null) | None => None,
            Some(value) => Some(value.to_string()),
        };
        if key.is_none() {
            notes.push(note(
                "the run has no concurrency key; it shares the limit with all other runs without one".to_owned(),
            ));
        }
        (key, notes)
    }
}

fn read_limit(node: &JsonNode<'_>, findings: &mut Findings) -> Option<i64> {
    let limit = node.value.as_i64().filter(|limit| (1..=LIMIT_MAX).contains(limit));
    if limit.is_none() {
        let help = "use 1 to run them one at a time";
        findings
            .add(Finding::error(&node.pointer, format!("expected a whole number from 1 to {LIMIT_MAX}")).help(help));
    }
    limit
}

/// A key is computed before the first step and never changes, so it may use the payload only.
fn check_key(expr: &Expr, node: &JsonNode<'_>, trigger: Option<&TriggerOutline<'_>>, findings: &mut Findings) {
    let mentions = expr.mentions();
    for mention in &mentions {
        let message = match &mention.subject {
            Subject::Step(step) if trigger.is_none_or(|trigger| trigger.is(step)) => continue,
            Subject::Step(step) => format!("step `{step}` has not run yet when the key is evaluated"),
            Subject::Variable(_) => "a key cannot use variables, which are secrets and can change".to_owned(),
            Subject::Item => "`item` is not available here".to_owned(),
        };
        let help = "refer to the trigger's payload, for example `/#steps.1.attributes.data.orderId`";
        findings.add(Finding::error(format!("{}{}", node.pointer, mention.pointer), message).help(help));
    }
    if expr.as_literal().is_some() {
        let message = "this key is the same for all runs";
        let help = "omit it to limit all runs together, or refer to the payload: `/#steps.1.attributes.data.orderId`";
        findings.add(Finding::warning(&node.pointer, message).help(help));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::workflow::{Known, Source, check_workflow};

    /// The diagnostics for a workflow with this `concurrency`.
    fn problems_of(concurrency: Value) -> Vec<(String, String)> {
        let always = json!({ "op": "true", "values": [true] });
        let document = json!({
            "name": "w",
            "trigger": { "id": "start", "eventName": "customer.create", "transitions": [{ "target": "2", "condition": always }] },
            "steps": [{ "id": "2" }],
            "concurrency": concurrency,
        });
        let known =
            Known { action: &|_| None, action_names: vec![], check: &|_, _, _| Vec::new(), names: Default::default() };
        let text = document.to_string();
        let (_, diagnostics) = check_workflow(&Source { file: "test.json", text: &text }, &known);
        diagnostics.into_iter().map(|diagnostic| (diagnostic.pointer, diagnostic.message)).collect()
    }

    #[test]
    fn invalid_concurrency_is_reported() {
        for valid in [
            json!({ "limit": 1 }),
            json!({ "limit": 1_000, "key": "/#steps.start.id" }),
            json!({ "limit": 2, "key": ["/#steps.1.id", "{{{steps.1.name}}}"] }),
            json!({ "limit": 2, "key": "/#fn:toLower,steps.1.name" }),
            Value::Null,
        ] {
            assert_eq!(problems_of(valid.clone()), [], "{valid}");
        }
        let limit = "expected a whole number from 1 to 1000";
        for (invalid, pointer, message) in [
            (json!(1), "", "expected an object"),
            (json!({ "key": "/#steps.1.id" }), "", "missing `limit`"),
            (json!({ "limit": 0 }), "/limit", limit),
            (json!({ "limit": 1_001 }), "/limit", limit),
            (json!({ "limit": 1.5 }), "/limit", limit),
            (json!({ "limit": "1" }), "/limit", limit),
            (json!({ "limit": 1, "kye": "/#steps.1.id" }), "/kye", "unknown key `kye`"),
            (json!({ "limit": 1, "key": "/#steps." }), "/key", ""),
            (
                json!({ "limit": 1, "key": "/#steps.2.id" }),
                "/key",
                "step `2` has not run yet when the key is evaluated",
            ),
            (json!({ "limit": 1, "key": { "a": "/#variables.x" } }), "/key/a", "a key cannot use variables"),
            (json!({ "limit": 1, "key": "/#item.id" }), "/key", "`item` is not available here"),
            (json!({ "limit": 1, "key": "orderId" }), "/key", "this key is the same for all runs"),
        ] {
            let problems = problems_of(invalid.clone());
            assert_eq!(problems.len(), 1, "{invalid}: {problems:?}");
            assert_eq!(problems[0].0, format!("/concurrency{pointer}"), "{invalid}");
            assert!(problems[0].1.starts_with(message), "{invalid}: {}", problems[0].1);
        }
    }

    fn key(key: Value, payload: Value) -> (Option<String>, usize) {
        let concurrency = Concurrency { limit: 1, key: Some(Expr::compile(&key).unwrap()) };
        let mut scope = Scope::new();
        scope.set_step("1", payload);
        let (key, notes) = concurrency.key(&scope);
        (key, notes.len())
    }

    #[test]
    fn a_key_becomes_text_whatever_its_type() {
        let payload = json!({ "id": 7, "text": "7", "list": [1, "a"], "none": null, "empty": "" });
        for (expr, found) in [
            (json!("/#steps.1.id"), "7"),
            (json!("/#steps.1.text"), "7"),
            (json!("{{{steps.1.text}}}-{{{steps.1.id}}}"), "7-7"),
            (json!("/#steps.1.list"), r#"[1,"a"]"#),
            (json!({ "a": "/#steps.1.id" }), r#"{"a":7}"#),
        ] {
            assert_eq!(key(expr.clone(), payload.clone()), (Some(found.to_owned()), 0), "{expr}");
        }
        for nothing in
            ["/#steps.1.missing", "/#steps.1.none", "/#steps.1.empty", "/#$.steps.1.none[*]", "{{{steps.1.empty}}}"]
        {
            let (found, notes) = key(json!(nothing), payload.clone());
            assert!(found.is_none() && notes >= 1, "{nothing}: {found:?}");
        }
    }
}
