//! Templates that give JSON stay JSON, whatever the values are.
//!
//! A template for a param that holds JSON (an object, a list, the body of a call) is rendered by these rules if it begins
//! with `{` or `[`, or is nothing but `{{json …}}`:
//!
//! - In a string, between quotes, a value is written as text and escaped: `{"note": "{{{x}}}"}` holds whatever `x` is.
//! - Elsewhere a value is written as JSON: `{"order": {{x}}}` holds a number, a list, an object, true, false or null, and null
//!   if there is nothing. A text has to be JSON by itself; otherwise the step fails, rather than let a stranger's text
//!   become a part of the structure.
//!
//! What comes out is parsed, and the param is the value. If the template itself is no JSON, the step fails and says where.

/// Where in a JSON text one is.
#[derive(Debug, Default)]
pub(super) struct JsonText {
    in_string: bool,
    /// After a backslash in a string.
    escaped: bool,
}

impl JsonText {
    pub fn in_string(&self) -> bool {
        self.in_string
    }

    /// Goes on over a piece of text.
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

    /// Makes a backslash that stands right before a value mean itself; whether there is one.
    pub fn close_escape(&mut self) -> bool {
        std::mem::take(&mut self.escaped)
    }
}

/// A text as it stands in a JSON string, without the quotes.
pub(super) fn escape_string(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// Where a text stops being JSON, and what stands there.
pub(super) fn explain(text: &str, error: &serde_json::Error) -> String {
    const CHARACTERS_BEFORE: usize = 30;
    const CHARACTERS_AFTER: usize = 20;
    let line = text.split('\n').nth(error.line().saturating_sub(1)).unwrap_or_default();
    // The parser counts bytes, and points at the one that it could not take.
    let mut place = error.column().saturating_sub(1).min(line.len());
    while !line.is_char_boundary(place) {
        place -= 1;
    }
    let (before, after) = line.split_at(place);
    let start = before.char_indices().rev().nth(CHARACTERS_BEFORE - 1).map_or(0, |(start, _)| start);
    let end = after.char_indices().nth(CHARACTERS_AFTER).map_or(after.len(), |(end, _)| end);
    let reason = error.to_string();
    format!("{reason}: `{}` and then `{}`", &before[start..], &after[..end])
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
    fn values_are_put_in_as_their_place_asks() {
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
            // These are written as texts.
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
    fn what_is_no_json_is_told_with_its_place() {
        for (source, message) in [
            (
                r#"{"a": {{{steps.1.text}}}}"#,
                "gives no JSON: the text `a \"b\"\n\\` stands outside of quotes and is no JSON; put quotes around the tag, \
                 or write {{json …}}",
            ),
            (
                r#"{"a": "é", {{#if steps.1.n}}oops{{/if}}}"#,
                "gives no JSON: key must be a string at line 1 column 13: `{\"a\": \"é\", ` and then `oops}`",
            ),
            ("[\n1,\n{{steps.1.n}} 3]", "gives no JSON: expected `,` or `]` at line 3 column 5: `2.5 ` and then `3]`"),
            ("{1}", "gives no JSON: key must be a string at line 1 column 2: `{` and then `1}`"),
            ("[1", "gives no JSON: EOF while parsing a list at line 1 column 2: `[` and then `1`"),
        ] {
            let error = resolve(&source.replace("[1", "[1{{! x }}")).unwrap_err();
            assert!(error.ends_with(message), "{source}: {error}");
        }
    }
}
