//! Translates the workflows of an export: unchanged except for names that only the exporting system knows.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::super::shape::Part;
use super::super::{Finding, JsonNode};
use super::names::workflow_name;
use super::strings::{map_strings, rename_variables};
use super::{Translator, without_prefix};

/// Keys that describe the stored record rather than the workflow.
const RECORD_KEYS: [&str; 21] = [
    "id",
    "_id",
    "org",
    "type",
    "rev",
    "createdAt",
    "updatedAt",
    "modifiedAt",
    "createdBy",
    "modifiedBy",
    "appDisabled",
    "systemDisabled",
    "editable",
    "containsVariables",
    "loggingAt",
    "dynamicSchedules",
    "objectMapping",
    "lastError",
    "deleted",
    "schedules",
    "appSettings",
];

impl<'a> Translator<'a, '_> {
    /// The workflows, which are at `base` in the file, or at its root if `base` is empty.
    pub(super) fn workflows(&mut self, parts: &[Part<'a>], base: &str) -> Vec<Map<String, Value>> {
        for part in parts {
            let name = workflow_name(part.text("name").unwrap_or_default());
            self.workflows.extend(part.id.or(part.text("id")).map(|id| (id, name)));
        }
        let steps = parts.iter().filter_map(|part| part.content.get("steps")?.value.as_array()).flatten();
        let published = steps.filter(|step| step["action"].as_str().map(without_prefix) == Some("event.publish"));
        self.published = published.filter_map(|step| step["params"]["name"].as_str()).map(without_prefix).collect();
        let pointer = |index: usize| if base.is_empty() { String::new() } else { format!("{base}/{index}") };
        parts.iter().enumerate().map(|(index, part)| self.workflow(&pointer(index), &part.content)).collect()
    }

    fn workflow(&mut self, base: &str, node: &JsonNode<'a>) -> Map<String, Value> {
        self.origins.add(base, &node.pointer);
        self.report_record(node);
        let name = node.get("name").and_then(|name| name.value.as_str()).unwrap_or_default();
        let event = node.get("trigger").and_then(|trigger| trigger.get("eventName"));
        let event_name = event.as_ref().and_then(|event| event.value.as_str()).unwrap_or_default();
        let outputs = self.outputs.get(event_name).cloned().unwrap_or_default();
        let mut workflow = Map::new();
        for (key, member) in node.members().filter(|(key, _)| !RECORD_KEYS.contains(key)) {
            let value = map_strings(member.value, &member.pointer, &mut |pointer, text| {
                let rewritten = outputs.rewrite(text);
                self.rename_variables(name, pointer, rewritten.as_deref().unwrap_or(text)).or(rewritten)
            });
            workflow.insert(key.to_owned(), value);
        }
        if workflow_name(name) != name {
            let message = format!("this workflow name is not allowed here; it becomes `{}`", workflow_name(name));
            self.findings.add(Finding::warning(node.below("name"), message));
            workflow.insert("name".to_owned(), json!(workflow_name(name)));
        }
        if let Some(local) = event.and_then(|event| self.event(&event)) {
            workflow["trigger"]["eventName"] = json!(local);
        }
        let steps = node.get("steps");
        for (index, step) in steps.iter().flat_map(JsonNode::items).enumerate() {
            if let Some(local) = self.workflow_id(&step) {
                workflow["steps"][index]["params"]["workflowId"] = json!(local);
            }
        }
        self.park_unreached(node, &mut workflow);
        workflow
    }

    /// Reports fields of the stored record that affect whether or when the workflow runs.
    fn report_record(&mut self, node: &JsonNode<'a>) {
        for key in ["appDisabled", "systemDisabled"] {
            if node.get(key).is_some_and(|member| member.value == &json!(true)) {
                let message =
                    "the workflow was disabled in the exporting system; here it is enabled unless `enabled` is false";
                self.findings.add(Finding::warning(node.below(key), message));
            }
        }
        for (key, help) in [
            ("schedules", "use `schedule` in the trigger to run a workflow at certain times"),
            ("appSettings", "use variables for settings and secrets"),
        ] {
            if let Some(member) = node.get(key).filter(|member| member.items().next().is_some()) {
                let message = format!("`{key}` is not imported");
                self.findings.add(Finding::error(member.pointer, message).help(help));
            }
        }
    }

    fn rename_variables(&mut self, workflow: &str, pointer: &str, text: &str) -> Option<String> {
        let Translator { mappings, variables, used, .. } = self;
        rename_variables(text, |variable| {
            let mapped = mappings.variables.get_key_value(variable);
            used.extend(mapped.map(|(id, _)| id.as_str()));
            let name = mapped.map_or(variable, |(_, name)| name);
            let known = variables.entry(name.to_owned()).or_default();
            known.workflows.insert(workflow_name(workflow));
            if known.pointer.is_empty() {
                pointer.clone_into(&mut known.pointer);
            }
            name.to_owned()
        })
    }

    /// The local event that replaces one that names a foreign hook.
    fn event(&mut self, node: &JsonNode<'a>) -> Option<String> {
        let (written, event) = (node.value.as_str()?, without_prefix(node.value.as_str()?));
        let hook = event.strip_prefix("hooks.").and_then(|rest| rest.strip_suffix(".receive")?.split_once('.'));
        let app_event = app_event(event);
        let own = self.hooks.iter().find(|own| {
            let is_named =
                [Some(event), hook.map(|(_, id)| id)].iter().any(|name| name.is_some() && own.names.contains(name));
            is_named || app_event.is_some() && own.names[2].and_then(self::app_event) == app_event
        });
        let (kind, id) = hook.unwrap_or((own.map_or("form", |own| own.kind.as_str()), event));
        let names = [id, event, written].map(Some).into_iter().chain(own.iter().flat_map(|own| own.names)).flatten();
        let receive = |kind: &str, name: &str| Some(format!("hooks.{kind}.{name}.receive"));
        if let Some((foreign, local)) = names.into_iter().find_map(|name| self.mappings.hooks.get_key_value(name)) {
            self.used.insert(foreign);
            return receive(local.kind.map_or(kind, |kind| kind.as_str()), &local.name);
        }
        if let Some(own) = own {
            return receive(&own.kind, &own.name);
        }
        if app_event.is_some() && !self.published.contains(event) {
            let message = format!("nothing in this export raises `{event}`, so the workflow never runs");
            let help =
                format!("map it to a hook here with `--map-hook {event}=NAME`, or raise it with `event.publish`");
            self.findings.add(Finding::warning(&node.pointer, message).help(help));
        }
        if hook.is_some() && is_foreign_id(id) {
            let message = format!("the {kind} hook `{id}` exists only in the exporting system");
            let help = format!("map it to a hook here with `--map-hook {id}=NAME`");
            self.findings.add(Finding::error(&node.pointer, message).help(help));
        }
        None
    }

    /// The local workflow that replaces the one a step schedules.
    fn workflow_id(&mut self, step: &JsonNode<'a>) -> Option<String> {
        let node = step.get("params")?.get("workflowId")?;
        let id = node.value.as_str()?;
        if let Some((foreign, name)) = self.mappings.workflows.get_key_value(id) {
            self.used.insert(foreign);
            return Some(name.clone());
        }
        if let Some(name) = self.workflows.get(id) {
            return Some(name.clone());
        }
        if is_foreign_id(id) {
            let message = format!("the workflow `{id}` exists only in the exporting system");
            let help = format!("map it to a workflow here with `--map-workflow {id}=NAME`");
            self.findings.add(Finding::error(node.pointer, message).help(help));
        }
        None
    }

    /// Unreachable steps are errors in a file but common leftovers in an editor, so they are marked as parked.
    fn park_unreached(&mut self, node: &JsonNode<'a>, workflow: &mut Map<String, Value>) {
        let (Some(trigger), Some(steps)) = (node.get("trigger"), node.get("steps")) else { return };
        let steps: Vec<JsonNode<'a>> = steps.items().collect();
        let mut reached = BTreeSet::new();
        let mut open: Vec<&str> = targets(&trigger).collect();
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                let named = steps.iter().filter(|step| step.value.get("id").and_then(Value::as_str) == Some(id));
                named.for_each(|step| open.extend(targets(step)));
            }
        }
        for (index, step) in steps.iter().enumerate() {
            let Some(id) = step.value.get("id").and_then(Value::as_str) else { continue };
            let meta_is_free = step.get("meta").is_none_or(|meta| meta.value.is_object());
            if !reached.contains(id) && meta_is_free {
                let message = format!("step `{id}` is unreachable; it is kept and marked with `meta.parked`");
                self.findings.add(Finding::warning(&step.pointer, message));
                let meta = &mut workflow["steps"][index]["meta"];
                if meta.is_null() {
                    *meta = json!({});
                }
                meta["parked"] = json!(true);
            }
        }
    }
}

/// The event of an app's hook in one form. An app declares `app.Calendly_App.update`; where it is installed, workflows
/// listen for `app.calendly_app_<id of the org>.update`.
fn app_event(event: &str) -> Option<String> {
    let (app, name) = event.strip_prefix("app.")?.split_once('.')?;
    let app = app.to_lowercase();
    let app = app.rsplit_once('_').filter(|(_, id)| is_foreign_id(id)).map_or(app.as_str(), |(app, _)| app);
    Some(format!("app.{app}.{name}"))
}

/// The ids of the steps that the transitions of a step or trigger lead to.
fn targets<'a>(node: &JsonNode<'a>) -> impl Iterator<Item = &'a str> {
    let transitions = node.value.get("transitions").and_then(Value::as_array);
    transitions.into_iter().flatten().filter_map(|transition| transition.get("target")?.as_str())
}

/// Whether `text` looks like an id of the exporting system, which no local name would by chance.
fn is_foreign_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}
