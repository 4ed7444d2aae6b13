//! Step entries: the log of one executed step.
//!
//! An entry is written once, as JSON text, in the shape of HTTP answers. The trigger's entry omits its output, the
//! event's payload, which is stored already; [`merge_log`] adds it.

use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::base::time::Timestamp;
use crate::expr::{ConditionResult, Note, Operand, Secrets};
use crate::store::RunError;

use super::attempt::Attempt;

/// One executed step.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry<'a> {
    pub id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    /// `None` for a condition step and for the trigger.
    pub action: Option<&'a str>,
    /// `completed`, `failed` or `cancelled`.
    pub status: &'static str,
    pub input: &'a RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'a RunError>,
    #[serde(skip_serializing_if = "<[Attempt]>::is_empty")]
    pub attempts: &'a [Attempt],
    pub started_at: Timestamp,
    pub finished_at: Timestamp,
    pub transitions: &'a [Judged<'a>],
    #[serde(skip_serializing_if = "<[Note]>::is_empty")]
    pub notes: &'a [Note],
}

/// How one outgoing transition was judged. Those after the first match are not judged; their result is null.
#[derive(Serialize)]
pub struct Judged<'a> {
    pub target: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub op: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Operand>>,
    pub result: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl<'a> Judged<'a> {
    pub fn new(target: &'a str, name: Option<&'a str>, judgement: Option<ConditionResult>) -> Judged<'a> {
        match judgement {
            Some(ConditionResult { op, values, result, notes }) => {
                Judged { target, name, op: Some(op), values: Some(values), result: Some(result), notes }
            }
            None => Judged { target, name, op: None, values: None, result: None, notes: Vec::new() },
        }
    }
}

/// The entries of one commit, as the stored JSON list.
#[derive(Default)]
pub struct Segment(Vec<u8>);

impl Segment {
    /// Adds an entry, with the secrets in it masked.
    pub fn push(&mut self, entry: &Entry<'_>, secrets: &Secrets) {
        if self.0.is_empty() {
            self.0.reserve(2_048);
        }
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        let written = if secrets.is_empty() {
            serde_json::to_writer(&mut self.0, entry)
        } else {
            serde_json::to_value(entry).and_then(|mut entry| {
                secrets.mask_value(&mut entry);
                serde_json::to_writer(&mut self.0, &entry)
            })
        };
        written.expect("an entry has string keys and is written to memory");
    }

    /// The list's text; `None` if there are no entries.
    pub fn finish(mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        self.0.push(b']');
        Some(String::from_utf8(self.0).expect("serde_json writes UTF-8"))
    }
}

/// The stored segments of a run as one list, with the trigger's output, and with the pending step at the end.
///
/// # Errors
/// If a segment is not a JSON list of entries.
pub fn merge_log(
    segments: &[String],
    trigger_output: Option<&Value>,
    pending: Option<&super::Pending>,
) -> Result<Vec<Value>, serde_json::Error> {
    let mut entries: Vec<Value> = Vec::new();
    for segment in segments {
        entries.append(&mut serde_json::from_str(segment)?);
    }
    if let (Some(Value::Object(trigger)), Some(output)) = (entries.first_mut(), trigger_output) {
        trigger.insert("output".into(), output.clone());
    }
    entries.extend(pending.map(|pending| {
        json!({
            "id": pending.step,
            "action": pending.action,
            "status": if pending.is_under_way() { "running" } else { "waiting" },
            "input": pending.input,
            "output": null,
            "attempts": pending.attempts,
            "startedAt": pending.started_at,
            "finishedAt": null,
            "transitions": [],
            "notes": pending.notes,
        })
    }));
    Ok(entries)
}
