//! Log lines about runs: how they ended, and what their steps logged.
//!
//! Nothing waits for these lines: a task of its own reads the run for the names in them.

use crate::actions::LogLine;
use crate::base::id::Id;
use crate::store::{Run, Session, Store, StoreResult};

/// Logs how a run ended, and if it failed, where and why.
pub(super) fn end(store: &Store, org: Id, id: Id) {
    let store = store.clone();
    tokio::spawn(async move {
        let Ok(Some((run, hook))) = store.read(move |session| run_and_hook(session, org, id)).await else { return };
        let (workflow, hook) = (run.workflow_name.as_str(), hook.as_deref().unwrap_or("none"));
        let Some(error) = run.error else {
            log::debug!(run_id:% = id, workflow = workflow, hook = hook; "run {}", run.status);
            return;
        };
        let (step, message) = (error.step.as_deref().unwrap_or("none"), error.message.as_str());
        log::warn!(run_id:% = id, workflow = workflow, hook = hook, step = step; "run failed: {message}");
    });
}

/// Logs the lines of a committed stretch.
pub(super) fn lines(store: &Store, org: Id, id: Id, lines: Vec<LogLine>) {
    if lines.is_empty() {
        return;
    }
    let store = store.clone();
    tokio::spawn(async move {
        let Ok(Some((run, hook))) = store.read(move |session| run_and_hook(session, org, id)).await else { return };
        let (workflow, hook) = (run.workflow_name.as_str(), hook.as_deref().unwrap_or("none"));
        for LogLine { level, step, message } in lines {
            log::log!(level, run_id:% = id, workflow = workflow, hook = hook, step = step.as_str(); "{message}");
        }
    });
}

fn run_and_hook(session: &mut dyn Session, org: Id, id: Id) -> StoreResult<Option<(Run, Option<String>)>> {
    let Some(run) = session.run(org, id)? else { return Ok(None) };
    let transaction = run.transaction.map(|id| session.transaction(org, id)).transpose()?.flatten();
    Ok(Some((run, transaction.map(|transaction| transaction.hook.to_string()))))
}
