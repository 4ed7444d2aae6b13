//! A waiting step, as stored with its run.
//!
//! Earlier versions had no [`Waiting`]; one of several optional fields said what the step waits for. Their values can
//! still be read.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use super::attempt::Attempt;
use super::stretch::raw;
use crate::actions::Batch;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::expr::{Note, Secrets, mask};
use crate::outbound::{Effect, Retry};
use crate::store::{Run, StoreError, StoreResult};

/// A waiting step.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", from = "Stored")]
pub struct Pending {
    pub step: String,
    pub action: String,
    pub input: Box<RawValue>,
    pub notes: Vec<Note>,
    pub started_at: Timestamp,
    /// The attempts so far, without the one under way.
    pub attempts: Vec<Attempt>,
    pub waiting: Waiting,
}

/// What a step waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Waiting {
    /// The outcome of an effect, or the time of the next attempt at it.
    Call(Call),
    /// The time when the run is due; the step then completes with this output.
    Until { output: Value },
    /// The end of a run that the step started.
    Run { child: Id },
    /// The ends of the runs that process the items of a list.
    Batch(Batch),
    /// An event with this name and key, passed as [`super::Input::Event`], until `until`.
    Event { name: String, key: Option<String>, until: Timestamp },
    /// The time when the run is due; the failed step is then executed again.
    Retry,
}

/// An effect that a step waits for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Call {
    pub effect: StoredEffect,
    pub retry: Retry,
    /// The number of attempts before the last execution of the step.
    pub attempts_before: usize,
    /// When the attempt under way began; `None` between two attempts.
    pub under_way_since: Option<Timestamp>,
}

/// An effect as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum StoredEffect {
    /// Not encrypted.
    Plain(Effect),
    /// Encrypted as a whole, because it contains secrets.
    Sealed(String),
}

impl Pending {
    /// The pending step of a run, if it has one.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if the stored value can't be read.
    pub fn of(run: &Run) -> StoreResult<Option<Pending>> {
        let pending = run.pending.as_ref().map(Pending::deserialize).transpose();
        pending.map_err(|error| StoreError::Corrupt { what: "what a run waits for", detail: error.to_string() })
    }

    /// Takes the pending step from the run.
    ///
    /// # Errors
    /// As [`Pending::of`].
    pub(super) fn take(run: &mut Run) -> StoreResult<Option<Pending>> {
        let pending = Pending::of(run);
        run.pending = None;
        pending
    }

    /// The stored form.
    pub(super) fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a pending step has string keys")
    }

    /// Whether an attempt at an effect is under way.
    pub fn is_under_way(&self) -> bool {
        matches!(&self.waiting, Waiting::Call(call) if call.under_way_since.is_some())
    }

    /// Masks secrets in what the log shows and in what later steps can refer to.
    pub(super) fn mask(&mut self, secrets: &Secrets) {
        if secrets.is_empty() {
            return;
        }
        let mut input: Value = serde_json::from_str(self.input.get()).unwrap_or_default();
        secrets.mask_value(&mut input);
        self.input = raw(&input);
        let in_notes = self.notes.iter_mut().flat_map(|note| [&mut note.expression, &mut note.message]);
        in_notes.for_each(|text| *text = mask(text, secrets).into_owned());
        self.attempts.iter_mut().for_each(|attempt| attempt.mask(secrets));
        match &mut self.waiting {
            Waiting::Until { output } => secrets.mask_value(output),
            Waiting::Batch(batch) => {
                let problems = batch.ended.iter_mut().filter_map(|ended| ended.problem.as_mut());
                problems.for_each(|problem| *problem = mask(problem, secrets).into_owned());
            }
            Waiting::Call(_) | Waiting::Run { .. } | Waiting::Event { .. } | Waiting::Retry => {}
        }
    }
}

/// The runs that a run waits for; empty if the stored value can't be read, because the run fails when it continues.
pub(super) fn awaited_runs(run: &Run) -> Vec<Id> {
    match Pending::of(run).ok().flatten().map(|pending| pending.waiting) {
        Some(Waiting::Run { child }) => vec![child],
        Some(Waiting::Batch(batch)) => batch.running.into_iter().map(|(_, run)| run).collect(),
        Some(Waiting::Call(_) | Waiting::Until { .. } | Waiting::Event { .. } | Waiting::Retry) | None => Vec::new(),
    }
}

/// All stored forms of a waiting step.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    step: String,
    action: String,
    input: Box<RawValue>,
    notes: Vec<Note>,
    started_at: Timestamp,
    attempts: Vec<Attempt>,
    waiting: Option<Waiting>,
    // What earlier versions stored instead of `waiting`.
    effect: Option<Effect>,
    sealed: Option<String>,
    #[serde(default)]
    retry: Retry,
    #[serde(default)]
    attempts_before: usize,
    #[serde(default)]
    in_flight: bool,
    attempt_started_at: Option<Timestamp>,
    output: Option<Value>,
    child: Option<Id>,
    batch: Option<Batch>,
}

impl From<Stored> for Pending {
    fn from(mut stored: Stored) -> Pending {
        let waiting = stored.waiting.take().unwrap_or_else(|| stored.take_earlier());
        let Stored { step, action, input, notes, started_at, attempts, .. } = stored;
        Pending { step, action, input, notes, started_at, attempts, waiting }
    }
}

impl Stored {
    /// What a step stored by an earlier version waits for.
    fn take_earlier(&mut self) -> Waiting {
        let sealed = self.sealed.take().map(StoredEffect::Sealed);
        let effect = sealed.or(self.effect.take().map(StoredEffect::Plain));
        if let Some(effect) = effect {
            let (retry, attempts_before) = (self.retry, self.attempts_before);
            let under_way_since = self.attempt_started_at.filter(|_| self.in_flight);
            return Waiting::Call(Call { effect, retry, attempts_before, under_way_since });
        }
        if let Some(output) = self.output.take() {
            return Waiting::Until { output };
        }
        if let Some(child) = self.child {
            return Waiting::Run { child };
        }
        self.batch.take().map_or(Waiting::Retry, Waiting::Batch)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads what a version without [`Waiting`] stored, and checks that it survives being written and read.
    fn read(stored: &str) -> Pending {
        let pending: Pending = serde_json::from_str(stored).expect("it is readable");
        let again = Pending::deserialize(&pending.to_value()).expect("it is readable");
        assert_eq!((again.to_value(), &again.waiting), (pending.to_value(), &pending.waiting));
        pending
    }

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("a date and time")
    }

    #[test]
    fn calls_of_earlier_versions_are_read() {
        let under_way = read(
            r#"{"step":"hang","action":"rest-api.json","input":{"uri":"http://127.0.0.1:18099/hang"},"notes":[],
                "startedAt":"2026-11-30T16:08:10.994Z","effect":null,"retry":{"attempts":1},"attemptsBefore":0,"attempts":[],
                "inFlight":true,"attemptStartedAt":"2026-11-30T16:08:10.997Z","sealed":"f/GqGbhDVijPhy9fxut3"}"#,
        );
        assert!(under_way.is_under_way());
        let call = Call {
            effect: StoredEffect::Sealed("f/GqGbhDVijPhy9fxut3".into()),
            retry: Retry { attempts: 1 },
            attempts_before: 0,
            under_way_since: Some(moment("2026-11-30T16:08:10.997Z")),
        };
        assert_eq!(under_way.waiting, Waiting::Call(call));

        let between = read(
            r#"{"step":"retry","action":"rest-api.json","input":{"uri":"http://127.0.0.1:18099/retry","data":{"n":1.50}},
                "notes":[{"pointer":"/data","expression":"/#steps.1.x","message":"there is no x"}],
                "startedAt":"2026-11-30T16:08:11.004Z","effect":{"http":{"method":"POST","uri":"http://127.0.0.1:18099/retry",
                "headers":[["idempotency-key","89c31fb016723befbc10b743d06ad62b"]],"body":"{\"n\":1}","timeoutMs":30000,
                "redirects":0,"reading":"json"}},"retry":{"attempts":8},"attemptsBefore":2,"attempts":[{"number":1,
                "status":"answered","method":"POST","uri":"http://127.0.0.1:18099/retry","statusCode":503,"answer":"busy",
                "startedAt":"2026-11-30T16:08:11.008Z","finishedAt":"2026-11-30T16:08:11.010Z","durationMs":1,
                "retryAt":"2026-11-30T17:08:11.010Z"}],"inFlight":false,"attemptStartedAt":"2026-11-30T16:08:11.008Z"}"#,
        );
        assert!(!between.is_under_way());
        assert_eq!(between.attempts[0].retry_at, Some(moment("2026-11-30T17:08:11.010Z")));
        assert_eq!(between.input.get(), r#"{"uri":"http://127.0.0.1:18099/retry","data":{"n":1.50}}"#);
        let Waiting::Call(Call { effect: StoredEffect::Plain(Effect::Http(request)), attempts_before, .. }) =
            &between.waiting
        else {
            panic!("{between:?}")
        };
        assert_eq!((request.body.as_deref(), *attempts_before), (Some(r#"{"n":1}"#), 2));
    }

    #[test]
    fn all_else_that_earlier_versions_waited_for_is_read() {
        let child: Id = "6b0d9f6acbb50c544e000006".parse().unwrap();
        let batch = Batch {
            workflow: "slow-double".into(),
            total: 3,
            concurrency: 2,
            stop_on_error: true,
            next: 2,
            running: vec![(0, child)],
            ended: Vec::new(),
        };
        for (stored, waiting) in [
            (r#""output":{"until":"2026-11-30T17:08:10.976Z"}"#, {
                Waiting::Until { output: json!({ "until": "2026-11-30T17:08:10.976Z" }) }
            }),
            (r#""child":"6b0d9f6acbb50c544e000006""#, Waiting::Run { child }),
            (
                r#""batch":{"workflow":"slow-double","total":3,"concurrency":2,"stopOnError":true,"next":2,
                   "running":[[0,"6b0d9f6acbb50c544e000006"]],"ended":[]}"#,
                Waiting::Batch(batch),
            ),
            (r#""effect":null"#, Waiting::Retry),
        ] {
            let pending = read(&format!(
                r#"{{"step":"2","action":"a","input":{{}},"notes":[],"startedAt":"2026-11-30T16:08:10.976Z","retry":{{"attempts":8}},
                    "attemptsBefore":0,{stored},"attempts":[],"inFlight":false,"attemptStartedAt":"2026-11-30T16:08:10.976Z"}}"#
            ));
            assert_eq!(pending.waiting, waiting);
        }
    }

    #[test]
    fn a_secret_that_looks_like_a_date_or_an_id_leaves_those_readable() {
        let mut secrets = Secrets::default();
        secrets.add("pin", "2026");
        secrets.add("id", "6b0d9f6acbb50c544e000006");
        let mut pending = read(
            r#"{"step":"2","action":"a","input":{"pin":"2026"},"notes":[{"pointer":"/a","expression":"","message":"pin 2026"}],
                "startedAt":"2026-11-30T16:08:10.976Z","child":"6b0d9f6acbb50c544e000006","attempts":[{"number":1,
                "status":"failed","error":"2026 is wrong","startedAt":"2026-11-30T16:08:10.976Z","finishedAt":null}]}"#,
        );
        pending.mask(&secrets);
        let masked = read(&pending.to_value().to_string());
        assert_eq!((masked.input.get(), masked.started_at), (r#"{"pin":"•••pin"}"#, pending.started_at));
        let texts = (masked.notes[0].message.as_str(), masked.attempts[0].error.as_deref());
        assert_eq!(texts, ("pin •••pin", Some("•••pin is wrong")));
        assert_eq!(masked.waiting, Waiting::Run { child: "6b0d9f6acbb50c544e000006".parse().unwrap() });
    }
}
