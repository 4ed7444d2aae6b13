//! The objects of a dry run: creates those that exist at the start, and lists those that exist at the end.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::DryRunError;
use crate::base::id::Id;
use crate::changes::{self, ChangeError, Editor};
use crate::events::{Cause, InForce};
use crate::objects::EntityKind;
use crate::objects::customer::{Profile, email_key};
use crate::objects::entity::EntityContent;
use crate::objects::kobject::KObjectContent;
use crate::store::{Of, Page, Session, StoreResult};

/// Objects that exist at the start, in the form in which they would be posted. Others can refer to a customer by e-mail
/// address or external id, and to a conversation by external id.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Given {
    pub companies: Vec<Value>,
    pub customers: Vec<Value>,
    pub users: Vec<Value>,
    pub conversations: Vec<Value>,
    pub messages: Vec<Value>,
    pub notes: Vec<Value>,
    /// By klass.
    pub kobjects: Map<String, Value>,
}

/// All objects, oldest first, each as a step outputs it: `{"customers": […], "kobjects": {"order": […]}, …}`.
pub type Objects = Map<String, Value>;

const ALL: Page = Page { after: None, size: 10_000 };

/// The kinds of entities with the names of their lists, in the order of creation.
const ENTITIES: [(EntityKind, &str); 5] = [
    (EntityKind::Company, "companies"),
    (EntityKind::User, "users"),
    (EntityKind::Conversation, "conversations"),
    (EntityKind::Message, "messages"),
    (EntityKind::Note, "notes"),
];

impl Given {
    /// Appends more objects.
    pub fn and(mut self, more: Given) -> Given {
        self.companies.extend(more.companies);
        self.customers.extend(more.customers);
        self.users.extend(more.users);
        self.conversations.extend(more.conversations);
        self.messages.extend(more.messages);
        self.notes.extend(more.notes);
        for (klass, list) in more.kobjects {
            match (self.kobjects.get_mut(&klass), list) {
                (Some(Value::Array(present)), Value::Array(list)) => present.extend(list),
                (_, list) => drop(self.kobjects.insert(klass, list)),
            }
        }
        self
    }

    fn entities(&self, kind: EntityKind) -> &[Value] {
        match kind {
            EntityKind::Company => &self.companies,
            EntityKind::User => &self.users,
            EntityKind::Conversation => &self.conversations,
            EntityKind::Message => &self.messages,
            EntityKind::Note => &self.notes,
        }
    }
}

/// Creates the objects, without starting workflows.
pub(super) fn put(session: &mut dyn Session, org: Id, given: &Given) -> Result<(), DryRunError> {
    let mut events = Vec::new();
    let in_force = InForce::default();
    let mut editor = Editor { session, org, in_force: &in_force, cause: Cause::Outside, events: &mut events };
    // Customers can refer to companies, the others to customers.
    let (before, after) = ENTITIES.split_at(2);
    for (kind, name) in before {
        put_entities(&mut editor, *kind, name, given)?;
    }
    for (index, value) in given.customers.iter().enumerate() {
        let base = format!("/given/customers/{index}");
        let profile = Profile::read(value.clone()).map_err(|problems| DryRunError::below(&base, problems))?;
        changes::create_customer(&mut editor, profile)?.map_err(|refusal| refused(&base, refusal))?;
    }
    for (kind, name) in after {
        put_entities(&mut editor, *kind, name, given)?;
    }
    for (klass_name, list) in &given.kobjects {
        let base = format!("/given/kobjects/{klass_name}");
        let klass = editor.session.klass(org, klass_name)?;
        let klass = klass.ok_or_else(|| DryRunError::script(&base, format!("unknown klass `{klass_name}`")))?;
        let list = list.as_array().ok_or_else(|| DryRunError::script(&base, "expected a list of kobjects"))?;
        for (index, value) in list.iter().enumerate() {
            let base = format!("{base}/{index}");
            let mut value = resolve(&mut editor, value, &base)?;
            let customer = value.as_object_mut().and_then(|fields| fields.shift_remove("customer"));
            let customer = customer.and_then(|id| id.as_str().and_then(|id| id.parse().ok()));
            let content =
                KObjectContent::read(&klass, value).map_err(|problems| DryRunError::below(&base, problems))?;
            let made = changes::create_kobject(&mut editor, &klass, customer, content)?;
            made.map_err(|refusal| refused(&base, refusal))?;
        }
    }
    Ok(())
}

fn put_entities(editor: &mut Editor<'_>, kind: EntityKind, name: &str, given: &Given) -> Result<(), DryRunError> {
    for (index, value) in given.entities(kind).iter().enumerate() {
        let base = format!("/given/{name}/{index}");
        let value = resolve(editor, value, &base)?;
        let content = EntityContent::read(kind, value).map_err(|problems| DryRunError::below(&base, problems))?;
        changes::create_entity(editor, content)?.map_err(|refusal| refused(&base, refusal))?;
    }
    Ok(())
}

/// Replaces a customer's e-mail address or external id, and a conversation's external id, by the object's id.
fn resolve(editor: &mut Editor<'_>, value: &Value, base: &str) -> Result<Value, DryRunError> {
    let mut value = value.clone();
    let named = |value: &Value, name: &str| {
        let text = value.get(name).and_then(Value::as_str);
        text.filter(|text| text.parse::<Id>().is_err()).map(str::to_owned)
    };
    if let Some(customer) = named(&value, "customer") {
        let by_email = editor.session.customer_by_email(editor.org, &email_key(&customer))?;
        let found = match by_email {
            Some(found) => Some(found),
            None => editor.session.customer_by_external_id(editor.org, &customer)?,
        };
        let missing = || DryRunError::script(&format!("{base}/customer"), format!("unknown customer `{customer}`"));
        value["customer"] = found.ok_or_else(missing)?.id.to_string().into();
    }
    if let Some(conversation) = named(&value, "conversation") {
        let found = editor.session.entity_by_external_id(editor.org, EntityKind::Conversation, &conversation)?;
        let message = format!("unknown conversation `{conversation}`");
        let found = found.ok_or_else(|| DryRunError::script(&format!("{base}/conversation"), message))?;
        value["conversation"] = found.id.to_string().into();
    }
    Ok(value)
}

fn refused(base: &str, refusal: ChangeError) -> DryRunError {
    match refusal {
        ChangeError::Invalid(problems) => DryRunError::below(base, problems),
        ChangeError::Taken(taken) => {
            DryRunError::script(&format!("{base}{}", taken.pointer), "already used by another object")
        }
    }
}

/// Lists all objects.
pub(super) fn list(session: &mut dyn Session, org: Id) -> StoreResult<Objects> {
    let mut objects = Objects::new();
    let oldest_first = |values: Vec<Value>| Value::Array(values.into_iter().rev().collect());
    let customers = session.customers(org, ALL)?;
    objects.insert("customers".into(), oldest_first(customers.into_iter().map(|each| each.flattened()).collect()));
    let mut kobjects: Map<String, Value> = Map::new();
    for klass in session.klasses(org)? {
        let found = session.kobjects(org, Some(&klass.name), None, ALL)?;
        kobjects.insert(klass.name, oldest_first(found.into_iter().map(|each| each.flattened()).collect()));
    }
    objects.insert("kobjects".into(), Value::Object(kobjects));
    for (kind, name) in ENTITIES {
        let found = session.entities(org, kind, Of::Org, ALL)?;
        objects.insert(name.into(), oldest_first(found.into_iter().map(|each| each.flattened()).collect()));
    }
    Ok(objects)
}
