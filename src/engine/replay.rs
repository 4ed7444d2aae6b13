//! Running again what ran before.

use super::Loaded;
use super::load::{Programs, event_payload};
use crate::base::id::Id;
use crate::events;
use crate::store::{Session, StoreResult};

/// Inserts a new run for the event of an old one, with the same version of its workflow, and linked to it. `None` if there
/// is no such run. `held` says whether this process goes on with the new one at once, unless it has to wait for its turn.
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
