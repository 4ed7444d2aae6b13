//! Hooks: the addresses that other systems post to.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::later_runs::ProblemFilter;
use super::{Admin, Paging, Reader, Services, Slice, UseCaseError, UseCaseResult, shapes, transactions};
use crate::base::id::Id;
use crate::base::time::Timestamp;
use crate::catalog::{create_hook, new_hash};
use crate::door::{CHALLENGE, DUPLICATE};
use crate::hook::{self, HookKind, InvalidHookKind, RawSettings, Settings};
use crate::http::document::{Attributes, Relationship, Resource};
use crate::objects::klass::is_klass_name;
use crate::objects::{Fields, Problem};
use crate::store::{Hook, RefusalCount, Status};
use crate::workflow::HookDraft;

/// The most characters of a title and of a description.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4_096;

/// A hook.
pub type HookView = Resource<HookAttributes>;

/// The attributes of a hook.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct HookAttributes {
    pub name: String,
    pub kind: HookKind,
    pub title: String,
    #[schema(required)]
    pub description: Option<String>,
    pub enabled: bool,
    /// Why the hook refuses every request although it is enabled: this version of hookflow can't read its stored settings.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub problem: Option<String>,
    /// The event that the hook's transactions raise.
    pub event_name: String,
    /// The secret part of the address.
    pub hash: String,
    /// The address to post to.
    pub url: String,
    /// Where to mail to; null unless this is an e-mail hook and the server accepts mail by SMTP.
    #[schema(required)]
    pub mail_address: Option<String>,
    /// Whether the hook refuses all requests because it verifies them and has no usable secret.
    pub lacks_secret: bool,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// By name; null if not set.
    #[serde(flatten)]
    #[schema(value_type = shapes::HookSettings)]
    pub settings: RawSettings,
    /// The number of refused requests, by reason. This and the following are omitted in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub refusals: Option<BTreeMap<String, CountView>>,
    /// The number of duplicate requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub duplicates: Option<CountView>,
    /// The number of answered set-up challenges.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub challenges: Option<CountView>,
}

/// A count of events, and the time of the latest.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CountView {
    pub count: i64,
    #[schema(required)]
    pub last_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct HookRelationships {
    pub org: Relationship,
}

impl Attributes for HookAttributes {
    type Relationships = HookRelationships;
    const TYPES: &'static [&'static str] = &["form_hook", "web_hook", "email_hook"];
}

/// Changes of a hook; absent attributes are unchanged.
#[derive(Clone, Debug)]
pub struct HookChanges {
    pub title: Option<String>,
    pub description: Option<Option<String>>,
    pub enabled: Option<bool>,
    /// By name; null removes a setting.
    pub settings: RawSettings,
}

impl HookChanges {
    /// Reads the request's body.
    ///
    /// # Errors
    /// Every problem, with its pointer.
    pub fn read(document: Value) -> Result<HookChanges, Vec<Problem>> {
        let mut fields = Fields::new(document);
        let title = fields.text("title", TITLE_MAX);
        if title == Some(None) || title == Some(Some(String::new())) {
            fields.problem("/title", "must not be empty");
        }
        let description = fields.text("description", DESCRIPTION_MAX);
        let enabled = fields.boolean("enabled");
        let settings = hook::take_settings(&mut fields);
        fields.finish(HookChanges { title: title.flatten(), description, enabled, settings })
    }

    fn apply(&self, hook: &mut Hook) {
        hook.title = self.title.clone().unwrap_or_else(|| hook.title.clone());
        hook.description = self.description.clone().unwrap_or_else(|| hook.description.clone());
        hook.settings = hook::merge_settings(&hook.settings, &self.settings);
        hook.status = match self.enabled {
            Some(true) => Status::Enabled,
            Some(false) => Status::Disabled,
            None => hook.status,
        };
    }
}

/// Reads a hook to create.
///
/// # Errors
/// Every problem, with its pointer.
pub fn read(document: Value) -> Result<HookDraft, Vec<Problem>> {
    let mut fields = Fields::new(document);
    let name = fields.text("name", 64).flatten().unwrap_or_default();
    if !is_klass_name(&name) {
        fields.problem("/name", "required: 1 to 64 lower-case letters, digits, `-` or `_`");
    }
    let kind = fields.text("type", 16).flatten();
    let kind = kind.map(|kind| kind.parse().map_err(|error: InvalidHookKind| error.to_string()));
    let kind = kind.and_then(|kind| fields.keep("/type", kind)).unwrap_or(HookKind::Form);
    let title = fields.text("title", TITLE_MAX).flatten().unwrap_or_else(|| name.clone());
    let description = fields.text("description", DESCRIPTION_MAX).flatten();
    let settings = hook::take_settings(&mut fields);
    fields.problems(Settings::read(kind, &settings).err().into_iter().flatten());
    fields.finish(HookDraft { name, kind, title, description, settings })
}

/// The full address that senders post to.
pub fn url(public_url: &str, hook: &Hook) -> String {
    format!("{public_url}/v1/hooks/{}/{}", hook.kind, hook.hash)
}

fn view(services: &Services, hook: &Hook) -> HookView {
    let setting = |name: &str| (name.to_owned(), hook.settings.get(name).cloned().unwrap_or_default());
    let snapshot = services.catalog.snapshot();
    let lacks_secret = snapshot.hook(hook.org, hook.id).is_some_and(|in_force| in_force.gate.lacks_secret());
    let attributes = HookAttributes {
        name: hook.name.clone(),
        kind: hook.kind,
        title: hook.title.clone(),
        description: hook.description.clone(),
        enabled: hook.status == Status::Enabled,
        problem: snapshot.hook(hook.org, hook.id).and_then(|in_force| in_force.problem.clone()),
        event_name: hook.event_names()[0].clone(),
        hash: hook.hash.clone(),
        url: url(&services.public_url, hook),
        mail_address: services
            .mail_domain
            .as_deref()
            .filter(|_| hook.kind == HookKind::Email)
            .map(|domain| format!("{}@{domain}", hook.hash)),
        lacks_secret,
        created_at: hook.created_at,
        updated_at: hook.updated_at,
        settings: hook::SETTING_NAMES.into_iter().map(setting).collect(),
        refusals: None,
        duplicates: None,
        challenges: None,
    };
    let relationships = HookRelationships { org: Relationship::new("org", hook.org, "/v1/org") };
    let link = format!("/v1/hooks/{}", hook.id);
    Resource::of_type(format!("{}_hook", hook.kind), hook.id, attributes, link).with(relationships)
}

fn count(view: &mut HookView, counts: &[RefusalCount]) {
    let count = |counted: &RefusalCount| CountView { count: counted.count, last_at: Some(counted.last_at) };
    let of = |word: &str| counts.iter().find(|counted| counted.reason == word).map(count).unwrap_or_default();
    let refusals = counts.iter().filter(|counted| ![DUPLICATE, CHALLENGE].contains(&counted.reason.as_str()));
    view.attributes.refusals = Some(refusals.map(|refusal| (refusal.reason.clone(), count(refusal))).collect());
    view.attributes.duplicates = Some(of(DUPLICATE));
    view.attributes.challenges = Some(of(CHALLENGE));
}

/// All hooks, newest first.
pub fn list(services: &Services, reader: &Reader) -> Vec<HookView> {
    let snapshot = services.catalog.snapshot();
    snapshot.hooks(reader.org()).rev().map(|in_force| view(services, &in_force.hook)).collect()
}

/// One hook, with its counts.
pub async fn show(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<HookView> {
    let org = reader.org();
    let mut view = match services.catalog.snapshot().hook(org, id) {
        Some(in_force) => view(services, &in_force.hook),
        None => return Err(UseCaseError::not_found("hook", id)),
    };
    // Include the counts of the last second.
    services.refusals.write(&services.store).await?;
    let counts = services.store.read(move |session| session.refusals(org, id)).await?;
    count(&mut view, &counts);
    Ok(view)
}

/// Creates a hook.
///
/// # Errors
/// [`UseCaseError::Taken`] if there is one of this kind and name.
pub async fn create(services: &Services, admin: &Admin, draft: HookDraft) -> UseCaseResult<HookView> {
    let (org, name) = (admin.org(), draft.name.clone());
    let created = services.catalog.change(move |session| create_hook(session, org, &draft));
    let taken =
        || UseCaseError::Taken { pointer: "/name".into(), detail: format!("a hook named `{name}` already exists") };
    let hook = created.await?.ok_or_else(taken)?;
    log::info!(hook = hook.name.as_str(); "hook created");
    Ok(view(services, &hook))
}

/// Changes title, description, settings, or whether it is enabled.
pub async fn change(services: &Services, admin: &Admin, id: Id, changes: HookChanges) -> UseCaseResult<HookView> {
    edit(services, admin, id, move |hook| changes.apply(hook)).await
}

/// Gives the hook a new address. The old one stops working.
pub async fn rotate(services: &Services, admin: &Admin, id: Id) -> UseCaseResult<HookView> {
    let hash = new_hash();
    edit(services, admin, id, move |hook| hook.hash = hash.clone()).await
}

/// Deletes a hook. Its transactions stay.
pub async fn delete(services: &Services, admin: &Admin, id: Id) -> UseCaseResult<()> {
    edit(services, admin, id, |hook| hook.status = Status::Deleted).await.map(drop)
}

async fn edit(
    services: &Services,
    admin: &Admin,
    id: Id,
    edit: impl Fn(&mut Hook) + Send + 'static,
) -> UseCaseResult<HookView> {
    let org = admin.org();
    let written = services.catalog.change(move |session| {
        let present = session.hook(org, id)?.filter(|hook| hook.status != Status::Deleted);
        let Some(mut hook) = present else { return Ok(None) };
        edit(&mut hook);
        // Settings depend on each other, so check all of them.
        if let Err(problems) = Settings::read(hook.kind, &hook.settings) {
            return Ok(Some(Err(problems)));
        }
        if hook.status == Status::Deleted {
            session.delete_refused_but(0, org, id)?;
            let secrets = session.secrets_of_hook(org, id)?.into_iter();
            secrets.map(|secret| secret.id).try_for_each(|id| session.delete_hook_secret(org, id).map(|_| ()))?;
        }
        hook.updated_at = session.now();
        session.update_hook(&hook)?;
        Ok(Some(Ok(hook)))
    });
    let hook = written.await?.ok_or_else(|| UseCaseError::not_found("hook", id))??;
    log::info!(hook = hook.name.as_str(); "hook changed: {}", hook.status);
    Ok(view(services, &hook))
}

/// Fails if the hook does not exist.
pub(super) fn require(services: &Services, reader: &Reader, id: Id) -> UseCaseResult<()> {
    let found = services.catalog.snapshot().hook(reader.org(), id).is_some();
    if found { Ok(()) } else { Err(UseCaseError::not_found("hook", id)) }
}

/// What the hook accepted, newest first; if a `problem` is given, only what can't be read for this reason, or for any.
pub async fn transactions(
    services: &Services,
    reader: &Reader,
    id: Id,
    problem: Option<ProblemFilter>,
    paging: Paging,
) -> UseCaseResult<Slice<transactions::TransactionView>> {
    require(services, reader, id)?;
    let org = reader.org();
    let page = paging.to_read();
    let found = services.store.read(move |session| {
        let found = match problem {
            None => session.transactions(org, id, page)?,
            Some(ProblemFilter(reason)) => session.unreadable(org, id, reason, page)?,
        };
        transactions::with_details(session, found)
    });
    let found = found.await?;
    Ok(paging.slice(found, |stored| stored.transaction.id, |stored| transactions::view(&stored)))
}
