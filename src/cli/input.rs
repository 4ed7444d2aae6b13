//! Secrets that commands are given: from standard input or a file, never as an argument, which others on the machine can see.

use std::io::{IsTerminal, Read};
use std::path::Path;

/// The value can't be read.
#[derive(Debug, thiserror::Error)]
#[error("the value can't be read")]
pub struct InputError(#[from] std::io::Error);

/// Reads a secret from a file or, without one, from standard input: one line from a terminal, everything from elsewhere. A
/// line break at the end is left out.
///
/// # Errors
/// If it can't be read.
pub fn secret(what: &str, file: Option<&Path>) -> Result<String, InputError> {
    let mut value = match file {
        Some(path) => std::fs::read_to_string(path)?,
        None => typed(what)?,
    };
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    Ok(value)
}

fn typed(what: &str) -> std::io::Result<String> {
    let mut value = String::new();
    if std::io::stdin().is_terminal() {
        eprint!("{what}: ");
        std::io::stdin().read_line(&mut value)?;
    } else {
        std::io::stdin().read_to_string(&mut value)?;
    }
    Ok(value)
}
