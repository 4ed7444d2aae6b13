//! Expressions that were accepted when they were stored, but that this version refuses.

use serde_json::Value;

use super::{EvalError, Fault};

/// An expression that can't be evaluated, and why.
#[derive(Clone, Debug)]
pub struct Invalid {
    expression: String,
    reason: String,
}

impl Invalid {
    /// The expression `value` with its faults, of which there is at least one.
    pub(super) fn new(value: &Value, faults: &[Fault]) -> Invalid {
        let expression = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let reason = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
        Invalid { expression, reason }
    }

    pub(super) fn error(&self) -> EvalError {
        EvalError::Invalid { expression: self.expression.clone(), reason: self.reason.clone() }
    }
}
