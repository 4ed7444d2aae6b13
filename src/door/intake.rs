//! Stores accepted requests: a transaction each, with a run for each workflow that listens.
//!
//! While the store is not busy, the commit that stores a transaction also executes the first stretch of each run, and
//! the engine continues from there. Otherwise runs are only queued, because accepting hooks goes first.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::Door;
use super::refusal::Refusal;
use super::refused::storable;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::HookInForce;
use crate::engine::{Context, Loaded, Progress, begin, foreseen_emails};
use crate::events::{Event, InForce, find_lane, insert, record};
use crate::hook::transaction::{self, SkipReason, Transaction, TransactionDetails};
use crate::hook::{self, HookKind, Unreadable};
use crate::observe::metrics;
use crate::store::{Run, SeenKey, Session, StoreResult, chain};

/// If more units than this wait for the store, runs are only queued.
const QUEUED_MAX_TO_BEGIN: usize = 512;
/// A queued run with a larger payload is loaded from the database later.
const KEPT_BYTES_MAX: usize = 4_096;

/// The name under which duplicates are counted, next to the reasons of refusals.
pub const DUPLICATE: &str = "duplicate";

/// What is stored of a request in addition to its body.
pub struct RequestMeta {
    pub method: String,
    pub content_type: Option<String>,
    /// By name, in lower case; secrets masked.
    pub headers: Vec<(String, String)>,
    /// The query string as received, secrets masked.
    pub query: Option<String>,
    /// The sender's address.
    pub peer: Option<String>,
}

/// An accepted request, ready to be stored. The payload can be parsed again from the bytes, the content type and the
/// headers.
pub struct Incoming {
    meta: RequestMeta,
    raw: Bytes,
    /// The payload; null if no workflow listens.
    data: Value,
    /// The number of bytes that the payload was parsed from.
    payload_bytes: usize,
    /// The key that identifies the request, if the hook detects duplicates.
    key: Option<DedupKey>,
    /// Why the request starts no runs, if it does not.
    skip_reason: Option<SkipReason>,
    finding: Option<Finding>,
}

/// Why a request starts no workflow, for people.
enum Finding {
    Unreadable(Refusal),
    /// How the hook's filter judged it.
    Filtered(Value),
}

impl Incoming {
    /// Applies the hook's settings to a request: computes its key, and decides whether it starts runs. `data` is the
    /// payload, with the number of bytes that it was parsed from. `request` is only called if the settings need it.
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
            return Incoming { meta, raw, data, payload_bytes, key: None, skip_reason, finding: None };
        }
        let request = request();
        let scope = request.scope(data);
        // A captured request starts no runs, so it must not make a later request a duplicate.
        let deduplication = settings.deduplication.as_ref().filter(|_| !settings.capture);
        let key = deduplication.and_then(|deduplication| {
            let digest = deduplication.key_digest(&scope, request.signed_id.as_deref())?;
            Some(DedupKey { digest, window: deduplication.window })
        });
        let passes = settings.filter.as_ref().is_none_or(|filter| {
            // A filter that can't be evaluated must not suppress runs.
            filter.passes(&scope).unwrap_or_else(|error| {
                let hook = in_force.hook.name.as_str();
                log::error!(hook, err:% = error; "can't evaluate the hook's filter; the request passes");
                true
            })
        });
        let data = hook::take_payload(scope);
        let filter = settings.filter.as_ref().filter(|_| !passes && !settings.capture);
        let Some(filter) = filter else {
            return Incoming { meta, raw, data, payload_bytes, key, skip_reason, finding: None };
        };
        // What is shown to people is judged again, without secrets.
        let scope = meta.request(in_force.hook.kind).scope(data);
        let finding = filter.judgement(&scope).map(Finding::Filtered);
        let (data, skip_reason) = (hook::take_payload(scope), Some(SkipReason::Filtered));
        Incoming { meta, raw, data, payload_bytes, key, skip_reason, finding }
    }

    /// A request whose body can't be read, for the reason in `refusal`. It has no key: when the sender repeats it after
    /// a correction, it has to be worked on.
    ///
    /// # Errors
    /// The refusal, if it has another reason, or if the hook does not keep such requests.
    pub fn unreadable(
        in_force: &HookInForce,
        meta: RequestMeta,
        raw: Bytes,
        refusal: Refusal,
    ) -> Result<Incoming, Refusal> {
        if in_force.settings.unreadable == Unreadable::Refuse || !refusal.reason.is_unreadable() {
            return Err(refusal);
        }
        let (hook, reason) = (in_force.hook.name.as_str(), refusal.reason.as_str());
        log::warn!(hook, reason; "a body can't be read; the request is kept");
        let (payload_bytes, skip_reason) = (raw.len(), Some(SkipReason::Unreadable));
        let finding = Some(Finding::Unreadable(refusal));
        Ok(Incoming { meta, raw, data: Value::Null, payload_bytes, key: None, skip_reason, finding })
    }
}

impl RequestMeta {
    /// The request without secrets.
    fn request(&self, kind: HookKind) -> hook::Request<'_> {
        hook::Request {
            method: &self.method,
            path: transaction::path(kind),
            headers: self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect(),
            query: self.query.as_deref().unwrap_or_default(),
            peer: self.peer.clone(),
            signed_id: None,
        }
    }
}

/// The key by which a hook detects duplicates.
struct DedupKey {
    /// SHA-256 of the key, in hex.
    digest: String,
    /// How long another request with the same key is a duplicate.
    window: Duration,
}

/// The result of accepting a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// The request was stored as this transaction.
    New(Id),
    /// The request is a duplicate of this transaction. It started nothing, and only increased a counter.
    Duplicate(Id),
}

impl Accepted {
    /// The request's transaction.
    pub fn transaction(self) -> Id {
        match self {
            Accepted::New(id) | Accepted::Duplicate(id) => id,
        }
    }
}

/// Stores a transaction and starts its runs. Returns once both are on disk.
///
/// # Errors
/// Those of the store; then nothing is stored.
pub async fn accept(door: &Door, in_force: &HookInForce, incoming: Incoming) -> StoreResult<Accepted> {
    let (arrival, data) = Arrival::new(in_force, incoming);
    let arrival = Arc::new(arrival);
    let first = store(door, in_force, &arrival, data).await?;
    Ok(report(in_force, &arrival, first))
}

/// Stores the transactions of several hooks in one commit, with their runs queued.
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

/// Counts and logs an accepted request.
fn report(in_force: &HookInForce, arrival: &Arrival, first: Id) -> Accepted {
    let hook = in_force.hook.name.as_str();
    if first != arrival.transaction.id {
        metrics::duplicate_received();
        log::info!(hook, transaction:% = first; "duplicate request");
        return Accepted::Duplicate(first);
    }
    metrics::transaction_accepted();
    log::debug!(hook, transaction:% = first; "transaction accepted");
    Accepted::New(first)
}

impl Finding {
    fn details(self, transaction: &Transaction) -> TransactionDetails {
        let details = TransactionDetails::of(transaction);
        match self {
            Finding::Unreadable(refusal) => TransactionDetails {
                problem: Some(refusal.reason.as_str().to_owned()),
                detail: Some(storable(refusal.detail)),
                ..details
            },
            Finding::Filtered(judgement) => TransactionDetails { judgement: Some(judgement), ..details },
        }
    }
}

/// A transaction with the runs that it starts.
struct Arrival {
    transaction: Transaction,
    details: Option<TransactionDetails>,
    event: Event,
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
            headers: transaction::with_own_headers(incoming.meta.headers, incoming.meta.method, &in_force.settings),
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
        let details = incoming.finding.map(|finding| finding.details(&transaction));
        let (payload_bytes, data) = (incoming.payload_bytes, incoming.data);
        let mut arrival = Arrival { transaction, details, event, seen_key, runs, payload_bytes };
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

    /// Inserts the transaction and returns its id. If its key was seen before, inserts nothing and returns the id of
    /// the first transaction with that key.
    fn insert_transaction(&self, session: &mut dyn Session) -> StoreResult<Id> {
        if let Some(seen) = &self.seen_key {
            let first = session.claim_key(seen)?;
            if first != self.transaction.id {
                session.add_refusals(seen.org, seen.hook, DUPLICATE, 1, seen.at)?;
                return Ok(first);
            }
        }
        session.insert_transaction(&self.transaction)?;
        self.details.iter().try_for_each(|details| session.insert_details(details))?;
        Ok(self.transaction.id)
    }

    /// As [`insert_transaction`](Arrival::insert_transaction), and [inserts the runs](Arrival::insert_runs).
    fn insert_queued(&self, session: &mut dyn Session, held: bool) -> StoreResult<(Id, Vec<Run>)> {
        let first = self.insert_transaction(session)?;
        let is_new = first == self.transaction.id;
        Ok((first, if is_new { self.insert_runs(session, held)? } else { Vec::new() }))
    }

    /// Inserts the runs as queued, and returns them. With `held`, this process continues the runs that don't wait in a
    /// lane.
    fn insert_runs(&self, session: &mut dyn Session, held: bool) -> StoreResult<Vec<Run>> {
        let mut runs: Vec<Run> = self.runs.iter().map(|run| Run { held, ..run.clone() }).collect();
        record(session, self.event.clone(), &mut runs, insert)?;
        Ok(runs)
    }
}

/// Commit 1: stores the transaction and its runs. While the store is not busy, it also executes the first stretch of
/// each run: most workflows have only one, and then the run is written once instead of twice. Returns the id of the
/// request's transaction.
async fn store(door: &Door, hook: &HookInForce, arrival: &Arc<Arrival>, data: Value) -> StoreResult<Id> {
    let slot = door.engine.reserve().filter(|_| door.store.queued() <= QUEUED_MAX_TO_BEGIN);
    let Some(slot) = slot else {
        return queue(door, hook, arrival, data).await;
    };
    let mut fresh = load(hook, arrival, arrival.runs.clone(), data);
    let emails = if door.store.looks_ahead() { fresh.iter().flat_map(foreseen_emails).collect() } else { Vec::new() };
    let mut repeated = false;
    let stored = arrival.clone();
    let in_force = door.catalog.in_force();
    let begun = door.store.write_looking_up(emails, move |session| {
        let first = stored.insert_transaction(session)?;
        if first != stored.transaction.id {
            return Ok((first, Some(Vec::new())));
        }
        // Whatever failed the first time, a repetition only queues the runs.
        if std::mem::replace(&mut repeated, true) {
            stored.insert_runs(session, false)?;
            return Ok((first, None));
        }
        let begin = |session: &mut dyn Session, loaded: &mut Loaded| begin_run(session, &in_force, loaded);
        Ok((first, Some(record(session, stored.event.clone(), &mut fresh, begin)?)))
    });
    match begun.await {
        Ok((first, Some(begun))) => {
            slot.follow(arrival.transaction.org, begun);
            Ok(first)
        }
        Ok((first, None)) => {
            door.engine.look();
            Ok(first)
        }
        // A run failed, not the database: store the transaction without beginning the runs.
        Err(error) if error.concerns_the_work() => {
            log::warn!(hook = hook.hook.name.as_str(), err:% = chain(&error); "runs are queued instead of begun");
            let data = arrival.transaction.data().unwrap_or(Value::Null);
            queue(door, hook, arrival, data).await
        }
        Err(error) => Err(error),
    }
}

/// Commit 1 without first stretches: the runs are queued for the engine.
async fn queue(door: &Door, in_force: &HookInForce, arrival: &Arc<Arrival>, data: Value) -> StoreResult<Id> {
    // The memory of the engine's inbox is not accounted for, so only small payloads wait there.
    let slot = door.engine.reserve().filter(|_| arrival.payload_bytes <= KEPT_BYTES_MAX);
    let (stored, held) = (arrival.clone(), slot.is_some());
    let (first, runs) = door.store.write(move |session| stored.insert_queued(session, held)).await?;
    if runs.iter().any(Run::waits_in_lane) {
        door.engine.look();
    }
    match slot {
        _ if first != arrival.transaction.id => {}
        Some(slot) => slot.start(load(in_force, arrival, runs, data)),
        None => door.engine.look(),
    }
    Ok(first)
}

fn begin_run(session: &mut dyn Session, in_force: &InForce, loaded: &mut Loaded) -> StoreResult<(Id, Progress)> {
    let run = loaded.run.id;
    Ok((run, begin(loaded, Context { session, in_force, probe: &mut |_| Ok(()) })?))
}

/// The runs with their workflows and the envelope, except those that wait in a lane.
fn load(in_force: &HookInForce, arrival: &Arrival, runs: Vec<Run>, data: Value) -> Vec<Loaded> {
    // Without a run, the envelope is not needed.
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
