//! Loads a run from the database: its workflow's version, its payload, and the outputs of its completed steps.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::Value;

use super::Loaded;
use crate::base::id::Id;
use crate::events::{CurrentInForce, trigger_scope};
use crate::store::{Run, Session, StoreError, StoreResult};
use crate::workflow::Workflow;

/// The most compiled versions kept in addition to those in effect.
const OTHERS_MAX: usize = 1_024;

/// Compiled versions of workflows, shared by all clones.
///
/// The catalog compiles the versions in effect. Older ones, which open runs began with, are kept here, up to
/// [`OTHERS_MAX`]; the least recently used one is dropped.
#[derive(Clone, Default)]
pub struct Programs {
    in_force: CurrentInForce,
    others: Arc<Mutex<Others>>,
}

#[derive(Default)]
struct Others {
    /// By workflow and version, with the `clock` of its last use.
    programs: HashMap<(Id, i64), (u64, Arc<Workflow>)>,
    /// Counts uses.
    clock: u64,
}

impl Others {
    fn get(&mut self, version: (Id, i64)) -> Option<Arc<Workflow>> {
        self.clock += 1;
        let (used, program) = self.programs.get_mut(&version)?;
        *used = self.clock;
        Some(program.clone())
    }

    fn put(&mut self, version: (Id, i64), program: Arc<Workflow>) {
        // A scan of all entries takes much less time than compiling one.
        if self.programs.len() >= OTHERS_MAX
            && let Some(oldest) = self.programs.iter().min_by_key(|(_, (used, _))| *used).map(|(version, _)| *version)
        {
            self.programs.remove(&oldest);
        }
        self.clock += 1;
        self.programs.insert(version, (self.clock, program));
    }
}

impl Programs {
    /// What is in effect.
    pub fn in_force(&self) -> &CurrentInForce {
        &self.in_force
    }

    /// The compiled version of a workflow; read from the database if it is neither in effect nor kept.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if there is no such version or it does not compile, and those of the store.
    pub fn get(&self, session: &mut dyn Session, org: Id, workflow: Id, version: i64) -> StoreResult<Arc<Workflow>> {
        if let Some(program) = self.in_force.load().program(org, workflow, version) {
            return Ok(program.clone());
        }
        let lock = || self.others.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(program) = lock().get((workflow, version)) {
            return Ok(program);
        }
        let missing = || unreadable(format!("version {version} of workflow {workflow} is missing"));
        let stored = session.workflow_version(org, workflow, version)?.ok_or_else(missing)?;
        let program = compile((workflow, version), &stored.document)?;
        lock().put((workflow, version), program.clone());
        Ok(program)
    }
}

/// Compiles the document of a workflow's version.
///
/// # Errors
/// [`StoreError::Corrupt`] if it does not compile.
pub fn compile((workflow, version): (Id, i64), document: &Value) -> StoreResult<Arc<Workflow>> {
    let program = Workflow::compile(document).map_err(|diagnostics| {
        let messages: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
        unreadable(format!("version {version} of workflow {workflow} does not compile: {}", messages.join("; ")))
    })?;
    Ok(Arc::new(program))
}

/// The part of a step entry that later steps can refer to.
#[derive(Deserialize)]
struct LoggedOutput {
    id: String,
    #[serde(default)]
    output: Option<Value>,
    #[serde(default)]
    error: Option<Value>,
}

/// Loads an open run; `None` if it has ended or does not exist.
///
/// # Errors
/// [`StoreError::Corrupt`] if a stored value can't be used; the run can never continue.
pub fn load(session: &mut dyn Session, programs: &Programs, org: Id, id: Id) -> StoreResult<Option<Loaded>> {
    let run = session.run(org, id)?.filter(|run| run.status.is_open());
    run.map(|run| recall(session, programs, run)).transpose()
}

/// Loads the workflow, payload and outputs of a run, open or ended.
///
/// # Errors
/// [`StoreError::Corrupt`] if a stored value can't be used.
pub fn recall(session: &mut dyn Session, programs: &Programs, run: Run) -> StoreResult<Loaded> {
    let (org, id) = (run.org, run.id);
    let workflow = programs.get(session, org, run.workflow, run.version)?;
    let mut scope = trigger_scope(&run, &workflow, event_payload(session, &run)?);
    let mut passes = 0;
    for segment in session.log(org, id)? {
        let logged: Vec<LoggedOutput> =
            serde_json::from_str(&segment).map_err(|error| unreadable(format!("a step log: {error}")))?;
        for LoggedOutput { id, output, error } in logged {
            if id == workflow.trigger.id {
                passes += 1;
                // The run began again; outputs of the earlier pass may have changed.
                scope = match passes {
                    1 => scope,
                    _ => trigger_scope(&run, &workflow, scope.step("1").cloned().unwrap_or_default()),
                };
            }
            if let Some(output) = output {
                scope.set_step(&id, output);
            }
            if let Some(error) = error {
                scope.set_error(error);
            }
        }
    }
    Ok(Loaded { run, workflow, scope, passes })
}

/// The payload of the event that started the run: what is stored with the event, or its transaction's envelope. A run has
/// both if an admin has mended the envelope.
///
/// # Errors
/// [`StoreError::Corrupt`] if a stored value can't be used.
pub fn event_payload(session: &mut dyn Session, run: &Run) -> StoreResult<Value> {
    if let Some(id) = run.event_id {
        let missing = || unreadable(format!("event {id} is missing"));
        return Ok(session.event(run.org, id)?.ok_or_else(missing)?.payload);
    }
    if let Some(id) = run.transaction {
        let missing = || unreadable(format!("transaction {id} is missing"));
        let stored = session.transaction(run.org, id)?.ok_or_else(missing)?;
        let data = stored.data().map_err(|error| unreadable(format!("transaction {id}: {error}")))?;
        return Ok(stored.envelope(data));
    }
    Ok(run.input.clone().unwrap_or_default())
}

fn unreadable(detail: String) -> StoreError {
    StoreError::Corrupt { what: "a run", detail }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_least_recently_used_version_is_dropped() {
        let program = compile(
            (Id::MIN, 1),
            &json!({ "name": "w", "trigger": { "id": "1", "eventName": "e", "transitions": [] }, "steps": [] }),
        );
        let (mut others, program) = (Others::default(), program.unwrap());
        (0..OTHERS_MAX as i64).for_each(|version| others.put((Id::MIN, version), program.clone()));
        assert!(others.get((Id::MIN, 0)).is_some());
        others.put((Id::MAX, 1), program.clone());
        assert!(others.get((Id::MIN, 0)).is_some(), "it was just used");
        assert!(others.get((Id::MIN, 1)).is_none());
        assert!(others.get((Id::MAX, 1)).is_some());
        assert_eq!(others.programs.len(), OTHERS_MAX);
    }
}
