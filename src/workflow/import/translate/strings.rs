//! Rewrites the strings of a document and finds the variables they use.

use serde_json::Value;

use crate::objects::escape_pointer;

/// A copy of `value` with each string replaced by the result of `change`, which gets the string's pointer and text.
pub(super) fn map_strings(
    value: &Value,
    pointer: &str,
    change: &mut impl FnMut(&str, &str) -> Option<String>,
) -> Value {
    match value {
        Value::String(text) => Value::String(change(pointer, text).unwrap_or_else(|| text.clone())),
        Value::Array(items) => {
            let changed = items.iter().enumerate();
            Value::Array(
                changed.map(|(index, item)| map_strings(item, &format!("{pointer}/{index}"), change)).collect(),
            )
        }
        Value::Object(members) => {
            let changed = members.iter().map(|(key, member)| {
                (key.clone(), map_strings(member, &format!("{pointer}/{}", escape_pointer(key)), change))
            });
            Value::Object(changed.collect())
        }
        other => other.clone(),
    }
}

/// `text` with each name after `variables.` renamed; `None` if it is not an expression or uses no variable.
pub(super) fn rename_variables(text: &str, mut rename: impl FnMut(&str) -> String) -> Option<String> {
    const PREFIX: &str = "variables.";
    let is_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    if !(text.starts_with("/#") || text.contains("{{")) {
        return None;
    }
    let (mut renamed, mut rest, mut found) = (String::new(), text, false);
    while let Some(position) = rest.find(PREFIX) {
        let (before, after) = rest.split_at(position);
        let after = &after[PREFIX.len()..];
        let length = after.find(|character| !is_name(character)).unwrap_or(after.len());
        let (name, behind) = after.split_at(length);
        // `steps.2.variables.x` is something else.
        let stands_alone = !before.ends_with(|character| is_name(character) || character == '.');
        renamed.push_str(before);
        renamed.push_str(PREFIX);
        match stands_alone && !name.is_empty() {
            true => renamed.push_str(&rename(name)),
            false => renamed.push_str(name),
        }
        found |= stands_alone && !name.is_empty();
        rest = behind;
    }
    renamed.push_str(rest);
    found.then_some(renamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_in_expressions_only() {
        let upper = |text: &str| rename_variables(text, str::to_uppercase);
        assert_eq!(
            upper("{{{variables.a1}}}/x/{{variables.b}}").as_deref(),
            Some("{{{variables.A1}}}/x/{{variables.B}}")
        );
        assert_eq!(upper("/#fn:parseInt,variables.a-b,10").as_deref(), Some("/#fn:parseInt,variables.A-B,10"));
        assert_eq!(upper("/#steps.2.variables.a"), None);
        assert_eq!(upper("variables.a"), None);
    }
}
