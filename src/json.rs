//! Limits on JSON values.
//!
//! `serde_json` reads at most 127 levels of nesting. What hookflow stores wraps a payload in several levels more, and has
//! to be readable again, so the door and the engine keep values well below that.

use serde_json::Value;

/// How deep a payload may nest, counting each list and object.
pub const PAYLOAD_LEVELS_MAX: usize = 100;
/// How deep a step's params and output may nest: a payload, and what is wrapped around it.
pub const STEP_LEVELS_MAX: usize = 110;

/// Whether `value` nests deeper than `levels`; looks no deeper than that.
pub fn is_deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper_than(item, levels - 1)),
        Value::Object(members) => levels == 0 || members.values().any(|member| is_deeper_than(member, levels - 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_lists_and_objects() {
        let nested = |levels| (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert!(!is_deeper_than(&Value::Null, 0));
        assert!(!is_deeper_than(&nested(5), 5));
        assert!(is_deeper_than(&nested(6), 5));
    }
}
