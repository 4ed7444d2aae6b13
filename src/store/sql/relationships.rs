//! Relationships between kobjects: two rows for each, one for each of the two to find the other by.

use diesel::QueryableByName;

use super::kobjects::KObjectRow;
use super::statement::statement;
use super::{Sql, Table};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::KObject;
use crate::store::StoreResult;
use crate::store::records::Page;
use crate::store::session::Relationships;

impl<S> Relationships for S
where
    S: Sql,
    KObjectRow: QueryableByName<S::Backend>,
{
    fn relate_kobjects(&mut self, org: Id, one: &KObject, other: &KObject, at: Timestamp) -> StoreResult<bool> {
        const SQL: &str = "INSERT INTO kobject_links (org_id, kobject_id, related_id, related_klass, created_at) \
                   VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        let mut entered = 0;
        for (kobject, related) in [(one, other), (other, one)] {
            let enter = statement!("relating two kobjects", SQL).bind(org).bind(kobject.id).bind(related.id);
            entered += enter.bind(&related.klass).bind(at).execute(self)?;
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
        self.settle(Table::KObjects)?;
        const SQL: &str = "SELECT k.* FROM kobject_links r \
                   JOIN kobjects k ON k.org_id = r.org_id AND k.klass = r.related_klass AND k.id = r.related_id \
                   WHERE r.org_id = ? AND r.kobject_id = ? AND r.related_id < ? ORDER BY r.related_id DESC LIMIT ?";
        let read = statement!("reading related kobjects", SQL).bind(org).bind(id);
        let rows: Vec<KObjectRow> = read.bind(page.below()).bind(page.size).load(self)?;
        rows.into_iter().map(KObjectRow::record).collect()
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
