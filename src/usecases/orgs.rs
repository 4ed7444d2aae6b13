//! The tenant that a key belongs to.

use serde::Serialize;
use utoipa::ToSchema;

use super::{Reader, Services, UseCaseError, UseCaseResult};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::http::document::{Attributes, NoRelationships, Resource};

/// A tenant.
pub type OrgView = Resource<OrgAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrgAttributes {
    pub name: String,
    pub created_at: Timestamp,
}

impl Attributes for OrgAttributes {
    type Relationships = NoRelationships;
    const TYPES: &'static [&'static str] = &["org"];
}

/// The actor's org. Other orgs are unknown to it.
pub fn show(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<OrgView> {
    let snapshot = services.catalog.snapshot();
    let org = snapshot.org(id).filter(|org| org.id == reader.org());
    let org = org.ok_or_else(|| UseCaseError::not_found("org", id))?;
    let attributes = OrgAttributes { name: org.name.clone(), created_at: org.created_at };
    Ok(Resource::new(id, attributes, format!("/v1/org/{id}")))
}
