//! Why connecting to PostgreSQL failed, for operators. No message contains a password.

use std::error::Error;

use super::connect::SERVER_VERSION_MIN;
use super::tls::TlsError;
use crate::store::postgres::url::SslMode;

/// Why connecting failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("can't open connections: {0}")]
    Runtime(#[source] std::io::Error),
    #[error("the host `{host}` can't be resolved: {reason}; check the name and this machine's DNS settings")]
    HostNotFound { host: String, reason: String },
    #[error("{place} refused the connection; is PostgreSQL running there?")]
    Refused { place: String },
    #[error("{place} can't be reached: {reason}")]
    Unreachable { place: String, reason: String },
    #[error("{place} did not answer in time; connect_timeout is {seconds} s")]
    TimedOut { place: String, seconds: u64 },
    #[error("{place} closed the connection while it was being set up; is that PostgreSQL?")]
    Closed { place: String },
    #[error("the server on {place} does not use PostgreSQL's protocol: {reason}")]
    Foreign { place: String, reason: String },
    #[error("the server on {place} is not ready for connections: {reason}")]
    NotReady { place: String, reason: String },
    #[error(
        "the server on {place} has no free connections: {reason}; raise its max_connections, or find out in \
         pg_stat_activity what uses them"
    )]
    TooManyConnections { place: String, reason: String },
    #[error(
        "the server on {place} is read-only: it is a standby, or default_transaction_read_only is set; use the primary, or \
         list all servers as in `postgres://USER@HOST1,HOST2/DATABASE`"
    )]
    ReadOnly { place: String },
    #[error(
        "the server on {place} requires a password for the user `{user}`; set PGPASSWORD, or put it in the URL as in \
         `postgres://{user}:PASSWORD@HOST/DATABASE`"
    )]
    NoPassword { place: String, user: String },
    #[error("the server on {place} refuses the user `{user}`: the password is wrong, or the user does not exist")]
    WrongPassword { place: String, user: String },
    #[error("the server on {place} refuses the user `{user}`: {reason}; its pg_hba.conf says who can connect, and how")]
    NotLetIn { place: String, user: String, reason: String },
    #[error("the server on {place} has no database `{database}`; create it with `createdb --owner {user} {database}`")]
    NoDatabase { place: String, database: String, user: String },
    #[error("the server on {place} refuses the connection: {reason}")]
    Rejected { place: String, reason: String },
    #[error("the server on {place} is PostgreSQL {version}; hookflow needs {SERVER_VERSION_MIN} or newer")]
    TooOld { place: String, version: String },
    #[error(
        "the server on {place} does not support TLS, which sslmode={mode} requires; set `ssl = on` there, or use \
         sslmode=prefer if the network is trusted"
    )]
    NoTls { place: String, mode: SslMode },
    #[error("the certificate of the server on {place} is invalid with sslmode={mode}: {reason}")]
    Certificate { place: String, mode: SslMode, reason: String },
    #[error("TLS with the server on {place} failed with sslmode={mode}: {reason}")]
    Tls { place: String, mode: SslMode, reason: String },
    #[error(transparent)]
    TlsFiles(#[from] TlsError),
    #[error("with TLS: {tls}; without TLS: {plain}")]
    BothWays { tls: Box<ConnectError>, plain: Box<ConnectError> },
    #[error("none of the servers is usable: {}", texts(.0).join("; "))]
    Several(Vec<ConnectError>),
    #[error("setting up the connection to {place} failed")]
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
