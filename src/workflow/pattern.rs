//! Regular expressions in params, compiled with limits and clear error messages.

use regex::{Regex, RegexBuilder};

/// The longest expression, in bytes.
const PATTERN_BYTES_MAX: usize = 4 * 1024;
/// The largest compiled size, in bytes: `(a{1000}){1000}` is short, but compiles to a lot.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// Compiles a regular expression.
///
/// # Errors
/// What is wrong with it.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("the expression is longer than {PATTERN_BYTES_MAX} bytes, the limit"));
    }
    let compiled = RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            "the expression is too large once its repetitions are expanded; use smaller counts".to_owned()
        }
        // The error has several lines; the last one gives the reason.
        error => {
            let text = error.to_string();
            let reason = text.lines().last().unwrap_or_default();
            format!("not a regular expression: {}", reason.trim_start_matches("error: "))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unsupported_syntax_is_reported() {
        assert!(compile(r"^(?<year>\d{4})-(?i:ü)$").is_ok());
        for (pattern, message) in [
            ("a(?=b)", "not a regular expression: look-around, including look-ahead and look-behind, is not supported"),
            (
                "(?<!a)b",
                "not a regular expression: look-around, including look-ahead and look-behind, is not supported",
            ),
            (r"(a)\1", "not a regular expression: backreferences are not supported"),
            ("a(b", "not a regular expression: unclosed group"),
            (
                "((a{100}){100}){100}",
                "the expression is too large once its repetitions are expanded; use smaller counts",
            ),
        ] {
            assert_eq!(compile(pattern).unwrap_err(), message);
        }
        assert!(compile(&"a".repeat(PATTERN_BYTES_MAX + 1)).unwrap_err().contains("the limit"));
    }
}
