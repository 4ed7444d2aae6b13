//! Reads secrets from standard input or a file, never from arguments, which other users can see.

use std::io::{IsTerminal, Read};
use std::path::Path;

/// The value cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the value cannot be read")]
pub struct InputError(#[from] std::io::Error);

/// Reads a secret from a file, or else from standard input: one line from a terminal, otherwise everything. A trailing
/// line break is removed.
///
/// # Errors
/// If it cannot be read.
pub fn secret(what: &str, file: Option<&Path>) -> Result<String, InputError> {
    let mut value = match file {
        Some(path) => std::fs::read_to_string(path)?,
        None => read_stdin(what)?,
    };
    if value.ends_with('\n') {
        value.pop();
        if value.ends_with('\r') {
            value.pop();
        }
    }
    Ok(value)
}

fn read_stdin(what: &str) -> std::io::Result<String> {
    let mut value = String::new();
    if std::io::stdin().is_terminal() {
        eprint!("{what}: ");
        std::io::stdin().read_line(&mut value)?;
    } else {
        std::io::stdin().read_to_string(&mut value)?;
    }
    Ok(value)
}
