//! Any text is an expression, or has faults that say something.
#![no_main]

use hookflow::expr::{Condition, Expr, Fault};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|text: &str| {
    match Expr::compile(&Value::from(text)) {
        Ok(expression) => drop(expression.mentions()),
        Err(faults) => check(&faults),
    }
    let Ok(document) = serde_json::from_str::<Value>(text) else { return };
    match Condition::compile(&document) {
        Ok(condition) => drop(condition.mentions()),
        Err(faults) => check(&faults),
    }
});

fn check(faults: &[Fault]) {
    assert!(!faults.is_empty() && faults.iter().all(|fault| !fault.message.is_empty()));
}
