//! Secrets: encryption of stored values, and redaction of credentials in headers, parameters and URLs.

pub mod sensitive;
pub mod vault;
