//! Companies, which customers work for. A customer refers to its company; a company does not list its customers.

use super::entries::Entry;
use super::shape::{Field, Type, field};

pub const SHAPE: &[Field] = &[
    field("name", Type::Text(256)).required(),
    field("externalId", Type::ExternalId),
    field("emails", Type::List(Entry::Email)),
    field("phones", Type::List(Entry::Phone)),
    field("urls", Type::List(Entry::Url)),
    field("domains", Type::List(Entry::Domain)),
    field("tags", Type::List(Entry::Tag)),
    field("custom", Type::Custom),
];
