//! Klasses and kobjects.

use std::sync::Arc;

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Nullable, Text};

use super::columns::{from_json, to_json};
use super::customers::OwnerRow;
use super::relationships::end_relationships;
use super::statement::{Statement, statement};
use super::{Sql, Table};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::objects::kobject::KObjectContent;
use crate::objects::{KObject, Klass};
use crate::store::records::Page;
use crate::store::session::{KObjects, Taken};
use crate::store::{StoreError, StoreResult};

#[derive(QueryableByName)]
struct KlassRow {
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    display_name: String,
    #[diesel(sql_type = Nullable<Text>)]
    icon: Option<String>,
    #[diesel(sql_type = Text)]
    properties: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    updated_at: Timestamp,
}

#[derive(QueryableByName)]
pub(super) struct KObjectRow {
    #[diesel(sql_type = Text)]
    klass: String,
    #[diesel(sql_type = Text)]
    id: Id,
    #[diesel(sql_type = Nullable<Text>)]
    customer_id: Option<Id>,
    #[diesel(sql_type = Nullable<Text>)]
    external_id: Option<String>,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Nullable<Text>)]
    icon: Option<String>,
    #[diesel(sql_type = Text)]
    data: String,
    #[diesel(sql_type = Text)]
    custom: String,
    #[diesel(sql_type = BigInt)]
    created_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    updated_at: Timestamp,
    #[diesel(sql_type = BigInt)]
    rev: i64,
}

impl KlassRow {
    fn record(self) -> StoreResult<Klass> {
        Ok(Klass {
            id: self.id,
            name: self.name,
            display_name: self.display_name,
            icon: self.icon,
            properties: from_json("a klass's properties", &self.properties)?,
            created_at: self.created_at,
            updated_at: self.updated_at,
        })
    }
}

impl KObjectRow {
    pub(super) fn record(self) -> StoreResult<KObject> {
        let content = KObjectContent {
            title: self.title,
            external_id: self.external_id,
            icon: self.icon,
            data: from_json("a kobject's data", &self.data)?,
            custom: from_json("a kobject's custom attributes", &self.custom)?,
        };
        Ok(KObject {
            id: self.id,
            klass: self.klass,
            customer: self.customer_id,
            content,
            created_at: self.created_at,
            updated_at: self.updated_at,
            rev: self.rev,
        })
    }
}

/// Who stood in the way of a kobject: the one of its klass that has its external id, or else somebody who wrote it in the
/// meantime.
fn in_the_way<S>(sql: &mut S, org: Id, kobject: &KObject) -> StoreResult<Taken>
where
    S: Sql,
    OwnerRow: QueryableByName<S::Backend>,
{
    const SQL: &str = "SELECT id FROM kobjects WHERE org_id = ? AND klass = ? AND external_id = ? AND id <> ?";
    let owner: Option<OwnerRow> = statement!("reading a kobject", SQL)
        .bind(org)
        .bind(&kobject.klass)
        .bind(&kobject.content.external_id)
        .bind(kobject.id)
        .first(sql)?;
    let owner = owner.ok_or(StoreError::Conflict { what: "the kobject" })?;
    Ok(Taken { pointer: "/externalId".into(), by: owner.id })
}

fn bind_new<'a, Site: 'static>(statement: Statement<'a, Site>, org: Id, kobject: &'a KObject) -> Statement<'a, Site> {
    let content = &kobject.content;
    statement
        .bind(org)
        .bind(&kobject.klass)
        .bind(kobject.id)
        .bind(kobject.customer)
        .bind(&content.external_id)
        .bind(&content.title)
        .bind(&content.icon)
        .bind(to_json(&content.data))
        .bind(to_json(&content.custom))
        .bind(kobject.created_at)
        .bind(kobject.updated_at)
        .bind(kobject.rev)
}

impl<S> KObjects for S
where
    S: Sql,
    KlassRow: QueryableByName<S::Backend>,
    KObjectRow: QueryableByName<S::Backend>,
    OwnerRow: QueryableByName<S::Backend>,
{
    fn klasses(&mut self, org: Id) -> StoreResult<Vec<Klass>> {
        const SQL: &str = "SELECT id, name, display_name, icon, properties, created_at, updated_at \
                   FROM klasses WHERE org_id = ? ORDER BY name";
        let rows: Vec<KlassRow> = statement!("reading the klasses", SQL).bind(org).load(self)?;
        rows.into_iter().map(KlassRow::record).collect()
    }

    fn klass(&mut self, org: Id, name: &str) -> StoreResult<Option<Arc<Klass>>> {
        if let Some(klass) = self.memory().and_then(|memory| memory.klass(org, name)) {
            return Ok(Some(klass));
        }
        const SQL: &str = "SELECT id, name, display_name, icon, properties, created_at, updated_at \
                   FROM klasses WHERE org_id = ? AND name = ?";
        let row: Option<KlassRow> = statement!("reading a klass", SQL).bind(org).bind(name).first(self)?;
        let klass = row.map(KlassRow::record).transpose()?.map(Arc::new);
        if let (Some(klass), Some(memory)) = (&klass, self.memory()) {
            memory.keep_klass(org, klass.clone());
        }
        Ok(klass)
    }

    fn put_klass(&mut self, org: Id, klass: &Klass) -> StoreResult<()> {
        self.memory().into_iter().for_each(|memory| memory.forget_klasses(org));
        const SQL: &str = "INSERT INTO klasses (org_id, name, id, display_name, icon, properties, created_at, updated_at) \
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (org_id, name) DO UPDATE \
                   SET display_name = excluded.display_name, icon = excluded.icon, \
                       properties = excluded.properties, updated_at = excluded.updated_at";
        statement!("writing a klass", SQL)
            .bind(org)
            .bind(&klass.name)
            .bind(klass.id)
            .bind(&klass.display_name)
            .bind(&klass.icon)
            .bind(to_json(&klass.properties))
            .bind(klass.created_at)
            .bind(klass.updated_at)
            .execute(self)?;
        Ok(())
    }

    fn kobject(&mut self, org: Id, klass: &str, id: Id) -> StoreResult<Option<KObject>> {
        self.settle(Table::KObjects)?;
        const SQL: &str = "SELECT * FROM kobjects WHERE org_id = ? AND klass = ? AND id = ?";
        let row: Option<KObjectRow> =
            statement!("reading a kobject", SQL).bind(org).bind(klass).bind(id).first(self)?;
        row.map(KObjectRow::record).transpose()
    }

    fn kobject_by_external_id(&mut self, org: Id, klass: &str, external_id: &str) -> StoreResult<Option<KObject>> {
        self.settle(Table::KObjects)?;
        const SQL: &str = "SELECT * FROM kobjects WHERE org_id = ? AND klass = ? AND external_id = ?";
        let row: Option<KObjectRow> =
            statement!("finding a kobject by external id", SQL).bind(org).bind(klass).bind(external_id).first(self)?;
        row.map(KObjectRow::record).transpose()
    }

    fn kobjects(
        &mut self,
        org: Id,
        klass: Option<&str>,
        customer: Option<Id>,
        page: Page,
    ) -> StoreResult<Vec<KObject>> {
        self.settle(Table::KObjects)?;
        const OPERATION: &str = "reading kobjects";
        let (below, size) = (page.below(), page.size);
        let rows: Vec<KObjectRow> = match (klass, customer) {
            (None, None) => {
                const SQL: &str = "SELECT * FROM kobjects WHERE org_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
                statement!(OPERATION, SQL).bind(org).bind(below).bind(size).load(self)?
            }
            (Some(klass), None) => {
                const SQL: &str =
                    "SELECT * FROM kobjects WHERE org_id = ? AND klass = ? AND id < ? ORDER BY id DESC LIMIT ?";
                statement!(OPERATION, SQL).bind(org).bind(klass).bind(below).bind(size).load(self)?
            }
            (None, Some(customer)) => {
                const SQL: &str =
                    "SELECT * FROM kobjects WHERE org_id = ? AND customer_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
                statement!(OPERATION, SQL).bind(org).bind(customer).bind(below).bind(size).load(self)?
            }
            (Some(klass), Some(customer)) => {
                // A customer has fewer objects than a klass has: `|| ''` keeps planners from the klass's index.
                const SQL: &str = "SELECT * FROM kobjects WHERE org_id = ? AND klass || '' = ? AND customer_id = ? \
                                   AND id < ? ORDER BY id DESC LIMIT ?";
                let query = statement!(OPERATION, SQL).bind(org).bind(klass).bind(customer);
                query.bind(below).bind(size).load(self)?
            }
        };
        rows.into_iter().map(KObjectRow::record).collect()
    }

    fn insert_kobject(&mut self, org: Id, kobject: &KObject) -> StoreResult<Result<(), Taken>> {
        const NEW: &str = "INSERT INTO kobjects (org_id, klass, id, customer_id, external_id, title, icon, data, custom, \
                     created_at, updated_at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        const UNIQUE: &str = "INSERT INTO kobjects (org_id, klass, id, customer_id, external_id, title, icon, data, custom, \
                     created_at, updated_at, rev) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING";
        if kobject.content.external_id.is_none() {
            bind_new(statement!("storing a kobject", NEW), org, kobject).append(self, Table::KObjects)?;
            return Ok(Ok(()));
        }
        match bind_new(statement!("storing a kobject", UNIQUE), org, kobject).execute(self)? {
            0 => Ok(Err(in_the_way(self, org, kobject)?)),
            _ => Ok(Ok(())),
        }
    }

    fn update_kobject(&mut self, org: Id, kobject: &KObject) -> StoreResult<Result<(), Taken>> {
        self.settle(Table::KObjects)?;
        let content = &kobject.content;
        const SQL: &str = "UPDATE kobjects SET customer_id = ?, external_id = ?, title = ?, icon = ?, data = ?, custom = ?, \
                     updated_at = ?, rev = ? WHERE org_id = ? AND klass = ? AND id = ? AND rev = ? AND NOT EXISTS \
                     (SELECT 1 FROM kobjects other WHERE other.org_id = ? AND other.klass = ? \
                      AND other.external_id = ? AND other.id <> ?)";
        let changed = statement!("changing a kobject", SQL)
            .bind(kobject.customer)
            .bind(&content.external_id)
            .bind(&content.title)
            .bind(&content.icon)
            .bind(to_json(&content.data))
            .bind(to_json(&content.custom))
            .bind(kobject.updated_at)
            .bind(kobject.rev)
            .bind(org)
            .bind(&kobject.klass)
            .bind(kobject.id)
            .bind(kobject.rev - 1)
            .bind(org)
            .bind(&kobject.klass)
            .bind(&content.external_id)
            .bind(kobject.id)
            .execute(self)?;
        match changed {
            0 => Ok(Err(in_the_way(self, org, kobject)?)),
            _ => Ok(Ok(())),
        }
    }

    fn delete_kobject(&mut self, org: Id, klass: &str, id: Id) -> StoreResult<bool> {
        self.settle(Table::KObjects)?;
        end_relationships(self, org, id)?;
        const SQL: &str = "DELETE FROM kobjects WHERE org_id = ? AND klass = ? AND id = ?";
        Ok(statement!("deleting a kobject", SQL).bind(org).bind(klass).bind(id).execute(self)? > 0)
    }
}
