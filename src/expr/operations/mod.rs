//! The operations, one table per family.
//!
//! Each is both a function and a helper; see [`super::operation`]. To add one, write a row and its function in the file
//! of its family, and an example in `docs/language.md`, which a test requires and executes.

mod checks;
mod dates;
mod digests;
mod encodings;
mod json;
mod lists;
mod logic;
mod markdown;
mod numbers;
#[cfg(test)]
mod tests;
mod text;

pub(super) use logic::truthy;

use super::operation::Operation;

static FAMILIES: [&[Operation]; 9] = [
    text::ROWS,
    numbers::ROWS,
    lists::ROWS,
    json::ROWS,
    logic::ROWS,
    dates::ROWS,
    encodings::ROWS,
    digests::ROWS,
    checks::ROWS,
];

pub(super) fn all() -> impl Iterator<Item = &'static Operation> {
    FAMILIES.iter().copied().flatten()
}

/// Finds an operation by name or alias.
pub(super) fn find(name: &str) -> Option<&'static Operation> {
    all().find(|operation| operation.name == name || operation.aliases.contains(&name))
}

/// All names, aliases included.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    all().flat_map(|operation| operation.aliases.iter().copied().chain([operation.name]))
}
