//! Dispatches events: decides what follows from them.

use std::slice;
use std::sync::Arc;

use serde_json::Value;

use super::{Cause, Event, InForce, Listener, Payload, find_lane, insert};
use crate::hook::transaction::Transaction;
use crate::store::{EventRecord, Run, Session, StoreResult};
use crate::workflow::Workflow;

/// The result of dispatching an event.
#[derive(Debug, Default)]
pub struct Dispatched {
    /// The runs that it started, in the order of their workflows. Those that were too deep to begin have failed.
    pub runs: Vec<Run>,
}

/// Stores an event that has a payload of its own, and starts a run of each workflow that listens. If none does, nothing
/// is stored.
///
/// # Errors
/// Those of the store.
pub fn dispatch(session: &mut dyn Session, in_force: &InForce, event: Event) -> StoreResult<Dispatched> {
    let listeners = in_force.listeners(event.org, &event.name);
    if listeners.is_empty() {
        return Ok(Dispatched::default());
    }
    let mut runs: Vec<Run> = listeners.iter().map(|listener| event.run(listener)).collect();
    runs.iter_mut().zip(listeners).for_each(|(run, listener)| find_lane(run, &listener.program, event.payload.value()));
    record(session, event, &mut runs, insert)?;
    Ok(Dispatched { runs })
}

/// Stores an event, unless it is stored already, and the runs that it starts; `put` stores a run. Events of all sources end
/// here, each in the transaction of what it reports. Whatever else is to follow from every event belongs here.
///
/// # Errors
/// Those of the store, and of `put`.
pub fn record<R, T>(
    session: &mut dyn Session,
    event: Event,
    runs: &mut [R],
    mut put: impl FnMut(&mut dyn Session, &mut R) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    if let Payload::Stored(payload) = event.payload {
        let Event { id, org, at, .. } = event;
        let (name, run) = (event.name.to_string(), event.cause.run());
        session.insert_event(&EventRecord { id, org, name, at, run, payload })?;
    }
    runs.iter_mut().map(|run| put(session, run)).collect()
}

/// An event for one workflow alone, with its run: a call, or a due schedule. Neither is stored yet.
#[derive(Clone, Debug)]
pub struct Start {
    pub event: Event,
    /// Without its lane.
    pub run: Run,
    pub program: Arc<Workflow>,
}

impl Start {
    /// The start of the workflow that the event is for.
    pub fn new(event: Event, listener: &Listener) -> Start {
        Start { run: event.run(listener), event, program: listener.program.clone() }
    }

    /// Stores the event, and its run as queued.
    ///
    /// # Errors
    /// Those of the store.
    pub fn write(self, session: &mut dyn Session) -> StoreResult<Run> {
        self.write_prepared(session, |_, _| Ok(()))
    }

    /// The same; `prepare` can change the run once its lane is known.
    ///
    /// # Errors
    /// Those of the store, and of `prepare`.
    pub fn write_prepared(
        self,
        session: &mut dyn Session,
        prepare: impl FnOnce(&mut dyn Session, &mut Run) -> StoreResult<()>,
    ) -> StoreResult<Run> {
        let Start { event, mut run, program } = self;
        find_lane(&mut run, &program, event.payload.value());
        prepare(session, &mut run)?;
        record(session, event, slice::from_mut(&mut run), insert)?;
        Ok(run)
    }
}

/// Inserts a queued run of each listener for a transaction that arrived before, with `envelope` as its payload. If the
/// envelope is not the transaction's own, because an admin has mended it, it is stored once for all of the runs.
///
/// # Errors
/// Those of the store.
pub fn run_later(
    session: &mut dyn Session,
    listeners: &[Listener],
    transaction: &Transaction,
    envelope: &Value,
    is_mended: bool,
) -> StoreResult<Vec<Run>> {
    let (org, at) = (transaction.org, session.now());
    let Some(first) = listeners.first() else { return Ok(Vec::new()) };
    let event = Event::of_transaction(org, transaction.id, first.event.as_str().into(), at);
    let stored = is_mended.then(|| session.new_id());
    if let Some(id) = stored {
        let (name, payload) = (event.name.to_string(), envelope.clone());
        session.insert_event(&EventRecord { id, org, name, at, run: None, payload })?;
    }
    let start = |listener: &Listener| {
        let mut run = event.run(listener);
        run.event_id = stored;
        // What it starts is not counted together with what was started on arrival.
        run.root = Some(run.id);
        find_lane(&mut run, &listener.program, envelope);
        insert(session, &mut run)?;
        session.insert_later_run(org, transaction.hook, transaction.id, run.id)?;
        Ok(run)
    };
    listeners.iter().map(start).collect()
}

/// Inserts a queued run that does again what `original` did: for the same event, with this version of the workflow, which is
/// `program`. `payload` is that of the event; `held` says whether this process goes on with the run at once.
///
/// # Errors
/// Those of the store.
pub fn replay(
    session: &mut dyn Session,
    original: &Run,
    (version, program): (i64, &Arc<Workflow>),
    payload: &Value,
    held: bool,
) -> StoreResult<Run> {
    let (org, at, name) = (original.org, session.now(), original.event.as_str());
    let workflow = original.workflow;
    let listener = Listener { workflow, version, event: name.to_owned(), program: program.clone() };
    let event = Event::new(org, name, Value::Null, Cause::Outside, at);
    let event = match (original.transaction, original.event_id) {
        (Some(id), _) => Event { id, payload: Payload::Transaction, ..event },
        (None, Some(id)) => Event { id, payload: Payload::Earlier, ..event },
        // A version before this one kept the payload in the run.
        (None, None) => Event { payload: Payload::Stored(payload.clone()), ..event },
    };
    let mut run = event.run(&listener);
    (run.replay_of, run.held) = (Some(original.id), held);
    if original.transaction.is_some() {
        run.event_id = original.event_id;
    }
    // What it starts is not counted together with what the original started.
    run.root = Some(run.id);
    find_lane(&mut run, program, payload);
    record(session, event, slice::from_mut(&mut run), insert)?;
    Ok(run)
}
