//! Relationships between kobjects: two rows for each, one per direction.

use super::Sql;
use super::kobjects::kobjects;
use super::statement::statement;
use super::table::columns;
use super::text::joined;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::KObject;
use crate::store::StoreResult;
use crate::store::records::Page;
use crate::store::session::Relationships;

columns! {
    /// Pairs of related kobjects, each in both directions.
    kobject_links (org_id, kobject_id, related_id),
    insert(org: Id, kobject: &'a KObject, related: &'a KObject, created_at: Timestamp) {
        org_id: Id = org,
        kobject_id: Id = kobject.id,
        related_id: Id = related.id,
        related_klass: String = &related.klass,
        created_at: Timestamp = created_at,
    }
}

impl<S: Sql> Relationships for S {
    fn relate_kobjects(&mut self, org: Id, one: &KObject, other: &KObject, at: Timestamp) -> StoreResult<bool> {
        let mut entered = 0;
        for (kobject, related) in [(one, other), (other, one)] {
            entered += kobject_links::insert_new("relating two kobjects", org, kobject, related, at).execute(self)?;
        }
        Ok(entered > 0)
    }

    fn unrelate_kobjects(&mut self, org: Id, one: Id, other: Id) -> StoreResult<bool> {
        const SQL: &str = "DELETE FROM kobject_links WHERE org_id = ? AND kobject_id = ? AND related_id = ?";
        let mut left = 0;
        for (kobject, related) in [(one, other), (other, one)] {
            let leave = statement!("ending a relationship", SQL).bind(org).bind(kobject).bind(related);
            left += leave.execute(self)?;
        }
        Ok(left > 0)
    }

    fn related_kobjects(&mut self, org: Id, id: Id, page: Page) -> StoreResult<Vec<KObject>> {
        self.settle(kobjects::NAME)?;
        const RELATED: &str = joined!(
            "SELECT ",
            kobjects::COLUMNS,
            " FROM kobject_links r JOIN kobjects \
               ON kobjects.org_id = r.org_id AND kobjects.klass = r.related_klass AND kobjects.id = r.related_id \
             WHERE r.org_id = ? AND r.kobject_id = ? AND r.related_id < ? ORDER BY r.related_id DESC LIMIT ?"
        );
        let read = statement!("reading related kobjects", RELATED).bind(org).bind(id);
        let rows: Vec<kobjects::Row> = read.bind(page.below()).bind(page.size).load(self)?;
        Ok(rows.into_iter().map(KObject::from).collect())
    }
}

/// Ends all relationships of a kobject.
pub(super) fn end_relationships(sql: &mut impl Sql, org: Id, id: Id) -> StoreResult<()> {
    const OTHERS: &str = "DELETE FROM kobject_links WHERE org_id = ? AND related_id = ? AND kobject_id IN \
                     (SELECT related_id FROM kobject_links WHERE org_id = ? AND kobject_id = ?)";
    const OWN: &str = "DELETE FROM kobject_links WHERE org_id = ? AND kobject_id = ?";
    const OPERATION: &str = "ending relationships";
    statement!(OPERATION, OTHERS).bind(org).bind(id).bind(org).bind(id).execute(sql)?;
    statement!(OPERATION, OWN).bind(org).bind(id).execute(sql)?;
    Ok(())
}
