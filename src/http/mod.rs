//! The shapes of HTTP answers: resources, pages, and errors with one table of codes.

pub mod document;
pub mod errors;
