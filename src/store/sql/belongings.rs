//! What belongs to a customer: kobjects, and the entities that name it.

use super::Sql;
use super::entities::entities;
use super::kobjects::kobjects;
use super::statement::statement;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::store::StoreResult;
use crate::store::session::Belongings;

impl<S: Sql> Belongings for S {
    fn move_belongings(&mut self, org: Id, from: Id, to: Id, at: Timestamp) -> StoreResult<()> {
        const OPERATION: &str = "moving what belongs to a customer";
        const KOBJECTS: &str = "UPDATE kobjects SET customer_id = ?, updated_at = ?, rev = rev + 1 \
                     WHERE org_id = ? AND customer_id = ?";
        const ENTITIES: &str = "UPDATE entities SET customer_id = ?, updated_at = ?, rev = rev + 1 \
                     WHERE org_id = ? AND customer_id = ?";
        settle(self)?;
        statement!(OPERATION, KOBJECTS).bind(to).bind(at).bind(org).bind(from).execute(self)?;
        statement!(OPERATION, ENTITIES).bind(to).bind(at).bind(org).bind(from).execute(self)?;
        Ok(())
    }

    fn delete_belongings(&mut self, org: Id, customer: Id) -> StoreResult<()> {
        const OPERATION: &str = "deleting what belongs to a customer";
        const TO_THEM: &str = "DELETE FROM kobject_links WHERE org_id = ? AND (kobject_id, related_id) IN \
                     (SELECT r.related_id, r.kobject_id FROM kobjects k \
                      JOIN kobject_links r ON r.org_id = k.org_id AND r.kobject_id = k.id \
                      WHERE k.org_id = ? AND k.customer_id = ?)";
        const FROM_THEM: &str = "DELETE FROM kobject_links WHERE org_id = ? AND kobject_id IN \
                     (SELECT id FROM kobjects WHERE org_id = ? AND customer_id = ?)";
        const KOBJECTS: &str = "DELETE FROM kobjects WHERE org_id = ? AND customer_id = ?";
        const ENTITIES: &str = "DELETE FROM entities WHERE org_id = ? AND customer_id = ?";
        settle(self)?;
        statement!(OPERATION, TO_THEM).bind(org).bind(org).bind(customer).execute(self)?;
        statement!(OPERATION, FROM_THEM).bind(org).bind(org).bind(customer).execute(self)?;
        statement!(OPERATION, KOBJECTS).bind(org).bind(customer).execute(self)?;
        statement!(OPERATION, ENTITIES).bind(org).bind(customer).execute(self)?;
        Ok(())
    }
}

fn settle(sql: &mut impl Sql) -> StoreResult<()> {
    sql.settle(kobjects::NAME)?;
    sql.settle(entities::NAME)
}
