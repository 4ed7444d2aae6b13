//! Signatures of requests: whether the sender knows a secret of the hook.
//!
//! A [`Scheme`] defines where a request carries its signature, which text is signed, the algorithm, and how old a
//! request may be. Vendors' schemes are rows of a table ([`presets`]); custom ones are read from JSON
//! ([`Scheme::read`]). A secret is parsed into a [`Key`] of the scheme when it is set, so that an unusable one is
//! reported then.
//!
//! The body of an [`UnverifiedRequest`] is not accessible. Only [`Scheme::verify`] and an open [`Gate`] turn it into a
//! [`VerifiedRequest`], whose body is, so no unverified body is parsed. Signatures cover what was received: the bytes
//! of the body and the header's spelling of a timestamp, never a value that was parsed and written again.
//!
//! Some senders publish their public keys. [`Gate::key_request`] names the document that a request needs, whose address
//! is the sender's own; the caller fetches it and passes its keys to [`Gate::admit`].
//!
//! [`Scheme::sign`] signs requests as senders do, to try hooks out.
//!
//! Without a key, no request passes. Signatures are compared in constant time. A [`Rejection`] names the rule that
//! failed, but never a secret or the expected signature.
//!
//! Limits: at most [`SIGNATURES_MAX`] signatures of a request are checked. Some vendors do not sign the whole request
//! (Mailgun signs a token, Adyen eight fields of each item, Google a token without the body, GitLab nothing); the rest is only as trustworthy as the
//! connection. Signatures do not prevent replays; see [`crate::hook::Deduplication`].

mod adyen;
mod algorithm;
mod builder;
mod der;
mod encoding;
mod gate;
mod jwt;
mod key;
mod parts;
mod presets;
mod public_key;
mod publisher;
mod query_hash;
mod read;
mod read_custom;
mod request;
mod scheme;
mod secret_place;
mod sign;
mod sns;
mod template;
mod tolerance;
mod urls;
mod verify;

pub use gate::Gate;
pub use key::{Key, KeyError};
pub use presets::{names, preset};
pub use publisher::{KeyClient, KeyRequest};
pub use read::{CUSTOM, GENERIC};
pub use request::{HeaderLookup, UnverifiedRequest, VerifiedRequest};
pub use scheme::Scheme;
pub use sign::{SignError, SignedRequest, UnsignedRequest};
pub use verify::{Rejection, SIGNATURES_MAX};
