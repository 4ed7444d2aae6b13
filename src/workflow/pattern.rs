//! Regular expressions in params: compiled with limits, with messages for people.

use regex::{Regex, RegexBuilder};

/// The longest expression, in bytes.
const PATTERN_BYTES_MAX: usize = 4 * 1024;
/// How large an expression may be once it is compiled, in bytes: `(a{1000}){1000}` is short.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// Compiles a regular expression.
///
/// # Errors
/// What is wrong with it.
pub fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(format!("the expression is longer than {PATTERN_BYTES_MAX} bytes, which is the limit"));
    }
    let compiled = RegexBuilder::new(pattern).size_limit(COMPILED_BYTES_MAX).build();
    compiled.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            "the expression is too large once its repetitions are written out; use smaller ones".to_owned()
        }
        // Several lines, of which the last says what is wrong.
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
    fn what_is_not_supported_is_said() {
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
                "the expression is too large once its repetitions are written out; use smaller ones",
            ),
        ] {
            assert_eq!(compile(pattern).unwrap_err(), message);
        }
        assert!(compile(&"a".repeat(PATTERN_BYTES_MAX + 1)).unwrap_err().contains("which is the limit"));
    }
}
