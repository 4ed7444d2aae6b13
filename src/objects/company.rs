//! Companies, which customers work for. A customer refers to its company; a company does not list its customers.

use super::entries;
use super::shape::{Field, Type, field};

pub const SHAPE: &[Field] = &[
    field("name", Type::Text(256)).required(),
    field("externalId", Type::ExternalId),
    field("emails", Type::List(entries::email)),
    field("phones", Type::List(entries::phone)),
    field("urls", Type::List(entries::url)),
    field("domains", Type::List(entries::domain)),
    field("tags", Type::List(entries::tag)),
    field("custom", Type::Custom),
];
