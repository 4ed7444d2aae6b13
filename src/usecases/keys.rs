//! API keys of the org. A key is shown once, when it is created; only its hash is kept.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::{Admin, Services, UseCaseError, UseCaseResult};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::keys::{new_key, new_secret};
use crate::http::document::{Attributes, NoRelationships, Resource};
use crate::objects::{Fields, Problem};
use crate::store::{Key, Role};

/// The most characters of a key's name.
const NAME_MAX: usize = 128;

/// An API key.
pub type KeyView = Resource<KeyAttributes>;

/// The attributes of an API key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyAttributes {
    pub name: String,
    pub role: Role,
    pub created_at: Timestamp,
    /// The key itself; only in the answer that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub key: Option<String>,
}

impl Attributes for KeyAttributes {
    type Relationships = NoRelationships;
    const TYPES: &'static [&'static str] = &["key"];
}

/// A key to create.
#[derive(Clone, Debug, ToSchema)]
pub struct NewKey {
    /// A name to recognise the key by.
    #[schema(min_length = 1, max_length = 128, pattern = r"\S", example = "deploy")]
    pub name: String,
    pub role: Role,
}

impl NewKey {
    /// Reads `{"name", "role"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<NewKey, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let name = fields.text("name", NAME_MAX).flatten().unwrap_or_default();
        if name.trim().is_empty() && fields.is_valid("name") {
            fields.problem("/name", "required: a name to recognise the key by");
        }
        let role = fields.text("role", 32).flatten().unwrap_or_default().parse::<Role>();
        let role = role.map_err(|message| fields.problem("/role", message)).unwrap_or(Role::Read);
        fields.finish(NewKey { name, role })
    }
}

fn view(key: &Key, secret: Option<String>) -> KeyView {
    let attributes = KeyAttributes { name: key.name.clone(), role: key.role, created_at: key.created_at, key: secret };
    Resource::new(key.id, attributes, format!("/v1/keys/{}", key.id))
}

/// All keys of the org, newest first.
pub async fn list(services: &Services, admin: &Admin) -> UseCaseResult<Vec<KeyView>> {
    let org = admin.org();
    let keys = services.store.read(move |session| session.keys(org)).await?;
    Ok(keys.iter().rev().map(|key| view(key, None)).collect())
}

/// Creates a key. Only this view contains the key itself.
pub async fn create(services: &Services, admin: &Admin, key: NewKey) -> UseCaseResult<KeyView> {
    let (org, secret) = (admin.org(), new_secret());
    let key_secret = secret.clone();
    let written = services.catalog.change(move |session| {
        let key = new_key(session, org, &key.name, key.role, &key_secret);
        session.insert_key(&key)?;
        Ok(key)
    });
    let key = written.await?;
    log::info!(key = key.name.as_str(), role = key.role.as_str(); "API key created");
    Ok(view(&key, Some(secret)))
}

/// Deletes a key, which stops working at once.
///
/// # Errors
/// [`UseCaseError::Conflict`] for the last admin key, without which no other key could be created.
pub async fn delete(services: &Services, admin: &Admin, id: Id) -> UseCaseResult<()> {
    let org = admin.org();
    let written = services.catalog.change(move |session| {
        let keys = session.keys(org)?;
        let Some(key) = keys.iter().find(|key| key.id == id) else { return Ok(None) };
        let is_last = key.role == Role::Admin && keys.iter().filter(|key| key.role == Role::Admin).count() == 1;
        if !is_last {
            session.delete_key(org, id)?;
        }
        Ok(Some(is_last))
    });
    match written.await? {
        None => Err(UseCaseError::not_found("key", id)),
        Some(true) => {
            let detail = "the last admin key can't be deleted; create another one first";
            Err(UseCaseError::Conflict(detail.into()))
        }
        Some(false) => Ok(()),
    }
}
