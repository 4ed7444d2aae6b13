//! URLs of PostgreSQL databases, as users of libpq know them:
//! <https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING>.
//!
//! They are read here and not by tokio-postgres, which knows neither all modes of TLS nor the names that libpq gives to
//! some parameters, and tells a wrong URL by a word. Nothing in this module shows a password, nor a part of a URL
//! that may be one because somebody wrote it without escaping it.

mod parameters;
mod parse;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use parse::Environment;

/// What stands in for a password wherever one would be shown.
const HIDDEN: &str = "•••";
const SCHEMES: [&str; 2] = ["postgres:", "postgresql:"];

/// Which PostgreSQL database to use, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresUrl {
    pub user: String,
    pub password: Option<Password>,
    pub database: String,
    /// Where the server may be: at least one place, tried in this order.
    pub endpoints: Vec<Endpoint>,
    pub tls: TlsSettings,
    /// Whether a server that takes no writes is passed over, as a standby is.
    pub needs_writes: bool,
    /// Whether the places are tried in a random order.
    pub shuffled: bool,
    /// How long one place may take until it is ready for statements.
    pub connect_timeout: Duration,
    /// How long sent bytes may stay without an answer of the other machine; `None` leaves it to the system.
    pub tcp_user_timeout: Option<Duration>,
    pub keepalives: Option<Keepalives>,
    pub application_name: Option<String>,
    /// Command line options for the server's session, such as `-c search_path=hookflow`.
    pub options: Option<String>,
}

/// A place where a server may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host. With an `address`, the name is not looked up but is still the one that a certificate has to name.
    Tcp { host: String, address: Option<IpAddr>, port: u16 },
    /// A socket in a directory of this machine.
    Socket { directory: PathBuf, port: u16 },
}

/// How a connection is encrypted, and what proves that the server is the right one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    pub mode: SslMode,
    /// Whom to trust; `None` means the file `~/.postgresql/root.crt` if there is one.
    pub root: Option<RootCertificate>,
    /// The certificate that hookflow shows; `None` means `~/.postgresql/postgresql.crt` if there is one.
    pub certificate: Option<PathBuf>,
    /// The key to that certificate; `None` means `~/.postgresql/postgresql.key`.
    pub key: Option<PathBuf>,
    /// Whether TLS begins at once, without asking the server first; servers do that from version 17 on.
    pub direct: bool,
    pub channel_binding: ChannelBinding,
}

/// libpq's `sslmode`, from the most trusting to the most careful.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Whose signature under the server's certificate is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCertificate {
    /// Whoever the operating system trusts.
    System,
    File(PathBuf),
}

/// Whether the proof of the password is tied to the TLS connection that it goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// How a connection that carries nothing is tested for being alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalives {
    pub idle: Duration,
    pub interval: Duration,
    pub count: u32,
}

/// A password, which `Debug` does not show.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(HIDDEN)
    }
}

impl SslMode {
    const ALL: [(&'static str, SslMode); 6] = [
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];
}

impl fmt::Display for SslMode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = SslMode::ALL.iter().find(|(_, mode)| mode == self).map(|(name, _)| *name);
        formatter.write_str(name.expect("every mode is in the list of all"))
    }
}

/// Why a URL is refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PostgresUrlError {
    #[error("`{0}` needs two slashes after it, as in `postgres://USER@HOST/DATABASE`")]
    NoSlashes(&'static str),
    #[error(
        "there is an `@` in it that is not the one before the host; write signs of a user, a password or a parameter as \
         `%40` for `@`, `%2F` for `/`, `%3A` for `:`, `%3F` for `?`, `%25` for `%`"
    )]
    Unescaped,
    #[error("{0} has a `%` that does not begin a sign of text, as `%40` does; write `%` itself as `%25`")]
    Escape(&'static str),
    #[error("a port has to be a number from 1 to 65535; a password goes before an `@`, as in `USER:PASSWORD@HOST`")]
    Port,
    #[error("an address of IP version 6 is written as in `[::1]:5432`")]
    Brackets,
    #[error("there are {hosts} hosts and {others} {what}; give one each, or one port for all")]
    Counts { hosts: usize, others: usize, what: &'static str },
    #[error("what comes after `?` has to be parameters, as in `?sslmode=require&connect_timeout=5`")]
    NoParameters,
    #[error("`{name}` is no parameter that hookflow knows{suggestion}")]
    UnknownParameter { name: String, suggestion: String },
    #[error("`{name}` can't be `{value}`{expected}")]
    Value { name: &'static str, value: String, expected: String },
    #[error(
        "`sslmode={0}` would not check whose certificate it is, so `sslrootcert=system` would be in vain; write \
         `sslmode=verify-full`, or leave sslmode out"
    )]
    WeakForSystem(SslMode),
    #[error("`sslmode={0}` does not go with `sslnegotiation=direct`; write `require`, `verify-ca` or `verify-full`")]
    WeakForDirect(SslMode),
    #[error("it names no user, and neither do PGUSER and the operating system; write `postgres://USER@HOST/DATABASE`")]
    NoUser,
}

impl PostgresUrl {
    /// Whether `text` is meant to be one of these URLs.
    pub fn is_one(text: &str) -> bool {
        SCHEMES.iter().any(|scheme| text.starts_with(scheme))
    }
}

impl FromStr for PostgresUrl {
    type Err = PostgresUrlError;

    fn from_str(text: &str) -> Result<PostgresUrl, PostgresUrlError> {
        parse::parse(text, Environment::of_this_process())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Endpoint::Tcp { host, port, .. } if host.contains(':') => write!(formatter, "[{host}]:{port}"),
            Endpoint::Tcp { host, port, .. } => write!(formatter, "{host}:{port}"),
            Endpoint::Socket { directory, port } => write!(formatter, "{}/.s.PGSQL.{port}", directory.display()),
        }
    }
}

/// Names the database and where it is, for logs and messages; how to connect is left out, and so is the password.
impl fmt::Display for PostgresUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PostgresUrl { user, database, endpoints, .. } = self;
        let password = self.password.as_ref().map(|_| format!(":{HIDDEN}")).unwrap_or_default();
        let joined = |part: &dyn Fn(&Endpoint) -> String| endpoints.iter().map(part).collect::<Vec<_>>().join(",");
        if endpoints.iter().all(|endpoint| matches!(endpoint, Endpoint::Tcp { .. })) {
            return write!(formatter, "postgres://{user}{password}@{}/{database}", joined(&Endpoint::to_string));
        }
        let hosts = joined(&|endpoint| match endpoint {
            Endpoint::Tcp { host, .. } => host.clone(),
            Endpoint::Socket { directory, .. } => directory.display().to_string(),
        });
        let ports = joined(&|endpoint| match endpoint {
            Endpoint::Tcp { port, .. } | Endpoint::Socket { port, .. } => port.to_string(),
        });
        write!(formatter, "postgres://{user}{password}@/{database}?host={hosts}&port={ports}")
    }
}
