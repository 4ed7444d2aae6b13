//! Picking a run up from the database: its workflow's version, its payload, and the outputs of the steps it has done.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::Deserialize;
use serde_json::Value;

use super::Loaded;
use crate::base::id::Id;
use crate::events::trigger_scope;
use crate::store::{Run, Session, StoreError, StoreResult};
use crate::workflow::Workflow;

/// How many compiled versions are kept; past that the cache starts anew.
const PROGRAMS_MAX: usize = 1_024;

/// Compiled workflow versions, which never change, by workflow and version.
#[derive(Clone, Default)]
pub struct Programs {
    compiled: Arc<Mutex<Compiled>>,
}

type Compiled = HashMap<(Id, i64), Arc<Workflow>>;

impl Programs {
    /// The version of the workflow, compiled; read from the database the first time.
    pub fn get(&self, session: &mut dyn Session, org: Id, workflow: Id, version: i64) -> StoreResult<Arc<Workflow>> {
        let lock = || self.compiled.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        if let Some(program) = lock().get(&(workflow, version)) {
            return Ok(program.clone());
        }
        let missing = || unreadable(format!("version {version} of workflow {workflow} is missing"));
        let stored = session.workflow_version(org, workflow, version)?.ok_or_else(missing)?;
        let program = Workflow::compile(&stored.document).map_err(|diagnostics| {
            let messages: Vec<&str> = diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
            unreadable(format!("version {version} of workflow {workflow} does not compile: {}", messages.join("; ")))
        })?;
        let program = Arc::new(program);
        let mut compiled = lock();
        if compiled.len() >= PROGRAMS_MAX {
            compiled.clear();
        }
        compiled.insert((workflow, version), program.clone());
        Ok(program)
    }
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

/// Loads an open run. `None` if it has ended, or never was.
///
/// # Errors
/// [`StoreError::Corrupt`] if what is stored of it can't be used; that run can never go on.
pub fn load(session: &mut dyn Session, programs: &Programs, org: Id, id: Id) -> StoreResult<Option<Loaded>> {
    let run = session.run(org, id)?.filter(|run| run.status.is_open());
    run.map(|run| recall(session, programs, run)).transpose()
}

/// A run, open or ended, with the outputs of the steps that it has done.
///
/// # Errors
/// [`StoreError::Corrupt`] if what is stored of it can't be used.
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
                // What was found before the run began anew may be different by now.
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

/// The payload of the event that started the run: its transaction's envelope, or what is stored with the event.
///
/// # Errors
/// [`StoreError::Corrupt`] if what is stored of it can't be used.
pub fn event_payload(session: &mut dyn Session, run: &Run) -> StoreResult<Value> {
    if let Some(id) = run.transaction {
        let missing = || unreadable(format!("transaction {id} is missing"));
        let stored = session.transaction(run.org, id)?.ok_or_else(missing)?;
        let data = stored.data().map_err(|error| unreadable(format!("transaction {id}: {error}")))?;
        return Ok(stored.envelope(data));
    }
    let Some(id) = run.event_id else { return Ok(run.input.clone().unwrap_or_default()) };
    let missing = || unreadable(format!("event {id} is missing"));
    Ok(session.event(run.org, id)?.ok_or_else(missing)?.payload)
}

fn unreadable(detail: String) -> StoreError {
    StoreError::Corrupt { what: "a run", detail }
}
