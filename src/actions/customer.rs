//! `customer.*`: finding, creating, changing and merging customers.

use serde_json::{Map, Value, json};

use super::object::{ActionError, ActionResult, outcome, refused};
use super::{Action, Call};
use crate::base::id::Id;
use crate::changes::{ChangeError, change_customer, create_customer, merge_customers};
use crate::objects::customer::{Profile, email_key};
use crate::objects::{Customer, Problem};
use crate::store::{Session, StoreResult};
use crate::workflow::ParamKind::{Boolean, List, Number, Object, Text};
use crate::workflow::{ActionSpec, OutputSpec, output, param};

/// A customer. Fields without a value are null; those between `phones` and `custom` are absent instead.
const CUSTOMER: &[OutputSpec] = &[
    output("id", Text, "The customer's id."),
    output("name", Text, "The customer's name."),
    output("externalId", Text, "The customer's id in another system."),
    output("emails", List, "Objects with `email`, `type` and `verified`."),
    output("phones", List, "Objects with `phone`, `type` and `verified`."),
    output("company", Text, "The id of the customer's company."),
    output("username", Text, "The customer's user name."),
    output("urls", List, "Objects with `url` and `type`."),
    output("locations", List, "Objects with any attributes."),
    output("locale", Text, "Language and country."),
    output("timeZone", Text, "The customer's time zone."),
    output("birthdayAt", Text, "A date and time."),
    output("gender", Text, "The customer's gender."),
    output("tags", List, "Strings."),
    output("custom", Object, "Custom attributes."),
    output("createdAt", Text, "When it was created."),
    output("updatedAt", Text, "When it was last changed."),
    output("rev", Number, "Revision: how often it was written."),
];

/// The params of a customer's attributes, after the action's own params.
macro_rules! profile {
    ($($own:expr),*) => {
        &[
            $($own,)*
            param("name", Text, "The customer's name."),
            param("email", Text, "One e-mail address."),
            param("emails", List, "Addresses: strings, or objects with `email`, `type` (home, work, other) and `verified`."),
            param("phone", Text, "One phone number."),
            param("phones", List, "Numbers: strings, or objects with `phone`, `type` (mobile, home, work, fax, other) and `verified`."),
            param("externalId", Text, "The customer's id in another system; unique."),
            param("company", Text, "The id of the customer's company."),
            param("username", Text, "The customer's user name."),
            param("urls", List, "Strings, or objects with `url` and `type`."),
            param("locations", List, "Objects with any attributes."),
            param("locale", Text, "Language and country."),
            param("timeZone", Text, "The customer's time zone."),
            param("birthdayAt", Text, "An ISO 8601 date or date-time."),
            param("gender", Text, "The customer's gender."),
            param("tags", List, "Strings."),
            param("custom", Object, "Custom attributes, typed by the suffix of their names."),
        ]
    };
}

pub const FIND: Action = Action {
    spec: ActionSpec {
        name: "customer.find",
        summary: "Finds a customer by id, e-mail address, external id or phone number; outputs an empty object if there is none.",
        params: &[param("identifier", Text, "An id, an e-mail address, an external id or a phone number.").required()],
        output: CUSTOMER,
    },
    run: |call| outcome(look_up(call, "identifier", find_any)),
};

pub const FIND_BY_EMAIL: Action = Action {
    spec: ActionSpec {
        name: "customer.find-by-email",
        summary: "Finds a customer by e-mail address, ignoring case; outputs an empty object if there is none.",
        params: &[param("email", Text, "The address to look for.").required()],
        output: CUSTOMER,
    },
    run: |call| {
        outcome(look_up(call, "email", |session, org, email| session.customer_by_email(org, &email_key(email))))
    },
};

pub const FIND_BY_PHONE: Action = Action {
    spec: ActionSpec {
        name: "customer.find-by-phone",
        summary: "Finds a customer by phone number, however it is written; outputs an empty object if there is none.",
        params: &[param("phone", Text, "The number to look for.").required()],
        output: CUSTOMER,
    },
    run: |call| outcome(look_up(call, "phone", |session, org, phone| session.customer_by_phone(org, phone))),
};

pub const FIND_BY_EXTERNAL_ID: Action = Action {
    spec: ActionSpec {
        name: "customer.find-by-external-id",
        summary: "Finds a customer by its id in another system; outputs an empty object if there is none.",
        params: &[param("externalId", Text, "The external id to look for.").required()],
        output: CUSTOMER,
    },
    run: |call| outcome(look_up(call, "externalId", |session, org, id| session.customer_by_external_id(org, id))),
};

/// An address that belongs to an existing customer is not an error: another run may have created it between a lookup
/// and this step. The run continues with that customer, and the entry says so.
pub const CREATE: Action = Action {
    spec: ActionSpec {
        name: "customer.create",
        summary: "Creates a customer; if one with the same e-mail address exists, outputs that one.",
        params: profile!(),
        output: CUSTOMER,
    },
    run: |call| outcome(create(call)),
};

pub const UPDATE: Action = Action {
    spec: ActionSpec {
        name: "customer.update",
        summary: "Changes the given fields of a customer; null clears a field, and custom attributes are merged one by one.",
        params: profile!(param("id", Text, "The customer's id.").required()),
        output: CUSTOMER,
    },
    run: |call| {
        outcome(customer(call, "id").and_then(|before| {
            let changes = call.take_params();
            change(call, before, changes)
        }))
    },
};

pub const MERGE: Action = Action {
    spec: ActionSpec {
        name: "customer.merge",
        summary: "Merges two customers: `id` stays and takes over what `source` adds; `source` is deleted.",
        params: &[
            param("id", Text, "The id of the customer that stays.").required(),
            param("source", Text, "The id of the customer that is merged into it.").required(),
        ],
        output: CUSTOMER,
    },
    run: |call| outcome(merge(call)),
};

pub const APPEND_EMAIL: Action = Action {
    spec: ActionSpec {
        name: "customer.append-email",
        summary: "Adds an e-mail address to a customer, unless it is there already.",
        params: &[
            param("id", Text, "The customer's id.").required(),
            param("email", Text, "The address to add.").required(),
            param("type", Text, "home, work or other."),
            param("verified", Boolean, "Whether it is verified to be the customer's."),
        ],
        output: CUSTOMER,
    },
    run: |call| outcome(append(call, "email")),
};

pub const APPEND_PHONE: Action = Action {
    spec: ActionSpec {
        name: "customer.append-phone",
        summary: "Adds a phone number to a customer, unless it is there already.",
        params: &[
            param("id", Text, "The customer's id.").required(),
            param("phone", Text, "The number to add.").required(),
            param("type", Text, "mobile, home, work, fax or other."),
            param("verified", Boolean, "Whether it is verified to be the customer's."),
        ],
        output: CUSTOMER,
    },
    run: |call| outcome(append(call, "phone")),
};

/// The actions that look up a customer by an address, each with its param.
pub const BY_EMAIL: [(&str, &str); 3] =
    [(FIND.spec.name, "identifier"), (FIND_BY_EMAIL.spec.name, "email"), (CREATE.spec.name, "email")];

/// The problems of a customer with these params.
pub fn check(mut params: Map<String, Value>) -> Vec<Problem> {
    params.shift_remove("id");
    Profile::read(Value::Object(params)).err().unwrap_or_default()
}

fn look_up(
    call: &mut Call<'_>,
    name: &str,
    find: impl FnOnce(&mut dyn Session, Id, &str) -> StoreResult<Option<Customer>>,
) -> ActionResult {
    let key = call.params.get(name).and_then(Value::as_str).unwrap_or_default();
    let found = find(call.session, call.org, key)?;
    Ok(call.found(name, "customer", found.map(Customer::flattened)))
}

/// An identifier that can only be an id or an address is tried as such first.
fn find_any(session: &mut dyn Session, org: Id, identifier: &str) -> StoreResult<Option<Customer>> {
    let identifier = identifier.trim();
    let mut found = match identifier.parse() {
        Ok(id) => session.customer(org, id)?,
        Err(_) => session.customer_by_email(org, &email_key(identifier))?,
    };
    if found.is_none() {
        found = session.customer_by_external_id(org, identifier)?;
    }
    let is_phone = identifier.chars().all(|each| each.is_ascii_digit() || " +-./()".contains(each));
    if found.is_none() && is_phone && identifier.contains(|each: char| each.is_ascii_digit()) {
        found = session.customer_by_phone(org, identifier)?;
    }
    Ok(found)
}

fn customer(call: &mut Call<'_>, name: &str) -> Result<Customer, ActionError> {
    call.require(name, "customer", |call, id| call.session.customer(call.org, id))
}

/// A customer is found again by one of these.
const IDENTITIES: [&str; 5] = ["email", "emails", "phone", "phones", "externalId"];

/// A step that names an identity means a certain customer. If none has a value, the customer would be an anonymous one,
/// and each further run would make another.
fn check_identity(call: &Call<'_>) -> Result<(), Problem> {
    let is_empty = |value: &Value| value.is_null() || value == "" || value.as_array().is_some_and(Vec::is_empty);
    if IDENTITIES.iter().any(|name| call.params.get(*name).is_some_and(|value| !is_empty(value))) {
        return Ok(());
    }
    let noted = |name: &str| call.notes.iter().find(|note| note.pointer.split('/').nth(1) == Some(name));
    for name in IDENTITIES {
        let reason = noted(name).map(|note| note.message.as_str());
        if let Some(reason) = reason.or(call.params.contains_key(name).then_some("it is empty")) {
            let message = format!("the customer has neither an address nor an external id: {reason}");
            return Err(Problem::new(format!("/{name}"), message));
        }
    }
    Ok(())
}

fn create(call: &mut Call<'_>) -> ActionResult {
    check_identity(call)?;
    let profile = Profile::read(call.take_params())?;
    let refusal = match create_customer(&mut call.editor(), profile)? {
        Ok(customer) => return Ok(customer.flattened()),
        Err(refusal) => refusal,
    };
    if let ChangeError::Taken(taken) = &refusal
        && taken.pointer.starts_with("/emails")
        && let Some(owner) = call.session.customer(call.org, taken.by)?
    {
        call.note(&taken.pointer, "a customer with this e-mail address already exists; using it");
        return Ok(owner.flattened());
    }
    Err(refused("customer")(refusal).into())
}

fn change(call: &mut Call<'_>, before: Customer, changes: Value) -> ActionResult {
    let changed = change_customer(&mut call.editor(), before, changes)?;
    Ok(changed.map_err(refused("customer"))?.flattened())
}

fn merge(call: &mut Call<'_>) -> ActionResult {
    let (target, source) = (customer(call, "id")?, customer(call, "source")?);
    let merged = merge_customers(&mut call.editor(), &target, &source)?;
    Ok(merged.map_err(refused("customer"))?.flattened())
}

fn append(call: &mut Call<'_>, name: &'static str) -> ActionResult {
    let before = customer(call, "id")?;
    let contact: Map<String, Value> = std::mem::take(&mut call.params);
    change(call, before, json!({ name: contact }))
}
