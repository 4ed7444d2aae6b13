//! Storing what passed the door: a transaction, with a run for each workflow that listens.
//!
//! As long as the store is not busy, the first stretch of each run rides in the commit that stores its transaction; the
//! engine goes on from there. Otherwise runs are queued, because taking hooks in goes first.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::Door;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::HookInForce;
use crate::engine::{Context, Loaded, Progress, begin};
use crate::events::{Event, InForce, find_lane, insert};
use crate::hook;
use crate::hook::transaction::{SkipReason, Transaction};
use crate::observe::metrics;
use crate::store::{Run, SeenKey, Session, StoreResult, chain};

/// With more units than this waiting for the store, runs are only queued: taking hooks in goes first.
const QUEUED_MAX_TO_BEGIN: usize = 512;
/// A queued run with a larger payload is read from the database when its turn comes.
const KEPT_BYTES_MAX: usize = 4_096;

/// The word that requests which came before are counted by, beside the reasons of refusals.
pub const DUPLICATE: &str = "duplicate";

/// What is kept of a request beside its body.
pub struct RequestMeta {
    pub content_type: Option<String>,
    /// By name, in lower case; secrets masked.
    pub headers: Vec<(String, String)>,
    /// The query string as received, secrets masked.
    pub query: Option<String>,
    /// The address that sent it.
    pub peer: Option<String>,
}

/// What passed, ready to be stored. The payload can be read again from the bytes, the content type and the headers.
pub struct Incoming {
    meta: RequestMeta,
    raw: Bytes,
    /// The payload; null if no workflow listens.
    data: Value,
    /// How large the bytes are that the payload was read from.
    payload_bytes: usize,
    /// What tells it from other requests, if anything does.
    key: Option<DedupKey>,
    /// Why it starts none of the workflows that listen, if it does not.
    skip_reason: Option<SkipReason>,
}

impl Incoming {
    /// A request with what the hook's settings make of it: what tells it from others, and whether it starts workflows.
    /// `data` is the payload, with the size of what it was read from; `request` is only asked for if the settings look at it.
    pub fn new<'r>(
        in_force: &HookInForce,
        meta: RequestMeta,
        raw: Bytes,
        (data, payload_bytes): (Value, usize),
        request: impl FnOnce() -> hook::Request<'r>,
    ) -> Incoming {
        let settings = &in_force.settings;
        let skip_reason = settings.capture.then_some(SkipReason::Captured);
        if !settings.needs_payload() {
            return Incoming { meta, raw, data, payload_bytes, key: None, skip_reason };
        }
        let request = request();
        let scope = request.scope(data);
        // What was only captured was not worked on: when it comes again after that, it has to be.
        let deduplication = settings.deduplication.as_ref().filter(|_| !settings.capture);
        let key = deduplication.and_then(|deduplication| {
            let digest = deduplication.key_digest(&scope, request.signed_id.as_deref())?;
            Some(DedupKey { digest, window: deduplication.window })
        });
        let passes = settings.filter.as_ref().is_none_or(|filter| {
            // A filter that can't be judged must not keep anything from being worked on.
            filter.passes(&scope).unwrap_or_else(|error| {
                let hook = in_force.hook.name.as_str();
                log::error!(hook, err:% = error; "the hook's filter can't be judged; the request passes");
                true
            })
        });
        let skip_reason = skip_reason.or((!passes).then_some(SkipReason::Filtered));
        Incoming { meta, raw, data: hook::take_payload(scope), payload_bytes, key, skip_reason }
    }
}

/// What tells a request from others on the same hook.
struct DedupKey {
    /// SHA-256 of the key, in hex.
    digest: String,
    /// How long another one with the same key is taken for the same.
    window: Duration,
}

/// What became of a request that was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// It is this transaction.
    New(Id),
    /// It came before, as this transaction. Nothing was started, and nothing stored but that it came again.
    Duplicate(Id),
}

impl Accepted {
    /// The transaction that the request became.
    pub fn transaction(self) -> Id {
        match self {
            Accepted::New(id) | Accepted::Duplicate(id) => id,
        }
    }
}

/// Stores the transaction, and starts its runs; what it became, once that is on the disk.
///
/// # Errors
/// Those of the store; then nothing is stored.
pub async fn accept(door: &Door, in_force: &HookInForce, incoming: Incoming) -> StoreResult<Accepted> {
    let (arrival, data) = Arrival::new(in_force, incoming);
    let arrival = Arc::new(arrival);
    let first = store(door, in_force, &arrival, data).await?;
    Ok(report(in_force, &arrival, first))
}

/// Stores the transactions of several hooks in one commit, with their runs queued; what each became.
///
/// # Errors
/// Those of the store; then nothing is stored.
pub async fn accept_all(door: &Door, requests: Vec<(Arc<HookInForce>, Incoming)>) -> StoreResult<Vec<Accepted>> {
    let arrivals = requests.into_iter().map(|(in_force, incoming)| {
        let (arrival, _) = Arrival::new(&in_force, incoming);
        (in_force, arrival)
    });
    let arrivals: Arc<[(Arc<HookInForce>, Arrival)]> = arrivals.collect();
    let stored = arrivals.clone();
    let written = door.store.write(move |session| {
        let firsts = stored.iter().map(|(_, arrival)| Ok(arrival.insert_queued(session, false)?.0));
        firsts.collect::<StoreResult<Vec<Id>>>()
    });
    let firsts = written.await?;
    door.engine.look();
    Ok(arrivals.iter().zip(firsts).map(|((in_force, arrival), first)| report(in_force, arrival, first)).collect())
}

/// Counts and logs what became of a request: the id of its transaction.
fn report(in_force: &HookInForce, arrival: &Arrival, first: Id) -> Accepted {
    let hook = in_force.hook.name.as_str();
    if first != arrival.transaction.id {
        metrics::duplicate_received();
        log::info!(hook, transaction:% = first; "a request came again");
        return Accepted::Duplicate(first);
    }
    metrics::transaction_accepted();
    log::debug!(hook, transaction:% = first; "transaction accepted");
    Accepted::New(first)
}

/// A transaction with the runs that it starts.
struct Arrival {
    transaction: Transaction,
    seen_key: Option<SeenKey>,
    runs: Vec<Run>,
    /// The size of the body once it is inflated.
    payload_bytes: usize,
}

impl Arrival {
    fn new(in_force: &HookInForce, incoming: Incoming) -> (Arrival, Value) {
        let hook = &in_force.hook;
        let now = Timestamp::now();
        let id = Id::generate();
        let listeners = if incoming.skip_reason.is_none() { in_force.listeners.as_slice() } else { &[] };
        let event = Event::of_transaction(hook.org, id, in_force.event.clone(), now);
        let runs: Vec<Run> = listeners.iter().map(|listener| event.run(listener)).collect();
        let transaction = Transaction {
            id,
            org: hook.org,
            hook: hook.id,
            hook_kind: hook.kind,
            created_at: now,
            content_type: incoming.meta.content_type,
            headers: incoming.meta.headers,
            query: incoming.meta.query,
            peer: incoming.meta.peer,
            raw: incoming.raw,
            runs: runs.iter().map(|run| run.id).collect(),
            skip_reason: incoming.skip_reason,
        };
        let record = |DedupKey { digest, window }: DedupKey| SeenKey {
            org: hook.org,
            hook: hook.id,
            key_digest: digest,
            transaction: id,
            at: now,
            expires_at: now + window,
        };
        let seen_key = incoming.key.map(record);
        let (payload_bytes, data) = (incoming.payload_bytes, incoming.data);
        let mut arrival = Arrival { transaction, seen_key, runs, payload_bytes };
        arrival.find_lanes(in_force, &data);
        (arrival, data)
    }

    /// Finds the lanes of the runs of limited workflows.
    fn find_lanes(&mut self, in_force: &HookInForce, data: &Value) {
        let mut limited = self.runs.iter().zip(&in_force.listeners);
        if limited.all(|(_, listener)| listener.program.concurrency.is_none()) {
            return;
        }
        let envelope = self.transaction.envelope(data.clone());
        for (run, listener) in self.runs.iter_mut().zip(&in_force.listeners) {
            find_lane(run, &listener.program, &envelope);
        }
    }

    /// Inserts the transaction and returns its id. If its key came before, inserts nothing and returns the id of the first
    /// transaction with that key.
    fn insert_transaction(&self, session: &mut dyn Session) -> StoreResult<Id> {
        if let Some(seen) = &self.seen_key {
            let first = session.claim_key(seen)?;
            if first != self.transaction.id {
                session.add_refusals(seen.org, seen.hook, DUPLICATE, 1, seen.at)?;
                return Ok(first);
            }
        }
        session.insert_transaction(&self.transaction)?;
        Ok(self.transaction.id)
    }

    /// The same with its runs as queued, which come back; `held` as for [`insert_runs`](Arrival::insert_runs).
    fn insert_queued(&self, session: &mut dyn Session, held: bool) -> StoreResult<(Id, Vec<Run>)> {
        let first = self.insert_transaction(session)?;
        let is_new = first == self.transaction.id;
        Ok((first, if is_new { self.insert_runs(session, held)? } else { Vec::new() }))
    }

    /// Inserts the runs as queued, and returns them so; `held` says whether this process goes on at once with those that
    /// don't have to wait for others.
    fn insert_runs(&self, session: &mut dyn Session, held: bool) -> StoreResult<Vec<Run>> {
        let mut runs: Vec<Run> = self.runs.iter().map(|run| Run { held, ..run.clone() }).collect();
        runs.iter_mut().try_for_each(|run| insert(session, run))?;
        Ok(runs)
    }
}

/// Commit 1: the transaction and its runs, together. As long as the store is not busy, the first stretch of each run
/// rides in the same commit: for most workflows that is all there is, and it saves writing the run twice. Gives the
/// transaction that the request became.
async fn store(door: &Door, hook: &HookInForce, arrival: &Arc<Arrival>, data: Value) -> StoreResult<Id> {
    let place = door.engine.place().filter(|_| door.store.queued() <= QUEUED_MAX_TO_BEGIN);
    let Some(place) = place else {
        return queue(door, hook, arrival, data).await;
    };
    let mut fresh = load(hook, arrival, arrival.runs.clone(), data);
    let mut repeated = false;
    let stored = arrival.clone();
    let in_force = door.catalog.in_force();
    let begun = door.store.write(move |session| {
        let first = stored.insert_transaction(session)?;
        if first != stored.transaction.id {
            return Ok((first, Some(Vec::new())));
        }
        // Whatever failed the first time, in a repetition the runs are only queued.
        if std::mem::replace(&mut repeated, true) {
            stored.insert_runs(session, false)?;
            return Ok((first, None));
        }
        let begun: StoreResult<Vec<_>> = fresh.iter_mut().map(|loaded| begin_run(session, &in_force, loaded)).collect();
        Ok((first, Some(begun?)))
    });
    match begun.await {
        Ok((first, Some(begun))) => {
            place.follow(arrival.transaction.org, begun);
            Ok(first)
        }
        Ok((first, None)) => {
            door.engine.look();
            Ok(first)
        }
        // Something about a run, not about the database: the transaction must not be lost for that.
        Err(error) if error.concerns_the_work() => {
            log::warn!(hook = hook.hook.name.as_str(), err:% = chain(&error); "runs are queued instead of begun");
            let data = arrival.transaction.data().unwrap_or(Value::Null);
            queue(door, hook, arrival, data).await
        }
        Err(error) => Err(error),
    }
}

/// Commit 1 without anything of commit 2: the runs are queued for the engine.
async fn queue(door: &Door, in_force: &HookInForce, arrival: &Arc<Arrival>, data: Value) -> StoreResult<Id> {
    // Bytes that wait in the engine are not counted by anybody, so only small payloads wait there.
    let place = door.engine.place().filter(|_| arrival.payload_bytes <= KEPT_BYTES_MAX);
    let (stored, held) = (arrival.clone(), place.is_some());
    let (first, runs) = door.store.write(move |session| stored.insert_queued(session, held)).await?;
    if runs.iter().any(Run::waits_in_lane) {
        door.engine.look();
    }
    match place {
        _ if first != arrival.transaction.id => {}
        Some(place) => place.start(load(in_force, arrival, runs, data)),
        None => door.engine.look(),
    }
    Ok(first)
}

fn begin_run(session: &mut dyn Session, in_force: &InForce, loaded: &mut Loaded) -> StoreResult<(Id, Progress)> {
    let run = loaded.run.id;
    Ok((run, begin(loaded, Context { session, in_force, probe: &mut |_| Ok(()) })?))
}

/// The runs with their workflows and the envelope, but for those that wait for others.
fn load(in_force: &HookInForce, arrival: &Arrival, runs: Vec<Run>, data: Value) -> Vec<Loaded> {
    // Without a run nobody looks at the envelope.
    let Some(last) = runs.len().checked_sub(1) else { return Vec::new() };
    let mut envelope = Some(arrival.transaction.envelope(data));
    let runs = runs.into_iter().zip(&in_force.listeners).enumerate();
    let mut payload = |index: usize| if index == last { envelope.take() } else { envelope.clone() };
    runs.filter(|(_, (run, _))| !run.waits_in_lane())
        .map(|(index, (run, listener))| {
            Loaded::fresh(run, listener.program.clone(), payload(index).unwrap_or(Value::Null))
        })
        .collect()
}
