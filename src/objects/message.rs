//! Messages of a conversation, from the customer (`in`) or to the customer (`out`), over a channel.
//!
//! A message belongs to the customer of its conversation. Storing a message does not send it.

use super::fields::TEXT_MAX;
use super::shape::{CONVERSATION, CUSTOMER, Field, Type, field};

pub const SHAPE: &[Field] = &[
    field("conversation", CONVERSATION).required(),
    field("customer", CUSTOMER),
    field("externalId", Type::ExternalId),
    field("channel", Type::Text(64)),
    field("app", Type::Text(64)),
    field("direction", Type::Enum(&["in", "out"])),
    field("subject", Type::Text(1_024)),
    field("preview", Type::Text(TEXT_MAX)),
    field("body", Type::Text(TEXT_MAX)),
    field("sentAt", Type::Moment),
    field("meta", Type::Object),
];
