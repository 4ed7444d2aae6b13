//! Starts the first run from a script's payload.

use serde_json::{Map, Value};

use super::DryRunError;
use crate::base::id::Id;
use crate::catalog::{Snapshot, schedules};
use crate::events::{self, Cause, Event, Listener, Start, find_lane, insert, record};
use crate::hook::transaction::{Transaction, with_own_headers};
use crate::hook::{HookKind, Settings};
use crate::store::{Session, StoreResult};

/// Starts the run for the payload, and returns its id.
pub(super) fn start_first(
    session: &mut dyn Session,
    snapshot: &Snapshot,
    org: Id,
    listener: &Listener,
    payload: &Value,
) -> Result<Id, DryRunError> {
    let trigger = &listener.program.trigger;
    let now = session.now();
    if trigger.callable.is_some() {
        let inputs = match payload {
            Value::Object(inputs) => inputs.clone(),
            Value::Null => Map::new(),
            _ => return Err(DryRunError::script("/payload", "the inputs of a callable workflow are an object")),
        };
        let start = events::call(org, listener, inputs, Cause::Outside, now);
        let start = start.map_err(|problems| DryRunError::below("/payload", problems))?;
        return Ok(start.write(session)?.id);
    }
    if trigger.event_name.as_deref().is_some_and(|event| event.starts_with("hooks.")) {
        return Ok(start_from_hook(session, snapshot, org, listener, payload)?);
    }
    let payload = match (payload, &trigger.schedule) {
        (Value::Null, Some(schedule)) => schedules::payload(now, now, 0, schedule.next_after(now)),
        _ => payload.clone(),
    };
    let event = Event::new(org, listener.event.as_str(), payload, Cause::Outside, now);
    Ok(Start::new(event, listener).write(session)?.id)
}

/// The headers of an envelope's request; none if the payload is no envelope.
fn headers_of(request: &Value) -> Vec<(String, String)> {
    let headers = request["headers"].as_object().into_iter().flatten();
    // The payload is written anew, as JSON.
    let headers = headers.filter(|(name, _)| !["content-type", "content-encoding"].contains(&name.as_str()));
    let headers = headers.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
    let method = request["method"].as_str().unwrap_or("POST").to_owned();
    with_own_headers(headers.collect(), method, &Settings::default_for(HookKind::Form))
}

fn query_of(request: &Value) -> Option<String> {
    let query = request["query"].as_object().filter(|query| !query.is_empty())?;
    let pairs = query.iter().filter_map(|(name, value)| Some((name, value.as_str()?)));
    Some(url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish())
}

/// Starts a run for a transaction on the hook that the workflow listens to; its id.
fn start_from_hook(
    session: &mut dyn Session,
    snapshot: &Snapshot,
    org: Id,
    listener: &Listener,
    payload: &Value,
) -> StoreResult<Id> {
    let hook = snapshot.hooks(org).find(|in_force| in_force.hook.event_names().contains(&listener.event));
    // The payload can be a complete envelope.
    let is_envelope = payload["type"] == "transaction" && payload["attributes"].get("data").is_some();
    let data = if is_envelope { &payload["attributes"]["data"] } else { payload };
    let request = if is_envelope { &payload["request"] } else { &Value::Null };
    let (id, now) = (session.new_id(), session.now());
    let event = Event::of_transaction(org, id, listener.event.as_str().into(), now);
    let mut run = event.run(listener);
    let transaction = Transaction {
        id,
        org,
        hook: hook.map_or_else(|| session.new_id(), |in_force| in_force.hook.id),
        hook_kind: hook.map_or(HookKind::Form, |in_force| in_force.hook.kind),
        created_at: now,
        content_type: Some("application/json".to_owned()),
        headers: headers_of(request),
        query: query_of(request),
        peer: request["peer"].as_str().map(str::to_owned),
        raw: data.to_string().into(),
        runs: vec![run.id],
        skip_reason: None,
    };
    session.insert_transaction(&transaction)?;
    find_lane(&mut run, &listener.program, &transaction.envelope(data.clone()));
    record(session, event, std::slice::from_mut(&mut run), insert)?;
    Ok(run.id)
}
