//! Triggers that an app defines with an output template: `{"orderId": "/#data.id"}`.
//!
//! There, step `1` of a workflow that listens for the event puts out what the template makes of it. Here it puts out what
//! the event carries, so references to it are changed: `/#steps.1.orderId` to `/#steps.1.id`. This is done for templates
//! that only pick values.

use serde_json::Value;

use super::super::{Finding, Findings, Node};

/// The values that a trigger puts out: the path in its output, and the path in what the event carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Outputs(Vec<(String, String)>);

impl Outputs {
    /// Reads a template; what it holds beside references into the event is an error, at its place.
    pub fn read(template: &Node<'_>, findings: &mut Findings) -> Outputs {
        let mut outputs = Outputs::default();
        outputs.add("", template, findings);
        // Of two that begin alike, the longer one is meant where it fits.
        outputs.0.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        outputs
    }

    fn add(&mut self, path: &str, node: &Node<'_>, findings: &mut Findings) {
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
                let message = "the output template of a trigger may only pick values here";
                let help = "`/#data.order.id` picks one; other templates belong into the steps that need them";
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

    /// `text` with its references changed; `None` if it is no expression, or has none.
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
                let behind = after.strip_prefix(path.as_str()).filter(|behind| !behind.starts_with(is_name))?;
                Some((picked, behind))
            });
            rewritten.push_str(before);
            match output {
                Some((picked, behind)) => {
                    rewritten.push_str(&format!("steps.1{picked}"));
                    (rest, found) = (behind, true);
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
    fn references_to_what_is_picked_are_changed() {
        let template = json!({ "order": "/#data.attributes.data.id", "orderName": "/#data.attributes.data.name", "all": "/#data",
                               "who": { "mail": "/#data.email" } });
        let mut findings = Findings::new(true);
        let outputs = Outputs::read(&Node::root(&template), &mut findings);
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
    fn a_template_that_makes_something_new_is_told_at_its_place() {
        let template = json!({ "a": "/#data.x", "b": { "c": "{{data.x}}!" }, "d": 7, "e": "/#database" });
        let mut findings = Findings::new(true);
        Outputs::read(&Node::root(&template), &mut findings);
        let pointers: Vec<String> =
            findings.into_diagnostics("", None).into_iter().map(|found| found.pointer).collect();
        assert_eq!(pointers, ["/b/c", "/d", "/e"]);
    }
}
