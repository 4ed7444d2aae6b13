//! Why there is no connection to PostgreSQL, in words for operators. No message contains a password.

use std::error::Error;

use super::connect::SERVER_VERSION_MIN;
use super::tls::TlsError;
use crate::store::postgres::url::SslMode;

/// Why connecting failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("no connection can be made: {0}")]
    Runtime(#[source] std::io::Error),
    #[error("the host `{host}` is not found: {reason}; check its name, or whether this machine can look up names")]
    HostNotFound { host: String, reason: String },
    #[error("nothing listens on {place}; is PostgreSQL running there?")]
    Refused { place: String },
    #[error("{place} can't be reached: {reason}")]
    Unreachable { place: String, reason: String },
    #[error("{place} did not answer in time; connect_timeout is {seconds} s")]
    TimedOut { place: String, seconds: u64 },
    #[error("{place} closed the connection while it was being set up; is it PostgreSQL that listens there?")]
    Closed { place: String },
    #[error("what listens on {place} does not speak PostgreSQL's protocol: {reason}")]
    Foreign { place: String, reason: String },
    #[error("the server on {place} is not ready for connections: {reason}")]
    NotReady { place: String, reason: String },
    #[error(
        "the server on {place} takes no more connections: {reason}; raise its max_connections, or look in \
         pg_stat_activity who holds them"
    )]
    TooManyConnections { place: String, reason: String },
    #[error(
        "the server on {place} takes no writes; it is a standby, or default_transaction_read_only is set; name the \
         primary, or all of them as in `postgres://USER@HOST1,HOST2/DATABASE`"
    )]
    ReadOnly { place: String },
    #[error(
        "the server on {place} asks for the password of the user `{user}`, and there is none; set PGPASSWORD, or \
         write it as in `postgres://{user}:PASSWORD@HOST/DATABASE`"
    )]
    NoPassword { place: String, user: String },
    #[error(
        "the server on {place} refuses the user `{user}` with this password; the password is wrong, or there is no \
         such user"
    )]
    WrongPassword { place: String, user: String },
    #[error(
        "the server on {place} does not let the user `{user}` in: {reason}; who may come in, and how, is in its \
         pg_hba.conf"
    )]
    NotLetIn { place: String, user: String, reason: String },
    #[error(
        "the server on {place} has no database `{database}`; make it with `createdb {database}`, and give it to the \
         user with `--owner {user}`"
    )]
    NoDatabase { place: String, database: String, user: String },
    #[error("the server on {place} refuses the connection: {reason}")]
    Rejected { place: String, reason: String },
    #[error(
        "the server on {place} is PostgreSQL {version}; hookflow needs {SERVER_VERSION_MIN} or newer, which it is \
         tested with"
    )]
    TooOld { place: String, version: String },
    #[error(
        "the server on {place} offers no TLS, and sslmode={mode} asks for it; set `ssl = on` there, or write \
         sslmode=prefer if nobody can listen in between"
    )]
    NoTls { place: String, mode: SslMode },
    #[error("the certificate of the server on {place} is not accepted with sslmode={mode}: {reason}")]
    Certificate { place: String, mode: SslMode, reason: String },
    #[error("TLS with the server on {place} fails with sslmode={mode}: {reason}")]
    Tls { place: String, mode: SslMode, reason: String },
    #[error(transparent)]
    TlsFiles(#[from] TlsError),
    #[error("with TLS: {tls}; without TLS: {plain}")]
    BothWays { tls: Box<ConnectError>, plain: Box<ConnectError> },
    #[error("none of the servers can be used: {}", texts(.0).join("; "))]
    Several(Vec<ConnectError>),
    #[error("the connection to {place} could not be set up")]
    Other { place: String, source: Box<dyn Error + Send + Sync> },
}

fn texts(errors: &[ConnectError]) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

impl ConnectError {
    /// Whether retrying later may help without a change of settings.
    pub fn is_passing(&self) -> bool {
        match self {
            ConnectError::Refused { .. }
            | ConnectError::Unreachable { .. }
            | ConnectError::TimedOut { .. }
            | ConnectError::Closed { .. }
            | ConnectError::NotReady { .. }
            | ConnectError::TooManyConnections { .. }
            | ConnectError::ReadOnly { .. } => true,
            ConnectError::HostNotFound { reason, .. } => !names_nothing(reason),
            ConnectError::BothWays { tls, plain } => tls.is_passing() || plain.is_passing(),
            ConnectError::Several(errors) => errors.iter().any(ConnectError::is_passing),
            _ => false,
        }
    }

    /// Whether another of several servers may be tried: not if this one has authenticated the user and refused.
    pub(super) fn leaves_others(&self) -> bool {
        self.is_passing() || matches!(self, ConnectError::HostNotFound { .. })
    }

    /// Whether the other way may succeed: with TLS if this was without, or the reverse.
    pub(super) fn may_depend_on_tls(&self) -> bool {
        matches!(
            self,
            ConnectError::NotLetIn { .. }
                | ConnectError::Rejected { .. }
                | ConnectError::Closed { .. }
                | ConnectError::NoTls { .. }
                | ConnectError::Certificate { .. }
                | ConnectError::Tls { .. }
        )
    }

    /// The error if neither way works.
    pub(super) fn of_both_ways(tls: ConnectError, plain: ConnectError) -> ConnectError {
        match (tls, plain) {
            (ConnectError::NoTls { .. }, error) => error,
            (tls, plain) if tls.to_string() == plain.to_string() => tls,
            (tls, plain) => ConnectError::BothWays { tls: Box::new(tls), plain: Box::new(plain) },
        }
    }

    /// The error if no server is usable. The addresses of one host often fail alike, and are then reported once.
    pub(super) fn of_all(mut errors: Vec<ConnectError>) -> ConnectError {
        let mut seen = Vec::new();
        errors.retain(|error| {
            let text = error.to_string();
            let is_new = !seen.contains(&text);
            seen.push(text);
            is_new
        });
        if errors.len() == 1 { errors.remove(0) } else { ConnectError::Several(errors) }
    }
}

/// Whether a resolver is certain that the host does not exist, rather than unable to tell. Only its message says so:
/// those of glibc, musl and macOS.
fn names_nothing(reason: &str) -> bool {
    ["not known", "does not resolve", "No address associated", "no usable address"]
        .iter()
        .any(|words| reason.contains(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_could_not_be_looked_up_may_be_found_later() {
        let not_found = |reason: &str| ConnectError::HostNotFound { host: "db".into(), reason: reason.into() };
        assert!(not_found("Temporary failure in name resolution").is_passing());
        assert!(!not_found("Name or service not known").is_passing());
        assert!(not_found("Name or service not known").leaves_others());
    }
}
