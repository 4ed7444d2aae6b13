//! Klasses: definitions of custom objects.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{Admin, Reader, Services, UseCaseError, UseCaseResult};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::{Saved, save_klass};
use crate::http::document::{Attributes, NoRelationships, Resource};
use crate::objects::klass::KlassDraft;
use crate::objects::{Klass, Problem, unknown};

/// A klass; its id is its name.
pub type KlassView = Resource<KlassAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KlassAttributes {
    pub name: String,
    pub display_name: String,
    #[schema(required)]
    pub icon: Option<String>,
    /// The attributes of its objects, by name; the suffix of a name is its type.
    pub properties: Map<String, Value>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

impl Attributes for KlassAttributes {
    type Relationships = NoRelationships;
    const TYPES: &'static [&'static str] = &["klass"];
}

fn view(klass: &Klass) -> KlassView {
    let attributes = KlassAttributes {
        name: klass.name.clone(),
        display_name: klass.display_name.clone(),
        icon: klass.icon.clone(),
        properties: klass.properties.clone(),
        created_at: klass.created_at,
        updated_at: klass.updated_at,
    };
    Resource::new(&klass.name, attributes, format!("/v1/klasses/{}", klass.name))
}

/// Finds a klass by its name, or by its name with an `s` at the end.
pub(super) fn require(services: &Services, org: Id, name: &str) -> UseCaseResult<Klass> {
    let snapshot = services.catalog.snapshot();
    let singular = || name.strip_suffix('s').and_then(|name| snapshot.klass(org, name));
    let found = snapshot.klass(org, name).or_else(singular);
    found.map(|klass| Klass::clone(klass)).ok_or_else(|| {
        let names = snapshot.klasses(org).map(|klass| klass.name.as_str());
        UseCaseError::NotFound(unknown("klass", name, names))
    })
}

/// All klasses, by name.
pub fn list(services: &Services, reader: &Reader) -> Vec<KlassView> {
    let snapshot = services.catalog.snapshot();
    snapshot.klasses(reader.org()).map(|klass| view(klass)).collect()
}

/// Creates a klass, or replaces the one of that name.
pub async fn save(services: &Services, admin: &Admin, draft: KlassDraft) -> UseCaseResult<(KlassView, Saved)> {
    let org = admin.org();
    let (klass, saved) = services.catalog.change(move |session| save_klass(session, org, &draft)).await?;
    Ok((view(&klass), saved))
}

/// Replaces the klass at an address; the document can omit the name.
pub async fn replace(
    services: &Services,
    admin: &Admin,
    name: &str,
    mut document: Value,
) -> UseCaseResult<(KlassView, Saved)> {
    let name = require(services, admin.org(), name)?.name;
    if let Value::Object(fields) = &mut document {
        fields.entry("name").or_insert_with(|| name.clone().into());
    }
    let draft = KlassDraft::read(document)?;
    if draft.name != name {
        return Err(vec![Problem::new("/name", "a klass can't be renamed")].into());
    }
    save(services, admin, draft).await
}
