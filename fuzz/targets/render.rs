//! Any expression over any payload ends within its limits, and gives no secret away once it is masked. The input is an
//! expression and, after a line break that only it may have, the payload as JSON.
#![no_main]

use hookflow::expr::{Expr, Scope, mask};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

const SECRET: &str = "hush \"<&%>\"";

fuzz_target!(|text: &str| {
    let (expression, payload) = text.split_once('\n').unwrap_or((text, "null"));
    let Ok(expression) = Expr::compile(&Value::from(expression)) else { return };
    let payload = serde_json::from_str(payload).unwrap_or_else(|_| Value::from(payload));
    let mut scope = Scope::new();
    scope.set_step("1", payload);
    scope.set_variable("5b3d8a1c9f0e4d2b7a6c1e5f", "key", SECRET.to_owned());
    let mut notes = Vec::new();
    if let Ok(Some(Value::String(text))) = expression.resolve(&scope, "", &mut notes) {
        assert!(!mask(&text, scope.secrets()).contains(SECRET));
    }
    let _ = expression.resolve_json(&scope, "", &mut notes);
    assert!(notes.len() <= 40);
});
