//! Events, and the runs that they start.

use std::sync::Arc;

use serde_json::Value;

use super::{DEPTH_MAX, Listener};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::{Ending, Run, RunError, RunStatus};

/// Something that happened and that workflows can listen for.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: Id,
    pub org: Id,
    pub name: Arc<str>,
    pub at: Timestamp,
    pub payload: Payload,
    pub cause: Cause,
}

/// The payload of an event.
#[derive(Clone, Debug)]
pub enum Payload {
    /// The envelope of the transaction with the event's id, which the door stores.
    Transaction,
    /// A value that is stored with the event.
    Stored(Value),
    /// A value that was stored when the event happened; this is a replay.
    Earlier,
}

impl Payload {
    /// The value that is to be stored with the event; null for any other payload.
    pub fn value(&self) -> &Value {
        match self {
            Payload::Stored(value) => value,
            Payload::Transaction | Payload::Earlier => &Value::Null,
        }
    }
}

/// The cause of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Something outside of all runs: a request, or a due time.
    Outside,
    /// A run.
    Run {
        id: Id,
        /// The root of the run; see [`Run::root`].
        root: Id,
        /// The depth of the runs that the event starts.
        depth: i64,
    },
}

impl Cause {
    /// The cause of events that `run` raises.
    pub fn of(run: &Run) -> Cause {
        Cause::Run { id: run.id, root: run.root(), depth: run.depth + 1 }
    }

    /// The run that it is.
    pub fn run(self) -> Option<Id> {
        match self {
            Cause::Outside => None,
            Cause::Run { id, .. } => Some(id),
        }
    }
}

impl Event {
    /// An event with a payload of its own.
    pub fn new(org: Id, name: impl Into<Arc<str>>, payload: Value, cause: Cause, at: Timestamp) -> Event {
        Event { id: Id::generate(), org, name: name.into(), at, payload: Payload::Stored(payload), cause }
    }

    /// The event of a transaction.
    pub fn of_transaction(org: Id, transaction: Id, name: Arc<str>, at: Timestamp) -> Event {
        Event { id: transaction, org, name, at, payload: Payload::Transaction, cause: Cause::Outside }
    }

    /// A run of a workflow for the event: queued, due at once, without its lane, and not stored. It has failed if it is
    /// too deep.
    pub fn run(&self, listener: &Listener) -> Run {
        let (transaction, event_id) = match self.payload {
            Payload::Transaction => (Some(self.id), None),
            Payload::Stored(_) | Payload::Earlier => (None, Some(self.id)),
        };
        let (parent, root, depth) = match self.cause {
            Cause::Outside => (None, None, 0),
            Cause::Run { id, root, depth } => (Some(id), Some(root), depth),
        };
        let mut run = Run {
            id: Id::generate(),
            org: self.org,
            workflow: listener.workflow,
            workflow_name: listener.program.name.clone(),
            version: listener.version,
            event: listener.event.clone(),
            transaction,
            event_id,
            input: None,
            replay_of: None,
            parent,
            root,
            depth,
            output: None,
            status: RunStatus::Queued,
            position: None,
            steps: 0,
            pending: None,
            error: None,
            created_at: self.at,
            started_at: None,
            finished_at: None,
            due_at: Some(self.at),
            held: false,
            rev: 0,
            lane: None,
        };
        if depth > DEPTH_MAX {
            run.end(Ending::Failed(too_deep()), self.at);
        }
        run
    }
}

fn too_deep() -> RunError {
    let message = format!(
        "{DEPTH_MAX} runs have started each other, one after the other, which is the limit; do workflows start each other \
         in a circle?"
    );
    RunError { code: "event_loop".into(), step: None, action: None, message, problems: Vec::new() }
}
