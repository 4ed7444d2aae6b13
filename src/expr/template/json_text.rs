//! Templates that produce JSON stay valid JSON for all values.
//!
//! A template for a param that contains JSON (an object, a list, the body of a call) is rendered by these rules if it
//! begins with `{` or `[`, or consists of `{{json …}}`:
//!
//! - Inside quotes, a value is written as text and escaped: `{"note": "{{{x}}}"}` is valid for any `x`.
//! - Elsewhere, a value is written as JSON: `{"order": {{x}}}` contains a number, a list, an object, true, false or null;
//!   null if the value is missing. A string must itself be valid JSON. Otherwise the step fails, so that a sender's text
//!   can't become part of the structure.
//!
//! The output is parsed, and the parsed value is the param. If the template itself is not valid JSON, the step fails
//! with the position.

/// The position in a JSON text.
#[derive(Debug, Default)]
pub(super) struct JsonText {
    in_string: bool,
    /// Whether the previous character is a backslash in a string.
    escaped: bool,
}

impl JsonText {
    pub fn in_string(&self) -> bool {
        self.in_string
    }

    /// Advances over text.
    pub fn follow(&mut self, text: &str) {
        for byte in text.bytes() {
            match byte {
                _ if self.escaped => self.escaped = false,
                b'\\' if self.in_string => self.escaped = true,
                b'"' => self.in_string = !self.in_string,
                _ => {}
            }
        }
    }

    /// Ends an escape before a value, so that the backslash is literal. Returns whether there is one.
    pub fn close_escape(&mut self) -> bool {
        std::mem::take(&mut self.escaped)
    }
}

/// Escapes a text for a JSON string, without the quotes.
pub(super) fn escape_string(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Describes a JSON error with the text around its position.
pub(super) fn explain(text: &str, error: &serde_json::Error) -> String {
    const CHARACTERS_BEFORE: usize = 30;
    const CHARACTERS_AFTER: usize = 20;
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The parser counts bytes and points at the invalid one.
    let mut position = error.column().saturating_sub(1).min(line.len());
    while !line.is_char_boundary(position) {
        position -= 1;
    }
    let (before, after) = line.split_at(position);
    let start = before.char_indices().rev().nth(CHARACTERS_BEFORE - 1).map_or(0, |(start, _)| start);
    let end = after.char_indices().nth(CHARACTERS_AFTER).map_or(after.len(), |(end, _)| end);
    let reason = error.to_string();
    format!("{reason}, after `{}`, before `{}`", &before[start..], &after[..end])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::expr::{Expr, Scope};

    fn resolve(source: &str) -> Result<Value, String> {
        let mut scope = Scope::new();
        let data = json!({ "text": "a \"b\"\n\\", "n": 2.5, "null": null, "list": ["x", "y"], "json": "{\"a\": [1]}" });
        scope.set_step("1", data);
        let value = Expr::compile(&json!(source)).unwrap().resolve_json(&scope, "", &mut Vec::new());
        value.map(Option::unwrap).map_err(|error| error.to_string())
    }

    #[test]
    fn values_are_written_for_their_position() {
        for (source, expected) in [
            (r#"{"a": "{{{steps.1.text}}}"}"#, json!({ "a": "a \"b\"\n\\" })),
            (r#"{"a": "<{{steps.1.text}}>"}"#, json!({ "a": "<a &quot;b&quot;\n\\>" })),
            (r#"{"{{steps.1.n}}": {{steps.1.n}}, "b": {{{steps.1.null}}}}"#, json!({ "2.5": 2.5, "b": null })),
            (
                r#" [{{steps.1.list}}, "{{{steps.1.list}}}", {{steps.1.missing}}, "{{steps.1.missing}}"] "#,
                json!([["x", "y"], "[\"x\",\"y\"]", null, ""]),
            ),
            (
                r#"[{{{steps.1.json}}}, {{steps.1.json}}, "{{{steps.1.json}}}"]"#,
                json!([{ "a": [1] }, { "a": [1] }, "{\"a\": [1]}"]),
            ),
            (r#"[{{#each steps.1.list}}"{{this}}"{{#unless @last}}, {{/unless}}{{/each}}]"#, json!(["x", "y"])),
            (r#"["{{json steps.1.text}}", {{json steps.1.text}}]"#, json!([r#""a \"b\"\n\\""#, "a \"b\"\n\\"])),
            (r#"{"a": {{#if steps.1.n}}{{math steps.1.n "*" 2}}{{else}}0{{/if}}}"#, json!({ "a": 5 })),
            ("  {{json steps.1.list}}", json!(["x", "y"])),
            ("{{{toJSON steps.1.missing}}}", json!(null)),
            // These are text.
            ("{{{steps.1.json}}}", json!("{\"a\": [1]}")),
            ("{{json steps.1.n}}!", json!("2.5!")),
            ("/#steps.1.list", json!(["x", "y"])),
            ("a text", json!("a text")),
            (" {\"a\": 1}", json!({ "a": 1 })),
        ] {
            assert_eq!(resolve(source), Ok(expected), "{source}");
        }
    }

    #[test]
    fn invalid_json_is_reported_with_its_position() {
        for (source, message) in [
            (
                r#"{"a": {{{steps.1.text}}}}"#,
                "is not valid JSON: the string `a \"b\"\n\\` is not inside quotes and is not JSON itself; put quotes around \
                 the tag, or use {{json …}}",
            ),
            (
                r#"{"a": "é", {{#if steps.1.n}}oops{{/if}}}"#,
                "is not valid JSON: key must be a string at line 1 column 13, after `{\"a\": \"é\", `, before `oops}`",
            ),
            (
                "[\n1,\n{{steps.1.n}} 3]",
                "is not valid JSON: expected `,` or `]` at line 3 column 5, after `2.5 `, before `3]`",
            ),
            ("{1}", "is not valid JSON: key must be a string at line 1 column 2, after `{`, before `1}`"),
            ("[1", "is not valid JSON: EOF while parsing a list at line 1 column 2, after `[`, before `1`"),
        ] {
            let error = resolve(&source.replace("[1", "[1{{! x }}")).unwrap_err();
            assert!(error.ends_with(message), "{source}: {error}");
        }
    }
}
