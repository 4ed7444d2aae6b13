//! Storing what passed the door: a transaction, with a run for each workflow that listens.
//!
//! As long as the store is not busy, the first stretch of each run rides in the commit that stores its transaction; the
//! engine goes on from there. Otherwise runs are queued, because taking hooks in goes first.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::Door;
use crate::catalog::HookInForce;
use crate::engine::{Loaded, Progress, Surroundings, begin};
use crate::id::Id;
use crate::observe::metrics;
use crate::starts::{InForce, fresh_run};
use crate::store::{Run, Session, StoreResult, chain};
use crate::time::Timestamp;
use crate::transaction::Transaction;

/// With more units than this waiting for the store, runs are only queued: taking hooks in goes first.
const QUEUED_MAX_TO_BEGIN: usize = 512;
/// A queued run with a larger payload is read from the database when its turn comes.
const KEPT_BYTES_MAX: usize = 4_096;

/// What passed, ready to be stored. The payload can be read again from the bytes, the content type and the headers.
pub struct Delivery {
    pub content_type: Option<String>,
    /// By name, in lower case; secrets masked.
    pub headers: Vec<(String, String)>,
    /// The query string as received, secrets masked.
    pub query: Option<String>,
    /// The address that sent it.
    pub peer: Option<String>,
    pub raw: Bytes,
    /// The payload; null if no workflow listens.
    pub data: Value,
    /// How large the bytes are that the payload was read from.
    pub payload_bytes: usize,
}

/// Stores the transaction, and starts its runs; the transaction's id, once it is on the disk.
///
/// # Errors
/// Those of the store; then nothing is stored.
pub async fn take_in(door: &Door, in_force: &HookInForce, delivery: Delivery) -> StoreResult<Id> {
    let (arrival, data) = Arrival::new(in_force, delivery);
    let arrival = Arc::new(arrival);
    store(door, in_force, &arrival, data).await?;
    metrics::transaction_accepted();
    log::debug!(hook = in_force.hook.name.as_str(), transaction:% = arrival.transaction.id; "transaction accepted");
    Ok(arrival.transaction.id)
}

/// A transaction with the runs that it starts.
struct Arrival {
    transaction: Transaction,
    runs: Vec<Run>,
    /// The size of the body once it is inflated.
    payload_bytes: usize,
}

impl Arrival {
    fn new(in_force: &HookInForce, delivery: Delivery) -> (Arrival, Value) {
        let hook = &in_force.hook;
        let now = Timestamp::now();
        let id = Id::generate();
        let runs: Vec<Run> = in_force
            .listeners
            .iter()
            .map(|listener| {
                let workflow = (listener.workflow, listener.version, listener.program.as_ref());
                fresh_run(hook.org, workflow, Some(id), &listener.event, now)
            })
            .collect();
        let transaction = Transaction {
            id,
            org: hook.org,
            hook: hook.id,
            hook_kind: hook.kind,
            created_at: now,
            content_type: delivery.content_type,
            headers: delivery.headers,
            query: delivery.query,
            peer: delivery.peer,
            raw: delivery.raw,
            runs: runs.iter().map(|run| run.id).collect(),
        };
        (Arrival { transaction, runs, payload_bytes: delivery.payload_bytes }, delivery.data)
    }

    /// Inserts the runs as queued; `held` says whether this process goes on with them at once.
    fn insert_runs(&self, session: &mut dyn Session, held: bool) -> StoreResult<()> {
        self.runs.iter().try_for_each(|run| session.insert_run(&Run { held, ..run.clone() }))
    }
}

/// Commit 1: the transaction and its runs, together. As long as the store is not busy, the first stretch of each run
/// rides in the same commit: for most workflows that is all there is, and it saves writing the run twice.
async fn store(door: &Door, hook: &HookInForce, arrival: &Arc<Arrival>, data: Value) -> StoreResult<()> {
    let place = door.engine.place().filter(|_| door.store.queued() <= QUEUED_MAX_TO_BEGIN);
    let Some(place) = place else {
        return queue(door, hook, arrival, data).await;
    };
    let mut fresh = load(hook, arrival, data);
    let mut repeated = false;
    let stored = arrival.clone();
    let in_force = door.catalog.clone();
    let begun = door.store.write(move |session| {
        session.insert_transaction(&stored.transaction)?;
        // Whatever failed the first time, in a repetition the runs are only queued.
        if std::mem::replace(&mut repeated, true) {
            stored.insert_runs(session, false)?;
            return Ok(None);
        }
        let begun: StoreResult<Vec<_>> = fresh.iter_mut().map(|loaded| begin_run(session, &in_force, loaded)).collect();
        begun.map(Some)
    });
    match begun.await {
        Ok(Some(begun)) => place.follow(arrival.transaction.org, begun),
        Ok(None) => door.engine.look(),
        // Something about a run, not about the database: the transaction must not be lost for that.
        Err(error) if error.concerns_the_work() => {
            log::warn!(hook = hook.hook.name.as_str(), err:% = chain(&error); "runs are queued instead of begun");
            let data = arrival.transaction.data().unwrap_or(Value::Null);
            return queue(door, hook, arrival, data).await;
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// Commit 1 without anything of commit 2: the runs are queued for the engine.
async fn queue(door: &Door, in_force: &HookInForce, arrival: &Arc<Arrival>, data: Value) -> StoreResult<()> {
    // Bytes that wait in the engine are not counted by anybody, so only small payloads wait there.
    let place = door.engine.place().filter(|_| arrival.payload_bytes <= KEPT_BYTES_MAX);
    let (stored, held) = (arrival.clone(), place.is_some());
    let written = door.store.write(move |session| {
        session.insert_transaction(&stored.transaction)?;
        stored.insert_runs(session, held)
    });
    written.await?;
    match place {
        Some(place) => place.start(load(in_force, arrival, data)),
        None => door.engine.look(),
    }
    Ok(())
}

fn begin_run(session: &mut dyn Session, in_force: &dyn InForce, loaded: &mut Loaded) -> StoreResult<(Id, Progress)> {
    let run = loaded.run.id;
    Ok((run, begin(loaded, Surroundings { session, in_force, probe: &mut |_| Ok(()) })?))
}

/// The runs with their workflows and the envelope.
fn load(in_force: &HookInForce, arrival: &Arrival, data: Value) -> Vec<Loaded> {
    // Without a run nobody looks at the envelope.
    let Some(last) = arrival.runs.len().checked_sub(1) else { return Vec::new() };
    let mut envelope = Some(arrival.transaction.envelope(data));
    let runs = arrival.runs.iter().zip(&in_force.listeners).enumerate();
    let mut payload = |index: usize| if index == last { envelope.take() } else { envelope.clone() };
    runs.map(|(index, (run, listener))| {
        Loaded::fresh(run.clone(), listener.program.clone(), payload(index).unwrap_or(Value::Null))
    })
    .collect()
}
