//! The way out: effects as data, the one HTTP client through which hookflow calls external systems, and the way to the mail
//! server.
//!
//! The engine does no I/O. A step that wants to do something outside hands out an [`Effect`], which is stored before
//! it is performed by the [`Performer`]; whatever happens becomes an [`Outcome`]. So both are plain data, and nothing outside
//! this module sees the libraries for HTTP and SMTP.
//!
//! Workflows are written by users and filled in by strangers, so every address is suspect. An [`AddressPolicy`] says
//! which may be called; by default only public ones. It is asked three times, because each question has a gap that
//! the next one closes: about the literal address in a URL (resolvers never see those), about each address that a
//! name resolves to (and exactly those are dialled, so that a name cannot change its mind in between), and again for each
//! redirect and for the server that hands out a token. Proxy variables of the environment are ignored, since a proxy
//! would resolve names on its own.
//!
//! Credentials of a call are kept apart from the rest of it ([`Auth`]) and never shown; what else carries some is told by
//! [`crate::secrets::sensitive`].
//!
//! The mail server is the operator's, and trusted: its address is not judged, and steps can't name another.
//!
//! Limits: HTTP/1.1 without compression; 5 s to connect, 60 s in all, 1 MiB of answer, [`REDIRECTS_MAX`] redirects. An
//! allowed address may be called on any port but hookflow's own. Retries are the engine's business.

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

pub use auth::{Auth, ClientAuth, KeyPlace, Oauth2, Secret};
pub use client::{Client, ClientError, TIMEOUT_MS_MAX};
pub use effect::{ATTEMPTS_MAX, Effect, Failure, FailureKind, Outcome, Retry, Unusable};
pub use mail::{Attachment, Mail, RECIPIENTS_MAX, Receipt, addresses};
pub use performer::Performer;
pub use policy::{AddressPolicy, PolicyError};
pub use request::{HttpAnswer, HttpRequest, REDIRECTS_MAX, Reading};
pub use smtp::{Mailer, MailerError};

/// Whether an answer of this status asks for the call to be made again later.
pub fn asks_for_retry(status_code: u16) -> bool {
    matches!(status_code, 408 | 425 | 429 | 500..=599)
}
