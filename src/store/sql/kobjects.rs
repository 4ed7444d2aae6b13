//! Klasses and kobjects.

use std::sync::Arc;

use serde_json::{Map, Value};

use super::Sql;
use super::catalog_changes::log_change;
use super::lists::List;
use super::relationships::end_relationships;
use super::statement::statement;
use super::table::columns;
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::kobject::KObjectContent;
use crate::objects::{KObject, Klass};
use crate::store::records::{EntryKind, Page};
use crate::store::session::{KObjects, Taken};
use crate::store::{StoreError, StoreResult};

columns! {
    /// The kinds of kobjects.
    klasses (org_id, name), insert(org: Id, klass: &'a Klass) {
        org_id: Id = org,
        name: String = &klass.name,
        id: Id = klass.id,
        #[changes] display_name: String = &klass.display_name,
        #[changes] icon: Option<String> = &klass.icon,
        #[changes] properties: Map<String, Value> = &klass.properties,
        created_at: Timestamp = klass.created_at,
        #[changes] updated_at: Timestamp = klass.updated_at,
    }
}

columns! {
    /// The objects on timelines.
    kobjects (org_id, klass, id), insert(org: Id, kobject: &'a KObject) {
        org_id: Id = org,
        klass: String = &kobject.klass,
        id: Id = kobject.id,
        #[changes] customer_id: Option<Id> = kobject.customer,
        #[changes] external_id: Option<String> = &kobject.content.external_id,
        #[changes] title: String = &kobject.content.title,
        #[changes] icon: Option<String> = &kobject.content.icon,
        #[changes] data: Map<String, Value> = &kobject.content.data,
        #[changes] custom: Map<String, Value> = &kobject.content.custom,
        created_at: Timestamp = kobject.created_at,
        #[changes] updated_at: Timestamp = kobject.updated_at,
        #[changes] rev: i64 = kobject.rev,
    }
}

impl From<klasses::Row> for Klass {
    fn from(row: klasses::Row) -> Klass {
        let klasses::Row { org_id: _, id, name, display_name, icon, properties, created_at, updated_at } = row;
        Klass { id, name, display_name, icon, properties, created_at, updated_at }
    }
}

impl From<kobjects::Row> for KObject {
    fn from(row: kobjects::Row) -> KObject {
        let kobjects::Row { klass, id, customer_id: customer, external_id, title, icon, data, custom, .. } = row;
        let content = KObjectContent { title, external_id, icon, data, custom };
        KObject { id, klass, customer, content, created_at: row.created_at, updated_at: row.updated_at, rev: row.rev }
    }
}

/// The kobject that this one is in conflict with: the one of its klass that has its external id. If there is none,
/// another transaction has changed the kobject.
fn in_the_way(sql: &mut impl Sql, org: Id, kobject: &KObject) -> StoreResult<Taken> {
    const SQL: &str = "SELECT id FROM kobjects WHERE org_id = ? AND klass = ? AND external_id = ? AND id <> ?";
    let owner: Option<Id> = statement!("reading a kobject", SQL)
        .bind(org)
        .bind(&kobject.klass)
        .bind(&kobject.content.external_id)
        .bind(kobject.id)
        .first(sql)?;
    let by = owner.ok_or(StoreError::Conflict { what: "the kobject" })?;
    Ok(Taken { pointer: "/externalId".into(), by })
}

impl<S: Sql> KObjects for S {
    fn klasses(&mut self, org: Id) -> StoreResult<Vec<Klass>> {
        let read = statement!("reading the klasses", klasses::SELECT, " WHERE org_id = ? ORDER BY name").bind(org);
        Ok(read.load::<klasses::Row>(self)?.into_iter().map(Klass::from).collect())
    }

    fn klass(&mut self, org: Id, name: &str) -> StoreResult<Option<Arc<Klass>>> {
        if let Some(klass) = self.memory().and_then(|memory| memory.klass(org, name)) {
            return Ok(Some(klass));
        }
        let read = statement!("reading a klass", klasses::SELECT, " WHERE org_id = ? AND name = ?");
        let row: Option<klasses::Row> = read.bind(org).bind(name).first(self)?;
        let klass = row.map(Klass::from).map(Arc::new);
        if let (Some(klass), Some(memory)) = (&klass, self.memory()) {
            memory.keep_klass(org, klass.clone());
        }
        Ok(klass)
    }

    fn put_klass(&mut self, org: Id, klass: &Klass) -> StoreResult<()> {
        self.memory().into_iter().for_each(|memory| memory.forget_klasses(org));
        klasses::upsert("writing a klass", org, klass).execute(self)?;
        log_change(self, org, EntryKind::Klass, &klass.name)
    }

    fn kobject(&mut self, org: Id, klass: &str, id: Id) -> StoreResult<Option<KObject>> {
        self.settle(kobjects::NAME)?;
        let read = statement!("reading a kobject", kobjects::SELECT, " WHERE org_id = ? AND klass = ? AND id = ?");
        Ok(read.bind(org).bind(klass).bind(id).first::<kobjects::Row>(self)?.map(KObject::from))
    }

    fn kobject_by_external_id(&mut self, org: Id, klass: &str, external_id: &str) -> StoreResult<Option<KObject>> {
        self.settle(kobjects::NAME)?;
        const BY_EXTERNAL_ID: &str = " WHERE org_id = ? AND klass = ? AND external_id = ?";
        let find = statement!("finding a kobject by external id", kobjects::SELECT, BY_EXTERNAL_ID);
        Ok(find.bind(org).bind(klass).bind(external_id).first::<kobjects::Row>(self)?.map(KObject::from))
    }

    fn kobjects(
        &mut self,
        org: Id,
        klass: Option<&str>,
        customer: Option<Id>,
        page: Page,
    ) -> StoreResult<Vec<KObject>> {
        self.settle(kobjects::NAME)?;
        const OPERATION: &str = "reading kobjects";
        const PAGE: &str = " AND id < ? ORDER BY id DESC LIMIT ?";
        let (below, size) = (page.below(), page.size);
        let rows: Vec<kobjects::Row> = match (klass, customer) {
            (None, None) => {
                let read = statement!(OPERATION, kobjects::SELECT, " WHERE org_id = ?", PAGE).bind(org);
                read.bind(below).bind(size).load(self)?
            }
            (Some(klass), None) => {
                const OF_KLASS: &str = " WHERE org_id = ? AND klass = ? AND id > ? AND id < ? ORDER BY id DESC LIMIT ?";
                self.load_list(List::KObjectsOfKlass(klass), org, page.into(), |bounds| {
                    bounds.bind(statement!(OPERATION, kobjects::SELECT, OF_KLASS).bind(org).bind(klass))
                })?
            }
            (None, Some(customer)) => {
                let read = statement!(OPERATION, kobjects::SELECT, " WHERE org_id = ? AND customer_id = ?", PAGE);
                read.bind(org).bind(customer).bind(below).bind(size).load(self)?
            }
            (Some(klass), Some(customer)) => {
                // A customer has fewer objects than a klass: `|| ''` keeps the planner from the klass's index.
                const OF_BOTH: &str = " WHERE org_id = ? AND klass || '' = ? AND customer_id = ?";
                let read = statement!(OPERATION, kobjects::SELECT, OF_BOTH, PAGE).bind(org).bind(klass);
                read.bind(customer).bind(below).bind(size).load(self)?
            }
        };
        Ok(rows.into_iter().map(KObject::from).collect())
    }

    fn insert_kobject(&mut self, org: Id, kobject: &KObject) -> StoreResult<Result<(), Taken>> {
        const OPERATION: &str = "storing a kobject";
        if kobject.content.external_id.is_none() {
            kobjects::insert(OPERATION, org, kobject).append(self)?;
        } else if kobjects::insert_new(OPERATION, org, kobject).execute(self)? == 0 {
            return Ok(Err(in_the_way(self, org, kobject)?));
        }
        self.enter(List::KObjectsOfKlass(&kobject.klass), org, kobject.id)?;
        Ok(Ok(()))
    }

    fn update_kobject(&mut self, org: Id, kobject: &KObject) -> StoreResult<Result<(), Taken>> {
        self.settle(kobjects::NAME)?;
        const UNLESS_TAKEN: &str = " WHERE org_id = ? AND klass = ? AND id = ? AND rev = ? AND NOT EXISTS \
                     (SELECT 1 FROM kobjects other WHERE other.org_id = ? AND other.klass = ? \
                      AND other.external_id = ? AND other.id <> ?)";
        let update = statement!("changing a kobject", kobjects::UPDATE, UNLESS_TAKEN);
        let changed = kobjects::bind_changes(update, org, kobject)
            .bind(org)
            .bind(&kobject.klass)
            .bind(kobject.id)
            .bind(kobject.rev - 1)
            .bind(org)
            .bind(&kobject.klass)
            .bind(&kobject.content.external_id)
            .bind(kobject.id)
            .execute(self)?;
        match changed {
            0 => Ok(Err(in_the_way(self, org, kobject)?)),
            _ => Ok(Ok(())),
        }
    }

    fn delete_kobject(&mut self, org: Id, klass: &str, id: Id) -> StoreResult<bool> {
        self.settle(kobjects::NAME)?;
        end_relationships(self, org, id)?;
        const SQL: &str = "DELETE FROM kobjects WHERE org_id = ? AND klass = ? AND id = ?";
        Ok(statement!("deleting a kobject", SQL).bind(org).bind(klass).bind(id).execute(self)? > 0)
    }
}
