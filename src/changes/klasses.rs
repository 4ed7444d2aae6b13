//! Klasses created by steps. Klasses declared by files and admins are saved by the catalog.

use std::sync::Arc;

use super::Editor;
use crate::objects::Klass;
use crate::objects::klass::KlassDraft;
use crate::store::StoreResult;

/// Whether a klass was created by this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    Now,
    Before,
}

/// Creates a klass, or returns the existing one with the name. All processes reload their catalogs after the commit.
pub fn create_klass(editor: &mut Editor<'_>, draft: KlassDraft) -> StoreResult<(Arc<Klass>, Created)> {
    let (session, org) = (&mut *editor.session, editor.org);
    if let Some(klass) = session.klass(org, &draft.name)? {
        return Ok((klass, Created::Before));
    }
    session.change_catalog()?;
    // Another transaction may have created it while this one waited for the lock.
    if let Some(klass) = session.klass(org, &draft.name)? {
        return Ok((klass, Created::Before));
    }
    let now = session.now();
    let KlassDraft { name, display_name, icon, properties } = draft;
    let klass = Klass { id: session.new_id(), name, display_name, icon, properties, created_at: now, updated_at: now };
    session.put_klass(org, &klass)?;
    Ok((Arc::new(klass), Created::Now))
}
