//! URLs of PostgreSQL databases, as users of libpq know them:
//! <https://www.postgresql.org/docs/15/libpq-connect.html#LIBPQ-CONNSTRING>.
//!
//! They are parsed here and not by tokio-postgres, which supports neither all modes of TLS nor libpq's names of some
//! parameters, and reports an invalid URL in one word. Nothing in this module shows a password, nor a part of a URL
//! that may be one because it was not escaped.

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

/// Shown in place of a password.
const HIDDEN: &str = "•••";
const SCHEMES: [&str; 2] = ["postgres:", "postgresql:"];

/// Which PostgreSQL database to use, and how to reach it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresUrl {
    pub user: String,
    pub password: Option<Password>,
    pub database: String,
    /// The servers to try: at least one, in this order.
    pub endpoints: Vec<Endpoint>,
    pub tls: TlsSettings,
    /// Whether to skip a read-only server, such as a standby.
    pub needs_writes: bool,
    /// Whether to try the servers in random order.
    pub shuffled: bool,
    /// How long one server may take until it accepts statements.
    pub connect_timeout: Duration,
    /// How long sent bytes may remain unacknowledged by the other machine; `None` leaves it to the system.
    pub tcp_user_timeout: Option<Duration>,
    pub keepalives: Option<Keepalives>,
    pub application_name: Option<String>,
    /// Command line options for the server's session, such as `-c search_path=hookflow`.
    pub options: Option<String>,
}

/// An endpoint where a server may listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A host. With an `address`, the name is not resolved, but the certificate still has to name it.
    Tcp { host: String, address: Option<IpAddr>, port: u16 },
    /// A socket in a directory of this machine.
    Socket { directory: PathBuf, port: u16 },
}

/// How a connection is encrypted, and how the server is verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    pub mode: SslMode,
    /// The trusted issuers; `None` means the file `~/.postgresql/root.crt` if it exists.
    pub root: Option<RootCertificate>,
    /// The client certificate; `None` means `~/.postgresql/postgresql.crt` if it exists.
    pub certificate: Option<PathBuf>,
    /// The key of the client certificate; `None` means `~/.postgresql/postgresql.key`.
    pub key: Option<PathBuf>,
    /// Whether TLS starts at once, without asking the server first; servers support this from version 17 on.
    pub direct: bool,
    pub channel_binding: ChannelBinding,
}

/// libpq's `sslmode`, from the least to the most strict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The trusted issuers of the server's certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RootCertificate {
    /// Those that the operating system trusts.
    System,
    File(PathBuf),
}

/// Whether the proof of the password is bound to its TLS connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelBinding {
    Disable,
    Prefer,
    Require,
}

/// How an idle connection is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalives {
    pub idle: Duration,
    pub interval: Duration,
    pub count: u32,
}

/// A password that `Debug` does not show.
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

/// Why a URL is invalid.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PostgresUrlError {
    #[error("`{0}` must be followed by two slashes, as in `postgres://USER@HOST/DATABASE`")]
    NoSlashes(&'static str),
    #[error(
        "it has an `@` that does not end the user and password; escape special characters in these and in parameters: \
         `%40` for `@`, `%2F` for `/`, `%3A` for `:`, `%3F` for `?`, `%25` for `%`"
    )]
    Unescaped,
    #[error("{0} has an invalid escape; write a literal `%` as `%25`")]
    Escape(&'static str),
    #[error("a port must be a number from 1 to 65535; a password ends with an `@`, as in `USER:PASSWORD@HOST`")]
    Port,
    #[error("an IPv6 address is written in brackets, as in `[::1]:5432`")]
    Brackets,
    #[error("the URL has {hosts} hosts and {others} {what}; set one for each host, or one port for all")]
    Counts { hosts: usize, others: usize, what: &'static str },
    #[error("the part after `?` must be parameters, as in `?sslmode=require&connect_timeout=5`")]
    NoParameters,
    #[error("unknown parameter `{name}`{suggestion}")]
    UnknownParameter { name: String, suggestion: String },
    #[error("invalid value `{value}` for `{name}`{expected}")]
    Value { name: &'static str, value: String, expected: String },
    #[error(
        "`sslmode={0}` does not check the host in the certificate, so `sslrootcert=system` protects nothing; use \
         `sslmode=verify-full`, or omit sslmode"
    )]
    WeakForSystem(SslMode),
    #[error("`sslnegotiation=direct` does not work with `sslmode={0}`; use `require`, `verify-ca` or `verify-full`")]
    WeakForDirect(SslMode),
    #[error("no user in the URL, PGUSER or the operating system; write `postgres://USER@HOST/DATABASE`")]
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

/// The database and its servers, for logs and messages; without the password and how to connect.
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
