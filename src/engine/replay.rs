//! Replays runs.

use super::Loaded;
use super::load::{Programs, event_payload};
use crate::base::id::Id;
use crate::events;
use crate::store::{Run, Session, Status, StoreResult};

/// Which version of the workflow a replay runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ReplayVersion {
    /// The one that the old run ran.
    #[default]
    Same,
    /// The workflow's current one.
    Current,
    Number(i64),
}

/// What became of a replay.
pub enum Replayed {
    /// There is no such run.
    NoRun,
    /// The workflow was deleted, or has no such version.
    NoVersion,
    Run(Box<Loaded>),
}

/// Inserts a new run for the event of an old one, and linked to it. `held` says whether this process goes on with the new
/// one at once, unless it has to wait for its turn.
///
/// # Errors
/// Those of the store.
pub fn replay(
    session: &mut dyn Session,
    programs: &Programs,
    (org, id): (Id, Id),
    version: ReplayVersion,
    held: bool,
) -> StoreResult<Replayed> {
    let Some(original) = session.run(org, id)? else { return Ok(Replayed::NoRun) };
    let Some(version) = find_version(session, &original, version)? else { return Ok(Replayed::NoVersion) };
    let payload = event_payload(session, &original)?;
    let program = programs.get(session, org, original.workflow, version)?;
    let run = events::replay(session, &original, (version, &program), &payload, held)?;
    Ok(Replayed::Run(Box::new(Loaded::fresh(run, program, payload))))
}

fn find_version(session: &mut dyn Session, original: &Run, version: ReplayVersion) -> StoreResult<Option<i64>> {
    let (org, workflow) = (original.org, original.workflow);
    Ok(match version {
        ReplayVersion::Same => Some(original.version),
        ReplayVersion::Current => {
            let found = session.workflow(org, workflow)?.filter(|workflow| workflow.status != Status::Deleted);
            found.map(|workflow| workflow.version)
        }
        ReplayVersion::Number(number) => {
            session.workflow_version(org, workflow, number)?.map(|version| version.version)
        }
    })
}
