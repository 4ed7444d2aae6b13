//! The way out: the one HTTP client through which hookflow calls external systems.
//!
//! The engine does no I/O. A step that wants to call somebody hands out an [`HttpRequest`], which is stored before
//! it is made; [`Client::perform`] makes it and turns whatever happens into an [`HttpOutcome`], which is stored too.
//! So a request and its outcome are plain data, and nothing outside this module sees the HTTP library.
//!
//! Workflows are written by users and filled in by strangers, so every address is suspect. An [`AddressPolicy`] says
//! which may be called; by default only public ones. It is asked three times, because each question has a gap that
//! the next one closes: about the literal address in a URL (resolvers never see those), about each address that a
//! name resolves to (and exactly those are dialled, so that a name cannot change its mind in between), and redirects
//! are returned to the workflow instead of followed. Proxy variables of the environment are ignored, since a proxy
//! would resolve names on its own.
//!
//! Limits: HTTP/1.1 without compression; 5 s to connect, 60 s in all, 1 MiB of answer. An allowed address may be
//! called on any port. An engine that listens on a public address can call itself. Retries are the engine's business.

mod client;
mod policy;
mod request;
mod resolver;

pub use client::{Client, ClientError, TIMEOUT_MS_MAX};
pub use policy::{AddressPolicy, PolicyError};
pub use request::{FailureKind, HttpAnswer, HttpFailure, HttpOutcome, HttpRequest};
