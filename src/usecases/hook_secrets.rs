//! The secrets with which senders sign requests to a hook. They can be added and deleted, but not read.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::variables::MASK;
use super::{Admin, Reader, Services, UseCaseError, UseCaseResult, hooks};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::hook_secrets::{AddError, add_secret};
use crate::http::document::{Attributes, Relationship, Resource};
use crate::objects::{Fields, Problem};
use crate::store::HookSecret;

/// The most characters of a secret.
const CHARACTERS_MAX: usize = 4_096;

/// A secret of a hook, without its value.
pub type HookSecretView = Resource<HookSecretAttributes>;

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookSecretAttributes {
    /// The same for every value.
    #[schema(value_type = String, example = "•••")]
    pub masked_value: &'static str,
    pub created_at: Timestamp,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HookSecretRelationships {
    pub hook: Relationship,
}

impl Attributes for HookSecretAttributes {
    type Relationships = HookSecretRelationships;
    const TYPES: &'static [&'static str] = &["hook_secret"];
}

/// A secret to add to those of the hook.
#[derive(ToSchema)]
pub struct NewHookSecret {
    #[schema(min_length = 1, max_length = 4096)]
    pub value: String,
}

impl NewHookSecret {
    /// Reads `{"value"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<NewHookSecret, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let value = fields.text("value", CHARACTERS_MAX).flatten().unwrap_or_default();
        if value.is_empty() && fields.is_valid("value") {
            fields.problem("/value", "required: the secret that the sender signs with");
        }
        fields.finish(NewHookSecret { value })
    }
}

fn view(secret: &HookSecret) -> HookSecretView {
    let attributes = HookSecretAttributes { masked_value: MASK, created_at: secret.created_at };
    let hook = Relationship::new("hook", secret.hook, "/v1/hooks");
    let link = format!("{}/secrets/{}", hook.links.own, secret.id);
    Resource::new(secret.id, attributes, link).with(HookSecretRelationships { hook })
}

/// The secrets of a hook, newest first.
pub async fn list(services: &Services, reader: &Reader, hook: Id) -> UseCaseResult<Vec<HookSecretView>> {
    hooks::require(services, reader, hook)?;
    let org = reader.org();
    let secrets = services.store.read(move |session| session.secrets_of_hook(org, hook)).await?;
    Ok(secrets.iter().rev().map(view).collect())
}

/// Adds a secret.
///
/// # Errors
/// [`UseCaseError::Invalid`] if the hook's scheme can't verify with it, [`UseCaseError::Conflict`] if there are too many.
pub async fn add(services: &Services, admin: &Admin, hook: Id, secret: NewHookSecret) -> UseCaseResult<HookSecretView> {
    let (vault, org) = (services.catalog.vault().clone(), admin.org());
    let added = services.catalog.change(move |session| add_secret(session, &vault, (org, hook), &secret.value));
    let secret = added.await?.map_err(|error| match error {
        AddError::Missing => UseCaseError::not_found("hook", hook),
        AddError::Key(_) => UseCaseError::invalid("/value", error.to_string()),
        _ => UseCaseError::Conflict(error.to_string()),
    })?;
    log::info!(hook:% = hook, secret:% = secret.id; "hook secret added");
    Ok(view(&secret))
}

/// Deletes a secret of a hook.
pub async fn delete(services: &Services, admin: &Admin, hook: Id, id: Id) -> UseCaseResult<()> {
    let org = admin.org();
    let deleted = services.catalog.change(move |session| {
        let is_own = session.secrets_of_hook(org, hook)?.iter().any(|secret| secret.id == id);
        Ok(is_own && session.delete_hook_secret(org, id)?)
    });
    if !deleted.await? {
        return Err(UseCaseError::not_found("secret", id));
    }
    log::info!(hook:% = hook, secret:% = id; "hook secret deleted");
    Ok(())
}
