//! The answers to external calls in a dry run.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::DryRunError;
use crate::outbound::{Effect, EffectFailure, EffectOutcome, FailureKind, HttpResponse, Receipt};

/// Answers by the id of the calling step; `workflow/step` for steps of other workflows.
#[derive(Clone, Debug, Default)]
pub struct Answers {
    by_step: HashMap<String, StepAnswers>,
    /// Whether calls without an answer are answered with 200 and an empty object.
    or_empty: bool,
}

/// The answers to the calls of one step, in order; the last one also answers all further calls.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum StepAnswers {
    Several(Vec<Answer>),
    One(Answer),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Failure(GivenFailure),
    Http(GivenAnswer),
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenFailure {
    failure: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct GivenAnswer {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: Map<String, Value>,
    #[serde(default)]
    body: Value,
}

impl Default for GivenAnswer {
    fn default() -> GivenAnswer {
        GivenAnswer { status: ok(), headers: Map::new(), body: Value::Null }
    }
}

fn ok() -> u16 {
    200
}

/// A call that a step of a dry run made.
#[derive(Clone, Debug)]
pub struct MadeCall {
    /// The step, as a key of [`Answers`].
    pub step: String,
    /// Counted from 1.
    pub attempt: usize,
    /// What would have been sent, including credentials.
    pub request: Value,
    /// The call in one line, without secrets.
    pub summary: String,
    /// Whether the call was answered by default.
    pub assumed: bool,
}

impl Answers {
    /// Reads `{"step": {"status", "headers", "body"} | {"failure"} | […]}`.
    ///
    /// # Errors
    /// [`DryRunError::Script`], with the step's id.
    pub fn read(given: &Map<String, Value>) -> Result<Answers, DryRunError> {
        let mut answers = Answers::default();
        for (step, answer) in given {
            let pointer = format!("/answers/{}", crate::objects::escape_pointer(step));
            let read = StepAnswers::deserialize(answer).map_err(|_| {
                let forms = "an answer is `{\"status\": 200, \"headers\": {}, \"body\": …}`, `{\"failure\": \"why\"}`, or a list \
                             of these";
                DryRunError::script(&pointer, forms)
            })?;
            if matches!(&read, StepAnswers::Several(list) if list.is_empty()) {
                return Err(DryRunError::script(&pointer, "a list of answers has at least one"));
            }
            answers.by_step.insert(step.clone(), read);
        }
        Ok(answers)
    }

    /// The same answers, with 200 and an empty object for calls without one.
    pub fn or_empty(self) -> Answers {
        Answers { or_empty: true, ..self }
    }

    /// Answers the `attempt`-th call of a step.
    pub(super) fn answer(
        &self,
        step: &str,
        attempt: usize,
        effect: &Effect,
    ) -> Result<(EffectOutcome, MadeCall), DryRunError> {
        let (request, summary) = describe(effect);
        let given = self.by_step.get(step).map(|given| match given {
            StepAnswers::One(answer) => answer,
            StepAnswers::Several(answers) => &answers[(attempt - 1).min(answers.len() - 1)],
        });
        // What the server would refuse to send has no answer.
        let refusal = match effect {
            Effect::Http(request) => request.check().err().map(|(_, message)| message),
            Effect::Mail(_) => None,
        };
        let outcome = match (refusal, given) {
            (Some(message), _) => EffectOutcome::Failure(EffectFailure::new(FailureKind::Refused, message)),
            (None, Some(Answer::Failure(GivenFailure { failure }))) => {
                EffectOutcome::Failure(EffectFailure::new(FailureKind::Interrupted, failure.clone()))
            }
            (None, Some(Answer::Http(answer))) => answered(effect, answer.clone()),
            (None, None) if self.or_empty => {
                answered(effect, GivenAnswer { body: json!({}), ..GivenAnswer::default() })
            }
            (None, None) => return Err(DryRunError::NoAnswer { step: step.to_owned(), call: summary }),
        };
        Ok((outcome, MadeCall { step: step.to_owned(), attempt, request, summary, assumed: given.is_none() }))
    }
}

/// The outcome of an answered call. A mail is always accepted.
fn answered(effect: &Effect, answer: GivenAnswer) -> EffectOutcome {
    let GivenAnswer { status, headers, body } = answer;
    if let Effect::Mail(mail) = effect {
        let message_id = format!("{}@dry-run", mail.key.as_deref().unwrap_or_default());
        let recipients = [&mail.to, &mail.cc, &mail.bcc].into_iter().flatten().cloned().collect();
        return EffectOutcome::Receipt(Receipt {
            message_id,
            recipients,
            code: 250,
            answer: "accepted in a dry run".to_owned(),
        });
    }
    let headers = headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect();
    EffectOutcome::Response(Box::new(HttpResponse { status_code: status, headers, body, redirects: Vec::new() }))
}

/// What would have been sent, and a summary without secrets.
fn describe(effect: &Effect) -> (Value, String) {
    match effect {
        Effect::Http(request) => {
            let headers: Map<String, Value> =
                request.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let body = request.body.as_deref();
            let body = body.map_or(Value::Null, |text| serde_json::from_str(text).unwrap_or_else(|_| json!(text)));
            let shown = format!("{} {}", request.method, request.shown_uri());
            (json!({ "method": request.method, "uri": request.uri, "headers": headers, "body": body }), shown)
        }
        Effect::Mail(mail) => {
            let shown = format!("mail to {}", mail.to.join(", "));
            (serde_json::to_value(mail).expect("a mail has string keys"), shown)
        }
    }
}
