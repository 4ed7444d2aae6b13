//! Replays runs.

use super::Loaded;
use super::load::{Programs, event_payload};
use crate::base::id::Id;
use crate::events;
use crate::store::{Session, StoreResult};

/// Inserts a new run for the event and workflow version of an old one, and links it to that. `None` if there is no such
/// run. With `held`, this process continues the new run at once, unless it must wait in its lane.
///
/// # Errors
/// Those of the store.
pub fn replay(
    session: &mut dyn Session,
    programs: &Programs,
    (org, id): (Id, Id),
    held: bool,
) -> StoreResult<Option<Loaded>> {
    let Some(original) = session.run(org, id)? else { return Ok(None) };
    let payload = event_payload(session, &original)?;
    let program = programs.get(session, org, original.workflow, original.version)?;
    let run = events::replay(session, &original, &program, &payload, held)?;
    Ok(Some(Loaded::fresh(run, program, payload)))
}
