//! The hooks and klasses that an app declares.

use serde_json::{Map, Value, json};

use super::super::shape::Part;
use super::super::{Finding, JsonNode};
use super::names::{free_name, slug};
use super::{OwnHook, Translator, without_prefix};

impl<'a> Translator<'a, '_> {
    /// `None` if a mapping replaces the hook.
    pub(super) fn hook(&mut self, index: usize, part: &Part<'a>) -> Option<Value> {
        let event = part.text("eventName");
        let labels = ["name", "title", "displayEventName", "displayName"];
        let named = labels.iter().find_map(|key| part.text(key)).or(event).unwrap_or("hook");
        let name = free_name(&slug(named), |name| self.hooks.iter().any(|hook| hook.name == name));
        let kind = part.text("type").or(part.kind).unwrap_or("form");
        let kind = kind.strip_suffix("_hook").unwrap_or(kind);
        let names = [part.id.or(part.text("id")), part.text("name"), event.map(without_prefix)];
        let is_mapped = names.iter().flatten().any(|name| self.mappings.hooks.contains_key(*name));
        self.hooks.push(OwnHook { names, kind: kind.to_owned(), name: name.clone() });
        if is_mapped {
            return None;
        }
        let title = part.text("title").or(part.text("displayEventName")).unwrap_or(named);
        let mut hook = Map::from_iter([
            ("name".to_owned(), json!(name)),
            ("type".to_owned(), json!(kind)),
            ("title".to_owned(), json!(title)),
        ]);
        hook.extend(part.text("description").map(|description| ("description".to_owned(), json!(description))));
        self.origins.add(format!("/hooks/{index}"), &part.content.pointer);
        if let Some(template) = part.content.get("outputTemplate").filter(|template| template.value != &json!({})) {
            let message = "the output template of a hook is not supported; step 1 outputs what was received";
            self.findings.error(template.pointer, message);
        }
        Some(Value::Object(hook))
    }

    /// Whether an app only adds attributes to a built-in type of object; those need no declaration here.
    pub(super) fn is_standard(&mut self, part: &Part<'a>) -> bool {
        const STANDARD: [&str; 6] = ["customer", "conversation", "message", "note", "company", "user"];
        let Some(name) = part.text("name").filter(|name| STANDARD.contains(name)) else { return false };
        let message =
            format!("attributes of a {name} need no declaration here; the klass is kept in the file's `meta`");
        self.findings.add(Finding::warning(&part.content.pointer, message));
        self.keep_klass(name, part.content.value.clone());
        true
    }

    fn keep_klass(&mut self, name: &str, value: Value) {
        let klasses = self.kept.entry("klasses").or_insert_with(|| json!({}));
        klasses[name] = value;
    }

    pub(super) fn klass(&mut self, index: usize, part: &Part<'a>) -> Value {
        let klass_node = &part.content;
        let metadata = klass_node.get("metadata");
        let properties =
            klass_node.get("properties").or_else(|| metadata.as_ref().and_then(|data| data.get("properties")));
        let base = format!("/klasses/{index}");
        self.origins.add(&base, &klass_node.pointer);
        let mut klass = Map::new();
        for key in ["name", "displayName", "icon"] {
            klass.extend(klass_node.get(key).map(|member| (key.to_owned(), member.value.clone())));
        }
        let mut declared = Map::new();
        if let Some(properties) = &properties {
            self.origins.add(format!("{base}/properties"), &properties.pointer);
            declared.extend(properties.members().map(|(name, node)| (name.to_owned(), self.property(&node))));
        }
        klass.insert("properties".to_owned(), Value::Object(declared));
        let known = ["name", "displayName", "icon", "properties", "metadata", "id", "_id", "createdAt", "updatedAt"];
        let others = klass_node.members().filter(|(key, node)| !known.contains(key) && !node.value.is_null());
        let others: Map<String, Value> = others.map(|(key, node)| (key.to_owned(), node.value.clone())).collect();
        if !others.is_empty() {
            let keys = others.keys().cloned().collect::<Vec<_>>().join("`, `");
            let message = format!("not supported on a klass: `{keys}`; kept in the file's `meta`");
            self.findings.add(Finding::warning(&klass_node.pointer, message));
            self.keep_klass(part.text("name").unwrap_or_default(), Value::Object(others));
        }
        Value::Object(klass)
    }

    fn property(&mut self, node: &JsonNode<'a>) -> Value {
        if !node.value.is_object() {
            return node.value.clone();
        }
        let mut property = Map::new();
        for (key, member) in node.members().filter(|(_, member)| !member.value.is_null()) {
            match key {
                "displayName" | "description" => drop(property.insert(key.to_owned(), member.value.clone())),
                // The type is in the name's suffix.
                "type" => {}
                _ => {
                    let message = format!("`{key}` of an attribute is not supported and is left out");
                    self.findings.add(Finding::warning(member.pointer, message));
                }
            }
        }
        Value::Object(property)
    }
}
