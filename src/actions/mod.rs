//! The actions of steps: one file per family, and one table that lists them all.
//!
//! An action gets its params, resolved and cast as its [`ActionSpec`] declares, and the session of the transaction in
//! which the run advances. It returns an output, a failure, or an effect to perform once the transaction has committed.
//! It checks everything before it writes, because a failed step keeps what earlier steps wrote.
//!
//! To add an action, write its file and add its row to [`ACTIONS`]. The checker, the engine and the docs read the
//! table.

mod check;
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

pub use check::check;
pub use for_each::{Batch, Ended, start_item};

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::changes::Editor;
use crate::events::{Cause, Event, InForce, Payload, Start};
use crate::expr::{Note, Secrets, mask};
use crate::objects::Problem;
use crate::outbound::{Effect, Retry};
use crate::store::{Run, Session, StoreResult};
use crate::workflow::{ActionSpec, Known, KnownNames};

/// All actions.
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

/// One action: its spec and its implementation.
pub struct Action {
    pub spec: ActionSpec,
    pub run: fn(&mut Call<'_>) -> StoreResult<ActionOutcome>,
}

/// One execution of an action.
pub struct Call<'a> {
    pub org: Id,
    /// The params, resolved and cast; those without a value are absent.
    pub params: Map<String, Value>,
    /// The run that executes the action.
    pub run: &'a Run,
    /// The step's id.
    pub step: &'a str,
    pub session: &'a mut dyn Session,
    pub in_force: &'a InForce,
    /// What the action does besides its output.
    pub effects: &'a mut Effects,
    /// Notes for the reader of the log; they go into the step entry.
    pub notes: &'a mut Vec<Note>,
}

/// How an action ended.
pub enum ActionOutcome {
    Output(Value),
    Failed(StepFailure),
    /// Perform the effect outside the transaction, with these retries; its outcome becomes the step's output.
    Perform(Effect, Retry),
    /// Complete the step with this output, but not before this time.
    Wait(Timestamp, Value),
    /// Complete the step when this run ends; the run is among the effects.
    Await(Id),
    /// Complete the step when a workflow has run for each item of a list.
    ForEach(Batch),
    /// Complete the step with this output and end the run: as completed, or with a failure.
    Stop(Value, Option<StepFailure>),
}

/// What a stretch does beyond its own run, written together with it.
#[derive(Default)]
pub struct Effects {
    /// Events that workflows listen for.
    pub events: Vec<Event>,
    /// Calls of workflows.
    pub starts: Vec<Start>,
    /// Lines for the server's log, written once the stretch is committed.
    pub lines: Vec<LogLine>,
}

/// A line for the server's log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    pub level: log::Level,
    pub step: String,
    pub message: String,
}

/// How far effects had come at some moment.
#[derive(Clone, Copy, Debug)]
pub struct EffectsMark {
    events: usize,
    starts: usize,
}

impl Effects {
    /// How far they have come.
    pub fn mark(&self) -> EffectsMark {
        EffectsMark { events: self.events.len(), starts: self.starts.len() }
    }

    /// How many runs those since the mark start.
    pub fn count_runs(&self, mark: EffectsMark, in_force: &InForce) -> usize {
        let listeners = |event: &Event| in_force.listeners(event.org, &event.name).len();
        self.events[mark.events..].iter().map(listeners).sum::<usize>() + self.starts[mark.starts..].len()
    }

    /// Drops those since the mark.
    pub fn truncate(&mut self, mark: EffectsMark) {
        self.events.truncate(mark.events);
        self.starts.truncate(mark.starts);
    }

    /// Masks the secrets in what other runs are given, and in log lines: both are there to be read by others.
    pub fn mask(&mut self, secrets: &Secrets) {
        let events = self.events.iter_mut().chain(self.starts.iter_mut().map(|start| &mut start.event));
        for event in events {
            if let Payload::Stored(payload) = &mut event.payload {
                secrets.mask_value(payload);
            }
        }
        self.lines.iter_mut().for_each(|line| line.message = mask(&line.message, secrets).into_owned());
    }
}

/// Why an action failed, for the person who wrote the workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct StepFailure {
    /// Stable, in snake_case.
    pub code: &'static str,
    pub message: String,
    /// Each thing that was wrong, with its pointer into the params.
    pub problems: Vec<Problem>,
}

impl StepFailure {
    pub fn new(code: &'static str, message: impl Into<String>) -> StepFailure {
        StepFailure { code, message: message.into(), problems: Vec::new() }
    }

    /// A failure caused by invalid params.
    pub fn invalid(problems: Vec<Problem>) -> StepFailure {
        let listed: Vec<String> =
            problems.iter().map(|problem| format!("{}: {}", problem.pointer, problem.message)).collect();
        StepFailure { code: "invalid_params", message: listed.join("; "), problems }
    }
}

impl Call<'_> {
    /// A string param; empty if absent. The spec guarantees that a required one is present and a string.
    pub fn text(&self, name: &str) -> &str {
        self.params.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// An editor for objects in the run's transaction.
    pub fn editor(&mut self) -> Editor<'_> {
        let (cause, events) = (Cause::of(self.run), &mut self.effects.events);
        Editor { session: self.session, org: self.org, in_force: self.in_force, cause, events }
    }

    /// Raises an event, if any workflow listens for it.
    pub fn raise(&mut self, event: &str, payload: impl FnOnce() -> Value) {
        if self.in_force.is_heard(self.org, event) {
            let event = Event::new(self.org, event, payload(), Cause::of(self.run), self.session.now());
            self.effects.events.push(event);
        }
    }

    /// Adds a note to the step entry.
    pub fn note(&mut self, pointer: &str, message: impl Into<String>) {
        self.notes.push(Note { pointer: pointer.into(), expression: String::new(), message: message.into() });
    }
}

/// The action `name`, without the prefix `kustomer.`.
pub fn find(name: &str) -> Option<&'static Action> {
    ACTIONS.iter().find(|action| action.spec.name == name)
}

/// The spec of the action `name`.
pub fn spec(name: &str) -> Option<&'static ActionSpec> {
    find(name).map(|action| &action.spec)
}

/// The param with the address by which an action looks up a customer, if it does.
pub fn email_param(name: &str) -> Option<&'static str> {
    customer::BY_EMAIL.iter().find(|(action, _)| *action == name).map(|(_, param)| *param)
}

/// The names of all actions.
pub fn names() -> Vec<&'static str> {
    ACTIONS.iter().map(|action| action.spec.name).collect()
}

/// All actions and these names, for the checker.
pub fn known(names: impl Into<Arc<KnownNames>>) -> Known<'static> {
    Known { action: &spec, action_names: self::names(), check: &check, names: names.into() }
}
