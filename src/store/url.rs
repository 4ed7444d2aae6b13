//! Database URLs. Invalid URLs are errors, so that a typo never creates an empty database.

use std::ffi::OsStr;
use std::fmt;
use std::str::FromStr;

use clap::builder::{StringValueParser, TypedValueParser, ValueParserFactory};

use super::postgres::url::{PostgresUrl, PostgresUrlError};
use crate::objects::nearest;

/// Which database to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`
    Sqlite(String),
    /// `postgres://USER@HOST/DATABASE`
    Postgres(Box<PostgresUrl>),
}

/// Why a database URL is invalid.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DatabaseUrlError {
    #[error("`{0}` has no scheme; for a file of that name, write `sqlite:{0}`")]
    NoScheme(String),
    #[error(
        "unknown scheme `{scheme}:`{}; write `sqlite:PATH` or \
         `postgres://USER@HOST/DATABASE`",
        suggestion(.scheme)
    )]
    UnknownScheme { scheme: String },
    #[error("`sqlite:` must be followed by the path of a file, as in `sqlite:hookflow.db`")]
    NoPath,
    #[error("`{0}` would lose all data when the process ends; use a file")]
    InMemory(String),
    #[error("`{0}` must be a plain path, which can't begin with `file:` or contain a `?`")]
    NotAPath(String),
    #[error(transparent)]
    Postgres(#[from] PostgresUrlError),
}

fn suggestion(scheme: &str) -> String {
    nearest(scheme, ["sqlite", "postgres", "postgresql"])
        .map(|near| format!("; did you mean `{near}:`?"))
        .unwrap_or_default()
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
        if PostgresUrl::is_one(text) {
            return Ok(DatabaseUrl::Postgres(Box::new(text.parse()?)));
        }
        let Some((scheme, rest)) = text.split_once(':') else { return Err(DatabaseUrlError::NoScheme(text.into())) };
        if scheme != "sqlite" {
            return Err(DatabaseUrlError::UnknownScheme { scheme: scheme.into() });
        }
        let path = rest.strip_prefix("//").unwrap_or(rest);
        match path {
            "" => Err(DatabaseUrlError::NoPath),
            ":memory:" => Err(DatabaseUrlError::InMemory(path.into())),
            path if path.starts_with("file:") || path.contains('?') => Err(DatabaseUrlError::NotAPath(path.into())),
            path => Ok(DatabaseUrl::Sqlite(path.into())),
        }
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DatabaseUrl::Sqlite(path) => write!(formatter, "sqlite:{path}"),
            DatabaseUrl::Postgres(url) => url.fmt(formatter),
        }
    }
}

/// Parses the flag or its variable. clap shows invalid values, and this one may contain a password.
#[derive(Clone)]
pub struct DatabaseUrlParser;

impl ValueParserFactory for DatabaseUrl {
    type Parser = DatabaseUrlParser;

    fn value_parser() -> DatabaseUrlParser {
        DatabaseUrlParser
    }
}

impl TypedValueParser for DatabaseUrlParser {
    type Value = DatabaseUrl;

    fn parse_ref(
        &self,
        command: &clap::Command,
        argument: Option<&clap::Arg>,
        value: &OsStr,
    ) -> Result<DatabaseUrl, clap::Error> {
        let text = StringValueParser::new().parse_ref(command, argument, value)?;
        let parsed = text.parse();
        // With a function as the parser, clap writes its usual message, here about the masked value.
        (move |_: &str| parsed.clone()).parse_ref(command, argument, OsStr::new(&shown(&text)))
    }
}

/// An invalid URL for messages: without everything after the scheme, if it may contain a password.
fn shown(text: &str) -> String {
    match text.split_once(':') {
        Some((scheme, rest)) if scheme != "sqlite" && (PostgresUrl::is_one(text) || rest.contains(['/', '@'])) => {
            format!("{scheme}:…")
        }
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typo_is_refused() {
        assert_eq!("sqlite:a.db".parse(), Ok(DatabaseUrl::Sqlite("a.db".into())));
        assert_eq!("sqlite:///data/a.db".parse(), Ok(DatabaseUrl::Sqlite("/data/a.db".into())));
        let error = "sqllite:a.db".parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(error.contains("did you mean `sqlite:`?"), "{error}");
        assert!("a.db".parse::<DatabaseUrl>().is_err());
        assert!("sqlite:".parse::<DatabaseUrl>().is_err());
        assert!("sqlite::memory:".parse::<DatabaseUrl>().is_err());
        let error = "mysql://a@b/c".parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(error.ends_with("; write `sqlite:PATH` or `postgres://USER@HOST/DATABASE`"), "{error}");
        let error = "postgre://a@b/c".parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(error.contains("did you mean `postgres:`?"), "{error}");
    }
}
