//! Executes a dry run, from the first run to the last.

use serde_json::Value;

use super::objects::{self, Objects};
use super::start::start_first;
use super::{DryRunError, MadeCall, Script};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::Snapshot;
use crate::catalog::keys::DEFAULT_ORG;
use crate::catalog::load::save_bundle;
use crate::catalog::schedules;
use crate::catalog::variables::put_variable;

use crate::engine::{
    CallOutcome, Context, Input, Next, PendingCall, Programs, advance, event_payload, load, merge_log,
};
use crate::events::{InForce, Listener, call_event};
use crate::objects::nearest;
use crate::secrets::vault::Vault;
use crate::store::{Org, Page, Run, RunFilter, Session, StoreError, StoreResult, Turn};
use crate::workflow::Bundle;

/// The most stretches of a dry run.
pub const STRETCHES_MAX: usize = 10_000;
/// The most runs of a dry run.
pub const RUNS_MAX: usize = 200;

/// The result of a dry run.
#[derive(Clone, Debug)]
pub struct DryRun {
    /// The run of the workflow, and then the runs that it started, in order.
    pub runs: Vec<FinishedRun>,
    pub calls: Vec<MadeCall>,
    /// The objects at the end.
    pub objects: Objects,
    /// The time at the end, by the clock of the dry run.
    pub ended_at: Timestamp,
}

/// A run with its log.
#[derive(Clone, Debug)]
pub struct FinishedRun {
    pub run: Run,
    /// Step entries, as `GET /v1/runs/{id}` shows them.
    pub steps: Vec<Value>,
}

/// Executes the script in the session, which must then be rolled back.
pub(super) fn execute(
    session: &mut dyn Session,
    bundles: &[(String, Bundle)],
    script: &Script,
) -> Result<DryRun, DryRunError> {
    session.set_now(script.now);
    let org = org(session)?;
    // The variables of a real database are sealed with a key that dry runs don't use.
    for variable in session.variables(org)? {
        session.delete_variable(org, variable.id)?;
    }
    let vault = Vault::random();
    let present = Snapshot::read(session, &vault)?;
    for (file, bundle) in bundles {
        save_bundle(session, &present, org, file, bundle, &mut Vec::new())?;
    }
    for (name, value) in &script.variables {
        let put = put_variable(session, &vault, (org, None), name, value)?;
        put.map_err(|error| DryRunError::script("/variables", error.to_string()))?;
    }
    objects::put(session, org, &script.given)?;
    // Programs of its own: versions that are rolled back must not stay in a shared cache.
    let programs = Programs::default();
    let snapshot = Snapshot::read(session, &vault)?;
    let listener = find_workflow(session, &programs, org, bundles, script.workflow.as_deref())?;
    let first = start_first(session, &snapshot, org, &listener, &script.payload)?;
    let mut execution =
        Execution { org, programs, known: vec![first], open: vec![first], calls: Vec::new(), stretches: 0 };
    execution.advance_all(session, snapshot.in_force(), script, &listener.program.name)?;
    let objects = if script.lists_objects { objects::list(session, org)? } else { Objects::new() };
    let runs = execution.known.iter().map(|id| finished_run(session, org, *id)).collect::<Result<_, DryRunError>>()?;
    Ok(DryRun { runs, calls: execution.calls, objects, ended_at: session.now() })
}

/// The first org; created if there is none.
fn org(session: &mut dyn Session) -> StoreResult<Id> {
    if let Some(org) = session.orgs()?.first() {
        return Ok(org.id);
    }
    let org = Org { id: session.new_id(), name: DEFAULT_ORG.into(), created_at: session.now() };
    session.insert_org(&org)?;
    Ok(org.id)
}

/// Finds the workflow, enabled or not.
fn find_workflow(
    session: &mut dyn Session,
    programs: &Programs,
    org: Id,
    bundles: &[(String, Bundle)],
    name: Option<&str>,
) -> Result<Listener, DryRunError> {
    let declared: Vec<&str> =
        bundles.iter().flat_map(|(_, bundle)| &bundle.workflows).map(|draft| draft.workflow.name.as_str()).collect();
    let name = match (name, declared.as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, []) => return Err(DryRunError::script("/workflow", "the files declare no workflow")),
        (None, several) => {
            let message = format!("name one of the workflows: {}", several.join(", "));
            return Err(DryRunError::script("/workflow", message));
        }
    };
    let record = session.workflow_by_name(org, name)?;
    let Some(record) = record else {
        let help = match nearest(name, declared.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("the files declare {}", declared.join(", ")),
        };
        return Err(DryRunError::script("/workflow", format!("unknown workflow `{name}`; {help}")));
    };
    let program = programs.get(session, org, record.id, record.version)?;
    let event = match (&program.trigger.event_name, &program.trigger.schedule) {
        (Some(event), _) => event.clone(),
        (None, Some(_)) => schedules::event(name),
        (None, None) => call_event(name),
    };
    Ok(Listener { workflow: record.id, version: record.version, event, program })
}

/// A dry run under way.
struct Execution {
    org: Id,
    programs: Programs,
    /// All runs, in the order of their start.
    known: Vec<Id>,
    /// The runs that have not ended.
    open: Vec<Id>,
    calls: Vec<MadeCall>,
    stretches: usize,
}

impl Execution {
    /// Advances all runs until the last has ended. The clock jumps if none is due.
    fn advance_all(
        &mut self,
        session: &mut dyn Session,
        in_force: &InForce,
        script: &Script,
        main: &str,
    ) -> Result<(), DryRunError> {
        while let Some((id, due_at)) = self.next_due(session)? {
            if due_at == Timestamp::NEVER {
                give_turn(session, self.org, id)?;
            } else if due_at > session.now() {
                session.set_now(due_at);
            }
            let mut input = Some(Input::Continue);
            while let Some(given) = input.take() {
                self.stretches += 1;
                if self.stretches > STRETCHES_MAX || self.known.len() > RUNS_MAX {
                    return Err(DryRunError::Endless);
                }
                let Some(loaded) = load(session, &self.programs, self.org, id)? else { break };
                let workflow = loaded.run.workflow_name.clone();
                let context = Context { session: &mut *session, in_force, probe: &mut |_| Ok(()) };
                input = match advance(loaded, given, context)?.next {
                    Next::Again => Some(Input::Continue),
                    Next::Perform(call) => {
                        let place =
                            if workflow == main { call.step.clone() } else { format!("{workflow}/{}", call.step) };
                        Some(self.answer(call, &place, script)?)
                    }
                    Next::Ended(_) | Next::Sleep(_) => None,
                };
            }
            self.notice_new_runs(session)?;
        }
        Ok(())
    }

    /// The open run that is due first, and its due time.
    fn next_due(&mut self, session: &mut dyn Session) -> StoreResult<Option<(Id, Timestamp)>> {
        let mut due = Vec::with_capacity(self.open.len());
        for id in std::mem::take(&mut self.open) {
            if let Some(run) = session.run(self.org, id)?.filter(|run| run.status.is_open()) {
                self.open.push(id);
                due.push((id, run.due_at.unwrap_or_else(|| session.now())));
            }
        }
        Ok(due.into_iter().min_by_key(|(_, due_at)| *due_at))
    }

    fn answer(&mut self, call: PendingCall, place: &str, script: &Script) -> Result<Input, DryRunError> {
        let (outcome, made) = script.answers.answer(place, call.attempt, &call.effect)?;
        self.calls.push(made);
        Ok(Input::Outcome(CallOutcome { step: call.step, attempt: call.attempt, outcome, duration_ms: 0 }))
    }

    /// Finds the runs that the runs of this dry run have started.
    fn notice_new_runs(&mut self, session: &mut dyn Session) -> StoreResult<()> {
        let size = i64::try_from(RUNS_MAX + 1).unwrap_or(i64::MAX);
        let mut newest = session.runs(self.org, &RunFilter::default(), Page { after: None, size })?;
        newest.sort_by_key(|run| run.id);
        for run in newest {
            if run.parent.is_some_and(|parent| self.known.contains(&parent)) && !self.known.contains(&run.id) {
                self.known.push(run.id);
                self.open.push(run.id);
            }
        }
        Ok(())
    }
}

/// Gives a waiting run its lane's turn when all runs of the dry run wait, because it can't wait for runs of a real
/// database.
fn give_turn(session: &mut dyn Session, org: Id, id: Id) -> StoreResult<()> {
    let mut run = session.run(org, id)?.ok_or(StoreError::Fenced)?;
    run.lane.iter_mut().for_each(|lane| lane.turn = Turn::Has);
    run.due_at = Some(session.now());
    session.update_run(&mut run)
}

fn finished_run(session: &mut dyn Session, org: Id, id: Id) -> Result<FinishedRun, DryRunError> {
    let run = session.run(org, id)?.ok_or(StoreError::Fenced)?;
    let payload = event_payload(session, &run)?;
    let steps = merge_log(&session.log(org, id)?, Some(&payload), None);
    let steps = steps.map_err(|error| StoreError::Corrupt { what: "a step log", detail: error.to_string() })?;
    Ok(FinishedRun { run, steps })
}
