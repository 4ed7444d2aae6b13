//! Public keys that vendors publish, fetched when a request needs them.
//!
//! A document is fetched once however many requests wait for it, and kept. If it can't be fetched, requests get 503, so
//! that senders repeat them, unless an earlier copy has the key. The call is made like those of workflows, to addresses
//! that the policy allows, and follows no redirect: whose address it is was checked before.
//!
//! Limits: [`DOCUMENTS_MAX`] documents of [`DOCUMENT_BYTES_MAX`]; [`FETCHES_MAX`] fetches at a time, of [`TIMEOUT_MS`]
//! each. A request with an unknown key has a document fetched again once per [`RETRY`] at most.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::sync::{Mutex, Semaphore};

use super::Door;
use super::refusal::{Reason, Refusal};
use crate::base::id::Id;
use crate::catalog::HookInForce;
use crate::outbound::{Effect, EffectOutcome, HttpRequest, Performer, ResponseFormat};
use crate::signature::{Key, KeyRequest, Scheme};

const DOCUMENTS_MAX: usize = 500;
const DOCUMENT_BYTES_MAX: usize = 64 * 1024;
const FETCHES_MAX: usize = 16;
const TIMEOUT_MS: u64 = 5_000;
/// How long a document is used without asking for a newer one.
const FRESH: Duration = Duration::from_secs(3_600);
/// How long a document is used if there is no newer one.
const STALE_MAX: Duration = Duration::from_secs(24 * 3_600);
/// The least time between two fetches of a document.
const RETRY: Duration = Duration::from_secs(60);
/// The least time between two fetches of a document that could not be had.
const RETRY_FAILED: Duration = Duration::from_secs(5);

/// The documents of this process; cheap to clone.
#[derive(Clone)]
pub struct PublishedKeys {
    performer: Performer,
    cells: Arc<std::sync::Mutex<HashMap<Address, Cell>>>,
    slots: Arc<Semaphore>,
}

/// A document of one org: what is asked for, and the key if the publisher gives out one at a time.
type Address = (Id, KeyRequest);
/// Locked while the document is fetched.
type Cell = Arc<Mutex<Document>>;

#[derive(Default)]
struct Document {
    keys: Arc<[Key]>,
    fetched_at: Option<Instant>,
    tried_at: Option<Instant>,
}

impl Document {
    /// Whether the document has the key, or may have it.
    fn has(&self, id: Option<&str>) -> bool {
        id.map_or(!self.keys.is_empty(), |id| self.keys.iter().any(|key| key.may_be(id)))
    }

    fn is_younger(&self, age: Duration) -> bool {
        self.fetched_at.is_some_and(|at| at.elapsed() < age)
    }

    fn was_tried_within(&self, time: Duration) -> bool {
        self.tried_at.is_some_and(|at| at.elapsed() < time)
    }
}

impl PublishedKeys {
    pub fn new(performer: Performer) -> PublishedKeys {
        PublishedKeys { performer, cells: Arc::default(), slots: Arc::new(Semaphore::new(FETCHES_MAX)) }
    }

    /// Makes a call.
    pub async fn perform(&self, org: Id, effect: &Effect) -> EffectOutcome {
        self.performer.perform(org, effect).await
    }

    fn cell(&self, org: Id, request: &KeyRequest) -> Cell {
        let key_id = request.key_id.clone().filter(|_| request.client.is_some());
        let address = (org, KeyRequest { key_id, ..request.clone() });
        let mut cells = self.cells.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if cells.len() >= DOCUMENTS_MAX && !cells.contains_key(&address) {
            // A document that is being fetched has another reference. Of the others, those with keys stay if that is
            // enough: anyone can name certificates that do not exist.
            let in_use = |cell: &Cell| Arc::strong_count(cell) > 1;
            let has_keys = |cell: &Cell| cell.try_lock().is_ok_and(|document| !document.keys.is_empty());
            cells.retain(|_, cell| in_use(cell) || has_keys(cell));
            if cells.len() >= DOCUMENTS_MAX {
                cells.retain(|_, cell| in_use(cell));
            }
        }
        cells.entry(address).or_default().clone()
    }
}

/// The keys that a request has to be verified with.
///
/// # Errors
/// If they can't be had at the moment.
pub async fn get(door: &Door, in_force: &HookInForce, request: KeyRequest) -> Result<Arc<[Key]>, Refusal> {
    let published = &door.published_keys;
    let cell = published.cell(in_force.hook.org, &request);
    let mut document = cell.lock().await;
    let has_key = document.has(request.key_id.as_deref());
    let retry = if document.keys.is_empty() { RETRY_FAILED } else { RETRY };
    if has_key && document.is_younger(FRESH) || document.was_tried_within(retry) && document.is_younger(STALE_MAX) {
        return Ok(document.keys.clone());
    }
    if document.was_tried_within(retry) {
        return Err(unavailable());
    }
    let fetched = fetch(door, in_force, &request).await;
    document.tried_at = Some(Instant::now());
    match fetched {
        Ok(keys) => {
            (document.keys, document.fetched_at) = (keys.into(), document.tried_at);
            Ok(document.keys.clone())
        }
        Err(cause) => {
            let hook = in_force.hook.name.as_str();
            log::error!(hook, err = cause.as_str(); "the sender's public keys can't be fetched");
            match has_key && document.is_younger(STALE_MAX) {
                true => Ok(document.keys.clone()),
                false => Err(unavailable()),
            }
        }
    }
}

fn unavailable() -> Refusal {
    Refusal::new(Reason::KeysUnavailable, "the sender's public keys cannot be fetched at the moment; try again")
}

async fn fetch(door: &Door, in_force: &HookInForce, request: &KeyRequest) -> Result<Vec<Key>, String> {
    let published = &door.published_keys;
    let _slot = published.slots.try_acquire().map_err(|_| "too many fetches are under way".to_owned())?;
    let call = call(door, in_force, request)?;
    let response = match published.perform(in_force.hook.org, &Effect::Http(Box::new(call))).await {
        EffectOutcome::Response(response) => response,
        EffectOutcome::Failure(failure) => return Err(failure.message),
        EffectOutcome::Receipt(_) => return Err("not an HTTP response".to_owned()),
    };
    if response.status_code != 200 {
        return Err(format!("the response has status {}", response.status_code));
    }
    let text = response.body.as_str().filter(|text| text.len() <= DOCUMENT_BYTES_MAX);
    let keys = Scheme::published_keys(text.ok_or("the response is too large")?);
    if keys.is_empty() { Err("the response has no usable key".to_owned()) } else { Ok(keys) }
}

fn call(door: &Door, in_force: &HookInForce, request: &KeyRequest) -> Result<HttpRequest, String> {
    let body = match &request.client {
        None => None,
        Some(client) => {
            // No workflow has this id, so only the org's own variables are found.
            let variables = door.catalog.in_force();
            let secret = variables.variable(in_force.hook.org, Id::MIN, &client.secret);
            let secret = secret.ok_or_else(|| format!("the org has no variable `{}`", client.secret))?;
            let key_id = request.key_id.as_deref().map(Value::from);
            Some(json!({ "client_id": client.id, "secret": secret.value, "key_id": key_id }).to_string())
        }
    };
    let content_type = body.is_some().then(|| ("content-type".to_owned(), "application/json".to_owned()));
    Ok(HttpRequest {
        method: if body.is_some() { "POST" } else { "GET" }.to_owned(),
        uri: request.url.clone(),
        headers: content_type.into_iter().collect(),
        body,
        timeout_ms: TIMEOUT_MS,
        auth: None,
        redirects: 0,
        reading: ResponseFormat::Text,
    })
}
