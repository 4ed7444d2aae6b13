//! Relationships between two kobjects of any klasses. They have no direction.

use serde_json::Value;
use utoipa::ToSchema;

use super::kobjects::{self, KObjectView, finder};
use super::{Admin, Paging, Reader, Services, Slice, UseCaseError, UseCaseResult, alter, klasses};
use crate::base::id::Id;
use crate::changes::{self, ChangeError, Editor};
use crate::objects::{Fields, KObject, Problem, missing};
use crate::store::Session;

/// The kobject to relate to.
#[derive(Clone, Debug, ToSchema)]
#[schema(rename_all = "camelCase")]
pub struct NewRelationship {
    #[schema(max_length = 64, example = "order")]
    pub klass_name: String,
    /// Its id.
    pub kobject: Id,
}

impl NewRelationship {
    /// Reads `{"klassName", "kobject"}`.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<NewRelationship, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let klass_name = fields.text("klassName", 64).flatten();
        if klass_name.is_none() && fields.is_valid("klassName") {
            fields.problem("/klassName", "required: the klass of the related kobject");
        }
        let kobject = fields.id("kobject");
        fields.finish(NewRelationship { klass_name: klass_name.unwrap_or_default(), kobject })
    }
}

/// The kobjects that a kobject is related to, newest first, and the list's link.
pub async fn list(
    services: &Services,
    reader: &Reader,
    klass: &str,
    address: &str,
    paging: Paging,
) -> UseCaseResult<(String, Slice<KObjectView>)> {
    let org = reader.org();
    let kobject = kobjects::require(services, org, klass, address).await?;
    let link = format!("/v1/klasses/{}/{}/relationships", kobject.klass, kobject.id);
    let read = move |session: &mut dyn Session| session.related_kobjects(org, kobject.id, paging.to_read());
    let found = services.store.read(read).await?;
    Ok((link, paging.slice(found, |kobject| kobject.id, |kobject| kobjects::view(org, kobject))))
}

/// Relates two kobjects.
pub async fn add(
    services: &Services,
    admin: &Admin,
    klass: &str,
    address: &str,
    NewRelationship { klass_name, kobject }: NewRelationship,
) -> UseCaseResult<()> {
    let org = admin.org();
    let find = finder(org, klasses::require(services, org, klass)?.name);
    let relate = move |editor: &mut Editor<'_>, one: KObject| match editor.session.kobject(org, &klass_name, kobject)? {
        Some(other) => changes::relate_kobjects(editor, &one, &other),
        None => Ok(Err(ChangeError::Invalid(vec![missing("kobject", &klass_name, kobject)]))),
    };
    alter(services, org, "kobject", address, find, relate).await??;
    Ok(())
}

/// Ends a relationship.
pub async fn remove(services: &Services, admin: &Admin, klass: &str, address: &str, other: Id) -> UseCaseResult<()> {
    let org = admin.org();
    let find = finder(org, klasses::require(services, org, klass)?.name);
    let end = move |editor: &mut Editor<'_>, one: KObject| changes::unrelate_kobjects(editor, &one, other);
    match alter(services, org, "kobject", address, find, end).await? {
        true => Ok(()),
        false => Err(UseCaseError::not_found("related kobject", other)),
    }
}
