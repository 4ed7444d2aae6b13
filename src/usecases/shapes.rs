//! Placeholders for JSON whose schema comes from a table instead of a type; see [`crate::schema::components`].

use std::borrow::Cow;

use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema};
use utoipa::{PartialSchema, ToSchema};

macro_rules! stand_ins {
    ($($(#[$description:meta])* $name:ident)+) => {
        $(
            $(#[$description])*
            pub struct $name;

            impl PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new().into()
                }
            }

            impl ToSchema for $name {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed(stringify!($name))
                }
            }
        )+
    };
}

stand_ins! {
    /// The settings of a hook, by name.
    HookSettings
    /// The attributes of a customer except names, contacts and custom attributes.
    CustomerDetails
    /// The entity.
    Conversation
}
