//! Signatures of received requests: whether one comes from who knows a secret of the hook.
//!
//! A [`Scheme`] says where a request carries its signature, what text was signed, with what algorithm, and how old it may
//! be. Those of the vendors are rows of a table ([`presets`]); a user's own is read from JSON ([`Scheme::read`]). A secret
//! becomes a [`Key`] of the scheme before any request comes in, so that one that can't be used is told when it is set.
//!
//! What was received ([`UnverifiedRequest`]) has a body that can't be read. [`Scheme::verify`] turns it into [`VerifiedRequest`], which
//! can; besides, only an open [`Gate`] does, so nobody parses what was not verified. Signed is what was received: the bytes of the body, the
//! header's own spelling of a timestamp, never anything parsed and written again.
//!
//! [`Scheme::sign`] does what senders do, to try hooks out.
//!
//! Without a key nothing passes. Signatures are compared in constant time. A [`Rejection`] names the rule that failed,
//! and neither a secret nor the signature that was expected.
//!
//! Limits: [`SIGNATURES_MAX`] signatures of a request are looked at. Some vendors sign less than the whole request
//! (Mailgun a token, Adyen eight fields of each item, GitLab nothing); the rest of such a request is only as good as the
//! connection. Nothing here remembers what it has seen: repetitions are for whoever tells duplicates.

mod algorithm;
mod clock;
mod encoding;
mod gate;
mod parts;
mod presets;
mod read;
mod received;
mod scheme;
mod sign;
mod template;
mod verify;

pub use algorithm::{Key, KeyError};
pub use gate::Gate;
pub use presets::{names, preset};
pub use read::{GENERIC, HEADER};
pub use received::{UnverifiedRequest, VerifiedRequest};
pub use scheme::Scheme;
pub use sign::{SignError, SignedRequest, UnsignedRequest};
pub use verify::{Rejection, SIGNATURES_MAX};
