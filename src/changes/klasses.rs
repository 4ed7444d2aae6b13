//! New klasses, made by a step. Klasses that files and admins declare are saved by the catalog.

use std::sync::Arc;

use super::Editor;
use crate::objects::Klass;
use crate::objects::klass::KlassDraft;
use crate::store::StoreResult;

/// Since when there is something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    Now,
    Before,
}

/// A new klass, or the one that has the name. The catalogs of all processes hear of it after the commit.
pub fn create_klass(editor: &mut Editor<'_>, draft: KlassDraft) -> StoreResult<(Arc<Klass>, Created)> {
    let (session, org) = (&mut *editor.session, editor.org);
    if let Some(klass) = session.klass(org, &draft.name)? {
        return Ok((klass, Created::Before));
    }
    session.change_catalog()?;
    // Somebody may have made it while this waited for its turn.
    if let Some(klass) = session.klass(org, &draft.name)? {
        return Ok((klass, Created::Before));
    }
    let now = session.now();
    let KlassDraft { name, display_name, icon, properties } = draft;
    let klass = Klass { id: session.new_id(), name, display_name, icon, properties, created_at: now, updated_at: now };
    session.put_klass(org, &klass)?;
    Ok((Arc::new(klass), Created::Now))
}
