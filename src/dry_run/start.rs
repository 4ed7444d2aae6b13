//! From a script's payload to the run that is rehearsed.

use serde_json::{Map, Value};

use super::DryRunError;
use crate::base::id::Id;
use crate::catalog::Snapshot;
use crate::events::{Cause, Listener, fresh_run, started_run, with_lane};
use crate::hook::HookKind;
use crate::hook::transaction::Transaction;
use crate::schedules;
use crate::store::{Run, Session};

/// The run that starts because of the payload, not yet inserted.
pub(super) fn first_run(
    session: &mut dyn Session,
    snapshot: &Snapshot,
    org: Id,
    listener: &Listener,
    payload: &Value,
) -> Result<Run, DryRunError> {
    let trigger = &listener.program.trigger;
    if let Some(schema) = &trigger.callable {
        let inputs = match payload {
            Value::Object(inputs) => inputs.clone(),
            Value::Null => Map::new(),
            _ => return Err(DryRunError::script("/payload", "the inputs of a callable workflow are an object")),
        };
        let inputs = schema.accept(inputs).map_err(|problems| DryRunError::below("/payload", problems))?;
        return Ok(started_run(Cause::outside(org), listener, Value::Object(inputs), session.now()));
    }
    if trigger.event_name.as_deref().is_some_and(|event| event.starts_with("hooks.")) {
        return hook_run(session, snapshot, org, listener, payload);
    }
    let payload = match (payload, &trigger.schedule) {
        (Value::Null, Some(schedule)) => {
            let now = session.now();
            schedules::payload(now, now, 0, schedule.next_after(now))
        }
        _ => payload.clone(),
    };
    Ok(started_run(Cause::outside(org), listener, payload, session.now()))
}

/// A run for a transaction on the hook that the workflow listens to.
fn hook_run(
    session: &mut dyn Session,
    snapshot: &Snapshot,
    org: Id,
    listener: &Listener,
    payload: &Value,
) -> Result<Run, DryRunError> {
    let hook = snapshot.hooks(org).find(|in_force| in_force.hook.event_names().contains(&listener.event));
    // What was captured as a transaction is as good as what was sent.
    let is_envelope = payload["type"] == "transaction" && payload["attributes"].get("data").is_some();
    let data = if is_envelope { &payload["attributes"]["data"] } else { payload };
    let workflow = (listener.workflow, listener.version, listener.program.as_ref());
    let (id, now) = (session.new_id(), session.now());
    let run = fresh_run(org, workflow, Some(id), &listener.event, now);
    let transaction = Transaction {
        id,
        org,
        hook: hook.map_or_else(|| session.new_id(), |in_force| in_force.hook.id),
        hook_kind: hook.map_or(HookKind::Form, |in_force| in_force.hook.kind),
        created_at: now,
        content_type: Some("application/json".to_owned()),
        headers: Vec::new(),
        query: None,
        peer: None,
        raw: data.to_string().into(),
        runs: vec![run.id],
        skip_reason: None,
    };
    session.insert_transaction(&transaction)?;
    Ok(with_lane(run, &listener.program, &transaction.envelope(data.clone())))
}
