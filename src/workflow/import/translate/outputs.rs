//! Triggers that an app defines with an output template: `{"orderId": "/#data.id"}`.
//!
//! In the exporting system, step `1` of a workflow that listens for the event outputs the rendered template. Here it
//! outputs the event's payload, so references to it are rewritten: `/#steps.1.orderId` to `/#steps.1.id`. Only
//! templates that pick values are supported.

use serde_json::Value;

use super::super::{Finding, Findings, JsonNode};

/// The values that a trigger outputs: the path in its output, and the path in the event's payload.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outputs(Vec<(String, String)>);

impl Outputs {
    /// Reads a template; anything but references into the event is an error at its position.
    pub fn read(template: &JsonNode<'_>, findings: &mut Findings) -> Outputs {
        let mut outputs = Outputs::default();
        outputs.add("", template, findings);
        // The longest match wins.
        outputs.0.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        outputs
    }

    fn add(&mut self, path: &str, node: &JsonNode<'_>, findings: &mut Findings) {
        let picked = node.value.as_str().and_then(|text| text.strip_prefix("/#data"));
        match (node.value, picked) {
            (Value::Object(_), _) => {
                for (key, member) in node.members() {
                    let path = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
                    self.add(&path, &member, findings);
                }
            }
            (_, Some(picked)) if !path.is_empty() && (picked.is_empty() || picked.starts_with('.')) => {
                self.0.push((path.to_owned(), picked.to_owned()));
            }
            _ => {
                let message = "the output template of a trigger may only pick values";
                let help = "`/#data.order.id` picks one; move other templates into the steps that need them";
                findings.add(Finding::error(&node.pointer, message).help(help));
            }
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `orderId` is `/#steps.1.id`, …
    pub fn describe(&self) -> String {
        let described = self.0.iter().map(|(path, picked)| format!("`{path}` is `/#steps.1{picked}`"));
        described.collect::<Vec<_>>().join(", ")
    }

    /// `text` with its references rewritten; `None` if it is not an expression or has none.
    pub fn rewrite(&self, text: &str) -> Option<String> {
        const PREFIX: &str = "steps.1.";
        let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-' | '@');
        if self.is_empty() || !(text.starts_with("/#") || text.contains("{{")) {
            return None;
        }
        let (mut rewritten, mut rest, mut found) = (String::new(), text, false);
        while let Some(position) = rest.find(PREFIX) {
            let (before, after) = rest.split_at(position);
            let after = &after[PREFIX.len()..];
            let stands_alone = !before.ends_with(|character| is_name(character) || character == '.');
            let output = self.0.iter().filter(|_| stands_alone).find_map(|(path, picked)| {
                let rest = after.strip_prefix(path.as_str()).filter(|rest| !rest.starts_with(is_name))?;
                Some((picked, rest))
            });
            rewritten.push_str(before);
            match output {
                Some((picked, remainder)) => {
                    rewritten.push_str(&format!("steps.1{picked}"));
                    (rest, found) = (remainder, true);
                }
                None => {
                    rewritten.push_str(PREFIX);
                    rest = after;
                }
            }
        }
        rewritten.push_str(rest);
        found.then_some(rewritten)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_to_picked_values_are_rewritten() {
        let template = json!({ "order": "/#data.attributes.data.id", "orderName": "/#data.attributes.data.name", "all": "/#data",
                               "who": { "mail": "/#data.email" } });
        let mut findings = Findings::new(true);
        let outputs = Outputs::read(&JsonNode::root(&template), &mut findings);
        assert!(!findings.has_errors());
        for (before, after) in [
            ("/#steps.1.order", Some("/#steps.1.attributes.data.id")),
            (
                "{{steps.1.orderName}} {{{steps.1.who.mail}}}",
                Some("{{steps.1.attributes.data.name}} {{{steps.1.email}}}"),
            ),
            ("/#fn:parseInt,steps.1.order.x,10", Some("/#fn:parseInt,steps.1.attributes.data.id.x,10")),
            ("/#steps.1.all.kind", Some("/#steps.1.kind")),
            ("/#steps.1.orderly", None),
            ("/#steps.2.steps.1.order", None),
            ("steps.1.order", None),
        ] {
            assert_eq!(outputs.rewrite(before).as_deref(), after, "{before}");
        }
    }

    #[test]
    fn a_template_that_computes_values_is_an_error_at_its_position() {
        let template = json!({ "a": "/#data.x", "b": { "c": "{{data.x}}!" }, "d": 7, "e": "/#database" });
        let mut findings = Findings::new(true);
        Outputs::read(&JsonNode::root(&template), &mut findings);
        let pointers: Vec<String> =
            findings.into_diagnostics("", None).into_iter().map(|found| found.pointer).collect();
        assert_eq!(pointers, ["/b/c", "/d", "/e"]);
    }
}
