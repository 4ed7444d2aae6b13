//! Limits on JSON values.
//!
//! `serde_json` reads at most 127 levels of nesting. hookflow wraps a stored payload in several more levels and must be
//! able to read it back, so the door and the engine keep values well below that limit.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

/// The maximum nesting of a payload; each list and each object is one level.
pub const PAYLOAD_LEVELS_MAX: usize = 100;
/// The maximum nesting of a step's params and output: a payload and its wrapping.
pub const STEP_LEVELS_MAX: usize = 110;

/// Whether `value` nests deeper than `levels`. Looks no deeper than that.
pub fn is_deeper_than(value: &Value, levels: usize) -> bool {
    match value {
        Value::Array(items) => levels == 0 || items.iter().any(|item| is_deeper_than(item, levels - 1)),
        Value::Object(members) => levels == 0 || members.values().any(|member| is_deeper_than(member, levels - 1)),
        _ => false,
    }
}

/// Whether `text` is certainly valid JSON that nests at most `levels` deep. Builds no value, which takes a third of the
/// time of parsing a [`Value`]. If the result is false, parse the text to find out why.
pub fn is_plain(text: &[u8], levels: usize) -> bool {
    serde_json::from_slice(text).is_ok_and(|Levels(found)| found <= levels)
}

/// The nesting depth of a value.
struct Levels(usize);

/// A key that `serde_json` does not reserve for itself.
struct PlainKey;

struct LevelsVisitor;

impl<'de> Deserialize<'de> for Levels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Levels, D::Error> {
        deserializer.deserialize_any(LevelsVisitor)
    }
}

impl<'de> Deserialize<'de> for PlainKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PlainKey, D::Error> {
        deserializer.deserialize_str(PlainKey)
    }
}

impl Visitor<'_> for PlainKey {
    type Value = PlainKey;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a plain key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<PlainKey, E> {
        if key.starts_with("$serde_json::") { Err(E::custom("a reserved key")) } else { Ok(PlainKey) }
    }
}

impl<'de> Visitor<'de> for LevelsVisitor {
    type Value = Levels;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Levels, E> {
        Ok(Levels(0))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Levels, E> {
        Ok(Levels(0))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Levels, E> {
        Ok(Levels(0))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Levels, E> {
        Ok(Levels(0))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Levels, E> {
        Ok(Levels(0))
    }

    fn visit_str<E>(self, _: &str) -> Result<Levels, E> {
        Ok(Levels(0))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Levels, A::Error> {
        let mut deepest = 0;
        while let Some(Levels(levels)) = items.next_element()? {
            deepest = deepest.max(levels);
        }
        Ok(Levels(deepest + 1))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Levels, A::Error> {
        let mut deepest = 0;
        while let Some((PlainKey, Levels(levels))) = members.next_entry()? {
            deepest = deepest.max(levels);
        }
        Ok(Levels(deepest + 1))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn plain_json_parses_as_a_value() {
        let deep = |levels: usize| format!("{}1{}", "[".repeat(levels), "]".repeat(levels));
        let plain = [r#"{"a":[1,-2.5e3,"ä\u00e4",null,true,{}],"":{}}"#, "7", &deep(3)];
        assert!(plain.iter().all(|text| is_plain(text.as_bytes(), 3) && serde_json::from_str::<Value>(text).is_ok()));
        let doubtful =
            [r#"{"$serde_json::private::RawValue":1}"#, "1e999", "[1,]", "", r#""\ud800""#, &deep(4), &deep(10_000)];
        assert!(doubtful.iter().all(|text| !is_plain(text.as_bytes(), 3)));
        assert!(!is_plain(b"\"\xFF\"", 3));
    }

    use super::*;

    #[test]
    fn lists_count_as_levels() {
        let nested = |levels| (0..levels).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        assert!(!is_deeper_than(&Value::Null, 0));
        assert!(!is_deeper_than(&nested(5), 5));
        assert!(is_deeper_than(&nested(6), 5));
    }
}
