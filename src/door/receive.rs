//! From a request to a stored transaction and its answer.

use std::sync::Arc;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use serde_json::Value;

use super::Door;
use super::body;
use super::headers::{kept_headers, kept_query};
use super::refusal::{Reason, Refusal};
use crate::catalog::HookInForce;
use crate::engine::{Loaded, Progress, Surroundings, begin};
use crate::id::Id;
use crate::json::{PAYLOAD_LEVELS_MAX, is_plain};
use crate::observe::metrics;
use crate::signature::{Received, Verified};
use crate::starts::{InForce, fresh_run};
use crate::store::{Run, Session, Status, StoreResult, chain};
use crate::time::Timestamp;
use crate::transaction::Transaction;

/// With more units than this waiting for the store, runs are only queued: taking hooks in goes first.
const QUEUED_MAX_TO_BEGIN: usize = 512;
/// A queued run with a larger payload is read from the database when its turn comes.
const KEPT_BYTES_MAX: usize = 4_096;

/// `POST /v1/hooks/form/{hash}`
pub async fn receive_form(
    door: Data<Door>,
    hash: Path<String>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    receive(&door, None, &hash, &request, payload).await
}

/// `POST /v1/hooks/form/{org}/{hash}`, with the org's id or name.
pub async fn receive_form_of_org(
    door: Data<Door>,
    path: Path<(String, String)>,
    request: HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    let (org, hash) = path.into_inner();
    receive(&door, Some(&org), &hash, &request, payload).await
}

async fn receive(
    door: &Door,
    org: Option<&str>,
    hash: &str,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    let hook = find_hook(door, org, hash);
    let counted = hook.as_ref().map(|in_force| (in_force.hook.org, in_force.hook.id));
    let accepted = match hook {
        Some(hook) => accept(door, &hook, request, payload).await,
        None => Err(Refusal::new(Reason::UnknownHook, "no hook has this address")),
    };
    accepted.inspect_err(|refusal| door.refusals.count(counted, refusal.reason))
}

fn find_hook(door: &Door, org: Option<&str>, hash: &str) -> Option<Arc<HookInForce>> {
    let snapshot = door.catalog.snapshot();
    let in_force = snapshot.hook_by_hash(hash)?;
    let belongs = |org: &str| {
        let owner = snapshot.orgs.iter().find(|owner| owner.id == in_force.hook.org);
        owner.is_some_and(|owner| owner.name == org || owner.id.to_string() == org)
    };
    org.is_none_or(belongs).then(|| in_force.clone())
}

async fn accept(
    door: &Door,
    in_force: &HookInForce,
    request: &HttpRequest,
    payload: Payload,
) -> Result<HttpResponse, Refusal> {
    match in_force.hook.status {
        Status::Enabled => {}
        Status::Disabled => return Err(Refusal::new(Reason::HookDisabled, "this hook is disabled")),
        Status::Deleted => return Err(Refusal::new(Reason::HookDeleted, "this hook was deleted")),
    }
    let content = body::content(request.headers())?;
    let length = body::announced_length(request.headers());
    body::check_length(length, door.limits.body_bytes)?;
    // The bytes stay reserved until the commit.
    let budget = &door.bytes_in_flight;
    let (raw, mut reservation) = body::read(payload, door.limits.body_bytes, budget).await?;
    let verified = verify(door, in_force, request, raw)?;
    let raw = verified.body();
    let inflated = body::inflate(&content, raw, door.limits.inflated_bytes, &mut reservation, budget)?;
    let bytes = inflated.as_ref().unwrap_or(raw);
    // Without anybody who listens, that it can be read is all that has to be known of the payload.
    let unheard = in_force.listeners.is_empty() && content.is_json() && is_plain(bytes, PAYLOAD_LEVELS_MAX);
    let data = if unheard { Value::Null } else { content.read(bytes)? };
    let payload_bytes = bytes.len();
    drop(inflated);
    let arrival = Arc::new(Arrival::new(in_force, request, verified, payload_bytes));
    store(door, in_force, &arrival, data).await.map_err(|error| Refusal::from_store(&error))?;
    metrics::transaction_accepted();
    log::debug!(hook = in_force.hook.name.as_str(), transaction:% = arrival.transaction.id; "transaction accepted");
    Ok(answer(arrival.transaction.id))
}

/// The body as one that may be read: the hook asks for no signature, or the request carries one that is right.
fn verify(door: &Door, in_force: &HookInForce, request: &HttpRequest, raw: Bytes) -> Result<Verified, Refusal> {
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    let path = request.uri().path_and_query().map_or("", |path| path.as_str());
    let received = Received::new(request.method().as_str(), (&door.public_url, path), &header, raw);
    let verified = in_force.gate.admit(received, Timestamp::now());
    verified.map_err(|rejection| {
        log::debug!(hook = in_force.hook.name.as_str(), reason:% = rejection; "a request was not verified");
        Refusal::new(Reason::Signature, rejection.to_string())
    })
}

/// A transaction with the runs that it starts.
struct Arrival {
    transaction: Transaction,
    runs: Vec<Run>,
    /// The size of the body once it is inflated.
    payload_bytes: usize,
}

impl Arrival {
    fn new(in_force: &HookInForce, request: &HttpRequest, verified: Verified, payload_bytes: usize) -> Arrival {
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
        let text =
            |name| request.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        let transaction = Transaction {
            id,
            org: hook.org,
            hook: hook.id,
            hook_kind: hook.kind,
            created_at: now,
            content_type: text(actix_web::http::header::CONTENT_TYPE),
            headers: kept_headers(request.headers()),
            query: kept_query(request.query_string()),
            peer: request.peer_addr().map(|peer| peer.ip().to_string()),
            raw: verified.into_body(),
            runs: runs.iter().map(|run| run.id).collect(),
        };
        Arrival { transaction, runs, payload_bytes }
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

fn answer(id: Id) -> HttpResponse {
    let body = format!(
        "{{\"data\":{{\"id\":\"{id}\",\"type\":\"transaction\",\"links\":{{\"self\":\"/v1/transactions/{id}\"}}}}}}"
    );
    HttpResponse::Ok().content_type("application/json").body(body)
}
