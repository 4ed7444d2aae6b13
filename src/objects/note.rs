//! Notes: internal comments on a conversation or a customer. Customers don't see them.
//!
//! A note on a conversation belongs to the conversation's customer.

use serde_json::{Map, Value};

use super::Fields;
use super::entries::Entry;
use super::fields::TEXT_MAX;
use super::shape::{CONVERSATION, CUSTOMER, Field, Type, USER, field};

pub const SHAPE: &[Field] = &[
    field("conversation", CONVERSATION),
    field("customer", CUSTOMER),
    field("user", USER),
    field("externalId", Type::ExternalId),
    field("body", Type::Text(TEXT_MAX)).required(),
    field("userMentions", Type::List(Entry::Mention)),
];

/// Requires a conversation or a customer.
pub(super) fn check(values: &Map<String, Value>, fields: &mut Fields) {
    let subjects = ["conversation", "customer"];
    if subjects.iter().all(|name| !values.contains_key(*name) && fields.is_valid(name)) {
        fields.problem("/conversation", "a conversation or a customer is required");
    }
}
