//! Outbound calls: effects as data, the HTTP client that calls external systems, and the connection to the mail server.
//!
//! The engine does no I/O. A step with an effect on the outside returns an [`Effect`], which is stored before the
//! [`Performer`] performs it; the result is an [`EffectOutcome`]. Both are plain data, and nothing outside this module
//! uses the libraries for HTTP and SMTP.
//!
//! Workflows are written by users and filled in with data from strangers, so every address is untrusted. An
//! [`AddressPolicy`] decides which ones may be called; by default only public ones. It is checked three times, because
//! each check has a gap that the next one closes: on a literal address in a URL (resolvers never see those), on each
//! address that a name resolves to (the connection uses exactly these, so a name cannot change in between), and again
//! for each redirect and each token server. Proxy variables of the environment are ignored, since a proxy would resolve
//! names on its own.
//!
//! Credentials are kept apart from the rest of a call ([`Auth`]) and never shown; [`crate::secrets::sensitive`] masks
//! those in headers, URLs and fields.
//!
//! The mail server is chosen by the operator and trusted: its address is not checked, and steps cannot choose another.
//!
//! Limits: HTTP/1.1 without compression; 5 s to connect, 60 s in all, 1 MiB per response, [`REDIRECTS_MAX`] redirects.
//! An allowed address may be called on any port except hookflow's own. The engine does the retries.

mod auth;
mod client;
mod effect;
mod fault;
mod hop;
mod mail;
mod performer;
mod policy;
mod request;
mod resolver;
mod smtp;
mod tokens;

pub use auth::{Auth, ClientAuth, KeyLocation, Oauth2, Secret};
pub use client::{Client, ClientError, TIMEOUT_MS_MAX};
pub use effect::{ATTEMPTS_MAX, Effect, EffectError, EffectFailure, EffectOutcome, FailureKind, Retry};
pub use hop::RequestPart;
pub use mail::{Attachment, Mail, RECIPIENTS_MAX, Receipt, addresses};
pub use performer::Performer;
pub use policy::{AddressPolicy, PolicyError};
pub use request::{HttpRequest, HttpResponse, REDIRECTS_MAX, ResponseFormat};
pub use smtp::{Mailer, MailerError};

/// Whether a response with this status asks for a retry.
pub fn is_retryable_status(status_code: u16) -> bool {
    matches!(status_code, 408 | 425 | 429 | 500..=599)
}
