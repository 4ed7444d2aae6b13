//! Database URLs. A URL that is not understood is refused, so that a typo never makes an empty database.

use std::fmt;
use std::str::FromStr;

use crate::objects::nearest;

/// Which database to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// `sqlite:PATH`
    Sqlite(String),
}

/// Why a database URL is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DatabaseUrlError {
    #[error("`{0}` names no kind of database; write `sqlite:{0}` for a file of that name")]
    NoScheme(String),
    #[error("`{scheme}:` is no kind of database that hookflow knows{}; write `sqlite:PATH`", suggestion(.scheme))]
    UnknownScheme { scheme: String },
    #[error("`sqlite:` needs the path of a file after it, as in `sqlite:hookflow.db`")]
    NoPath,
    #[error("`{0}` would lose everything when the process ends; name a file")]
    InMemory(String),
    #[error("`{0}` is taken as a plain path, which can't begin with `file:` or hold a `?`")]
    NotAPath(String),
}

fn suggestion(scheme: &str) -> String {
    nearest(scheme, ["sqlite"]).map(|near| format!("; did you mean `{near}:`?")).unwrap_or_default()
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(text: &str) -> Result<DatabaseUrl, DatabaseUrlError> {
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
        let DatabaseUrl::Sqlite(path) = self;
        write!(formatter, "sqlite:{path}")
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
    }
}
