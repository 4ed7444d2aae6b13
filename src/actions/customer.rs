//! `customer.*`: looking customers up and making them.

use serde_json::Value;

use super::{Action, Call, Failure, Outcome};
use crate::changes::{Refusal, create_customer};
use crate::objects::customer::{Profile, email_key};
use crate::store::StoreResult;
use crate::workflow::{ActionSpec, OutputSpec, ParamKind, ParamSpec, output};

/// A customer. Texts that have no value are null; what is below `phones` is absent then.
const OUTPUT: &[OutputSpec] = &[
    output("id", ParamKind::Text, "The customer's id."),
    output("name", ParamKind::Text, "The customer's name."),
    output("externalId", ParamKind::Text, "Its id in another system."),
    output("emails", ParamKind::List, "Objects with `email`, `type` and `verified`."),
    output("phones", ParamKind::List, "Objects with `phone`, `type` and `verified`."),
    output("company", ParamKind::Text, "The id of its company."),
    output("username", ParamKind::Text, "Its name as a user of something."),
    output("urls", ParamKind::List, "Objects with `url` and `type`."),
    output("locations", ParamKind::List, "Objects."),
    output("locale", ParamKind::Text, "Its language and country."),
    output("timeZone", ParamKind::Text, "Its time zone."),
    output("birthdayAt", ParamKind::Text, "A date and time."),
    output("gender", ParamKind::Text, "Its gender."),
    output("tags", ParamKind::List, "Texts."),
    output("custom", ParamKind::Object, "Custom attributes."),
    output("createdAt", ParamKind::Text, "When it was created."),
    output("updatedAt", ParamKind::Text, "When it was last changed."),
    output("rev", ParamKind::Number, "How often it was written."),
];

/// Outputs the customer, or null if there is none: test `/#steps.<id>.id` with `exists` or `dne`.
pub const FIND_BY_EMAIL: Action = Action {
    spec: ActionSpec {
        name: "customer.find-by-email",
        summary: "Looks a customer up by e-mail address, ignoring case; outputs null if there is none.",
        params: &[ParamSpec {
            name: "email",
            kind: ParamKind::Text,
            required: true,
            summary: "The address to look for.",
        }],
        output: OUTPUT,
    },
    run: find_by_email,
};

/// Outputs the customer. An address that a customer has already is not an error: between looking and creating, another
/// run may have created it, so this run goes on with that customer, and the entry says so.
pub const CREATE: Action = Action {
    spec: ActionSpec {
        name: "customer.create",
        summary: "Creates a customer; if one with the same e-mail address exists already, outputs that one.",
        params: &[
            ParamSpec { name: "name", kind: ParamKind::Text, required: false, summary: "The customer's name." },
            ParamSpec { name: "email", kind: ParamKind::Text, required: false, summary: "One e-mail address." },
            ParamSpec {
                name: "emails",
                kind: ParamKind::List,
                required: false,
                summary: "Addresses: texts, or objects with `email`, `type` (home, work, other) and `verified`.",
            },
            ParamSpec { name: "phone", kind: ParamKind::Text, required: false, summary: "One phone number." },
            ParamSpec {
                name: "phones",
                kind: ParamKind::List,
                required: false,
                summary: "Numbers: texts, or objects with `phone`, `type` (mobile, home, work, fax, other) and `verified`.",
            },
            ParamSpec {
                name: "externalId",
                kind: ParamKind::Text,
                required: false,
                summary: "The customer's id in another system; unique.",
            },
            ParamSpec {
                name: "custom",
                kind: ParamKind::Object,
                required: false,
                summary: "Custom attributes, typed by the suffix of their names.",
            },
        ],
        output: OUTPUT,
    },
    run: create,
};

fn find_by_email(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let key = email_key(call.text("email"));
    let found = call.session.customer_by_email(call.org, &key)?;
    if found.is_none() {
        call.note("/email", "no customer has this e-mail address");
    }
    Ok(Outcome::Output(found.map_or(Value::Null, |customer| customer.flattened())))
}

fn create(call: &mut Call<'_>) -> StoreResult<Outcome> {
    let profile = match Profile::read(Value::Object(std::mem::take(&mut call.params))) {
        Ok(profile) => profile,
        Err(problems) => return Ok(Outcome::Failed(Failure::invalid(problems))),
    };
    let taken = match create_customer(&mut call.editor(), profile)? {
        Ok(customer) => return Ok(Outcome::Output(customer.flattened())),
        Err(Refusal::Invalid(problems)) => return Ok(Outcome::Failed(Failure::invalid(problems))),
        Err(Refusal::Taken(taken)) => taken,
    };
    let owner = match taken.pointer.starts_with("/emails") {
        true => call.session.customer(call.org, taken.by)?,
        false => None,
    };
    match owner {
        Some(owner) => {
            call.note(&taken.pointer, "a customer with this e-mail address exists already; going on with that one");
            Ok(Outcome::Output(owner.flattened()))
        }
        None => {
            let message = format!("{}: customer {} has this already", taken.pointer, taken.by);
            Ok(Outcome::Failed(Failure::new("taken", message)))
        }
    }
}
