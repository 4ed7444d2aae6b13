//! What steps can do: one file a family, one table that lists them all.
//!
//! An action gets its params, resolved and cast as its [`ActionSpec`] says, and the session of the transaction that
//! the run's stretch goes on in. It answers with an output, with a failure, or with an effect to be performed once
//! the transaction has committed. It checks everything before it writes, because a failed step keeps what the steps
//! before it wrote.
//!
//! To add one: write its file, and add its row to [`ACTIONS`]. The checker, the engine and the docs read the table.

mod company;
mod control;
mod conversation;
mod customer;
mod entity;
mod flow;
mod for_each;
mod graphql;
mod http;
mod klass;
mod kobject;
mod list;
mod mail;
mod message;
mod note;
mod object;
mod org;
mod regex_match;
mod rest_api;
mod user;

pub use for_each::{Batch, Ended, item_run};
use serde_json::{Map, Value};

use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::changes::Editor;
use crate::events::InForce;
use crate::expr::{Note, Secrets, mask};
use crate::objects::Problem;
use crate::outbound::{Effect, Retry};
use crate::store::{Run, Session, StoreResult};
use crate::workflow::ActionSpec;

/// Every action there is.
pub static ACTIONS: &[Action] = &[
    customer::FIND,
    customer::FIND_BY_EMAIL,
    customer::FIND_BY_PHONE,
    customer::FIND_BY_EXTERNAL_ID,
    customer::CREATE,
    customer::UPDATE,
    customer::MERGE,
    customer::APPEND_EMAIL,
    customer::APPEND_PHONE,
    kobject::FIND,
    kobject::FIND_BY_EXTERNAL_ID,
    kobject::CREATE,
    kobject::CREATE_WITH_CUSTOMER,
    kobject::UPDATE,
    kobject::DELETE,
    kobject::ADD_RELATIONSHIP,
    klass::CREATE,
    klass::FIND_BY_KLASSNAME,
    company::FIND,
    company::FIND_BY_EXTERNAL_ID,
    company::CREATE,
    company::UPDATE,
    conversation::FIND_BY_ID,
    conversation::FIND_BY_EXTERNAL_ID,
    conversation::FIND_BODY,
    conversation::CREATE,
    conversation::UPDATE,
    conversation::ASSIGN_USER,
    conversation::ASSIGN_TEAM,
    conversation::APPEND_TAGS,
    conversation::REMOVE_TAGS,
    message::FIND_BY_ID,
    message::FIND_BY_EXTERNAL,
    message::FIND_LAST,
    message::CREATE,
    message::UPDATE,
    note::FIND_BY_ID,
    note::FIND_BY_EXTERNAL,
    note::CREATE,
    note::UPDATE,
    user::FIND_BY_ID,
    user::FIND_BY_EMAIL,
    org::CURRENT,
    rest_api::JSON,
    rest_api::GENERIC,
    graphql::QUERY,
    mail::SEND,
    regex_match::GENERIC,
    flow::RUN_BY_NAME,
    flow::SCHEDULE_WORKFLOW,
    flow::DELAY,
    flow::PUBLISH,
    flow::SET,
    list::MAP,
    list::FILTER,
    for_each::FOR_EACH,
    control::STOP,
    control::LOG,
];

/// One action: what the checker knows of it, and what it does.
pub struct Action {
    pub spec: ActionSpec,
    pub run: fn(&mut Call<'_>) -> StoreResult<Outcome>,
}

/// One execution of an action.
pub struct Call<'a> {
    pub org: Id,
    /// The params, resolved and cast; those that resolved to nothing are absent.
    pub params: Map<String, Value>,
    /// The run that executes it.
    pub run: &'a Run,
    /// The id of the step.
    pub step: &'a str,
    pub session: &'a mut dyn Session,
    pub in_force: &'a InForce,
    /// What becomes of it beside its output.
    pub effects: &'a mut Effects,
    /// What the reader of the log should know; goes into the step entry.
    pub notes: &'a mut Vec<Note>,
}

/// How an action ended.
pub enum Outcome {
    Output(Value),
    Failed(Failure),
    /// To be performed outside the transaction, so often at most; what comes of it becomes the step's output.
    Perform(Effect, Retry),
    /// The step completes with this output, but not before this time.
    Wait(Timestamp, Value),
    /// The step completes when this run does, which is among the effects.
    Await(Id),
    /// The step completes when a workflow has run for each item of a list.
    ForEach(Batch),
    /// The step completes with this output, and the run ends with it: as completed, or because of a failure.
    Stop(Value, Option<Failure>),
}

/// What a stretch does to other runs, written together with it.
#[derive(Default)]
pub struct Effects {
    /// Events that workflows listen for, and their payloads.
    pub events: Vec<(String, Value)>,
    /// Runs to be inserted.
    pub runs: Vec<Run>,
    /// Lines for the server's log, written once the stretch is committed.
    pub lines: Vec<LogLine>,
}

/// What a step wants to be written to the server's log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    pub level: log::Level,
    pub step: String,
    pub message: String,
}

impl Effects {
    /// Masks the secrets in what other runs are given, and in log lines: both are there to be read by others.
    pub fn mask(&mut self, secrets: &Secrets) {
        let payloads = self.events.iter_mut().map(|(_, payload)| payload);
        let inputs = self.runs.iter_mut().filter_map(|run| run.input.as_mut());
        payloads.chain(inputs).for_each(|value| secrets.mask_value(value));
        self.lines.iter_mut().for_each(|line| line.message = mask(&line.message, secrets).into_owned());
    }
}

/// Why an action failed, for the person who wrote the workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Stable, in snake_case.
    pub code: &'static str,
    pub message: String,
    /// Each thing that was wrong, with its pointer into the params.
    pub problems: Vec<Problem>,
}

impl Failure {
    pub fn new(code: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), problems: Vec::new() }
    }

    /// A failure because of what the params say.
    pub fn invalid(problems: Vec<Problem>) -> Failure {
        let listed: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect();
        Failure { code: "invalid_params", message: listed.join("; "), problems }
    }
}

impl Call<'_> {
    /// A text param; empty if absent. The spec has seen to it that a required one is there and is text.
    pub fn text(&self, name: &str) -> &str {
        self.params.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// To change objects in the run's transaction.
    pub fn editor(&mut self) -> Editor<'_> {
        let events = &mut self.effects.events;
        Editor { session: self.session, org: self.org, in_force: self.in_force, events }
    }

    /// Raises an event, if any workflow listens for it.
    pub fn raise(&mut self, event: &str, payload: impl FnOnce() -> Value) {
        if self.in_force.is_heard(self.org, event) {
            self.effects.events.push((event.to_owned(), payload()));
        }
    }

    /// Adds a sentence to the step's entry.
    pub fn note(&mut self, pointer: &str, message: impl Into<String>) {
        self.notes.push(Note { pointer: pointer.into(), expression: String::new(), message: message.into() });
    }
}

/// The action called `name`, without the prefix `kustomer.`.
pub fn find(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.spec.name == name)
}

/// What the checker knows of the action called `name`.
pub fn spec(name: &str) -> Option<&'static ActionSpec> {
    find(name).map(|action| &action.spec)
}

/// The names of all actions.
pub fn names() -> Vec<&'static str> {
    ACTIONS.iter().map(|action| action.spec.name).collect()
}
