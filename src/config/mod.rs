//! Settings from flags and `HOOKFLOW_*` variables, with their defaults.

mod mail;
mod proxies;
mod rates;
mod tls;

use std::net::SocketAddr;
use std::path::PathBuf;

pub use mail::{MailSettings, SmtpUrl};
pub use proxies::{Proxies, ProxyHeader};
pub use rates::Rates;
pub use tls::TlsFiles;

use url::Url;

use crate::content::INFLATED_BYTES_CEILING;
use crate::observe::logging::LogFormat;
use crate::store::postgres::PoolSizes;
use crate::store::{DatabaseUrl, OpenError, Store};

/// Settings of all commands.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// Log filter: `error`, `warn`, `info`, `debug`, or per module, as in `warn,hookflow::engine=debug`
    #[arg(long, env = "HOOKFLOW_LOG", default_value = "info", value_name = "FILTER", global = true)]
    pub log: String,
    /// Format of log lines
    #[arg(long, env = "HOOKFLOW_LOG_FORMAT", default_value = "text", value_name = "FORMAT", global = true)]
    pub log_format: LogFormat,
}

/// Default number of PostgreSQL connections for writing, and for reading.
const CONNECTIONS_DEFAULT: u16 = 4;

/// Settings of the database.
#[derive(Clone, Debug, clap::Args)]
pub struct Database {
    /// Database: `sqlite:PATH` (created if missing) or `postgres://USER@HOST/DATABASE`. Prefer the environment variable
    /// or PGPASSWORD for passwords: other users can see flags
    #[arg(
        long,
        env = "HOOKFLOW_DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:hookflow.db",
        value_name = "URL"
    )]
    pub database_url: DatabaseUrl,
    /// Number of PostgreSQL connections for writing
    #[arg(long, env = "HOOKFLOW_DATABASE_WRITERS", default_value_t = CONNECTIONS_DEFAULT, value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub database_writers: u16,
    /// Number of PostgreSQL connections for reading
    #[arg(long, env = "HOOKFLOW_DATABASE_READERS", default_value_t = CONNECTIONS_DEFAULT, value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub database_readers: u16,
}

impl Database {
    /// Opens the store. Must be called outside of any asynchronous context.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(&self) -> Result<Store, OpenError> {
        let sizes = PoolSizes { writers: self.database_writers, readers: self.database_readers };
        Store::open(&self.database_url, sizes)
    }
}

impl From<DatabaseUrl> for Database {
    fn from(database_url: DatabaseUrl) -> Database {
        Database { database_url, database_writers: CONNECTIONS_DEFAULT, database_readers: CONNECTIONS_DEFAULT }
    }
}

/// Settings of `hookflow serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Serve {
    /// Address to listen on for HTTP
    #[arg(long, env = "HOOKFLOW_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// Address to listen on for SMTP, such as `0.0.0.0:25`, for hooks of kind `email`; disabled if omitted
    #[arg(long, env = "HOOKFLOW_SMTP_LISTEN", value_name = "ADDRESS")]
    pub smtp_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub database: Database,
    /// Folder of workflow files, loaded at start and watched for changes
    #[arg(long, env = "HOOKFLOW_WORKFLOWS", default_value = "workflows", value_name = "FOLDER")]
    pub workflows: PathBuf,
    #[command(flatten)]
    pub tls: TlsFiles,
    #[command(flatten)]
    pub proxies: Proxies,
    /// Public URL of this server, used in hook URLs; defaults to `http://ADDRESS` or, with TLS, `https://ADDRESS`
    #[arg(long, env = "HOOKFLOW_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// Maximum size of a request body, in bytes
    #[arg(long, env = "HOOKFLOW_BODY_LIMIT_BYTES", default_value_t = 400_000, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..=BODY_BYTES_CEILING as i64))]
    pub body_limit_bytes: u32,
    /// Maximum size of a request body once inflated, in bytes
    #[arg(long, env = "HOOKFLOW_INFLATED_LIMIT_BYTES", default_value_t = 4_000_000, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..=INFLATED_BYTES_CEILING as i64))]
    pub inflated_limit_bytes: u32,
    /// Networks, addresses or host patterns inside your network that workflows may call, separated by commas
    #[arg(long, env = "HOOKFLOW_OUTBOUND_ALLOW", value_delimiter = ',', value_name = "LIST")]
    pub outbound_allow: Vec<String>,
    /// File with the key that encrypts variables, created at the first start; defaults to `DATABASE.key` next to a
    /// SQLite database, or `hookflow.key` with PostgreSQL. HOOKFLOW_SECRET_KEY takes precedence
    #[arg(long, env = "HOOKFLOW_SECRET_KEY_FILE", value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
    /// Delete variables and hook secrets that were encrypted with another secret key, instead of refusing to start
    #[arg(long)]
    pub forget_variables: bool,
    #[command(flatten)]
    pub mail: MailSettings,
    #[command(flatten)]
    pub rates: Rates,
    /// Maximum connections per client address; trusted proxies are exempt
    #[arg(long, env = "HOOKFLOW_CONNECTIONS_PER_PEER", default_value_t = 1_000, value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_per_peer: u32,
    /// How long a connection may be idle between requests, in seconds; longer than the balancer in front keeps it
    #[arg(long, env = "HOOKFLOW_KEEP_ALIVE_S", default_value_t = 75, value_name = "SECONDS",
          value_parser = clap::value_parser!(u32).range(1..=3_600))]
    pub keep_alive_s: u32,
    /// Number of HTTP worker threads; defaults to one per core
    #[arg(long, env = "HOOKFLOW_HTTP_WORKERS", value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub http_workers: Option<u16>,
}

impl Serve {
    /// The file with the secret key.
    pub fn secret_key_file(&self) -> PathBuf {
        let default = match &self.database.database_url {
            DatabaseUrl::Sqlite(path) => format!("{path}.key"),
            DatabaseUrl::Postgres(_) => "hookflow.key".to_owned(),
        };
        self.secret_key_file.clone().unwrap_or_else(|| default.into())
    }
}

/// Accepts a URL that paths can be appended to.
fn public_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| {
        let is_bare = url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && is_bare && url.username().is_empty() && url.password().is_none()
    });
    let message = "expected a URL without user and query, such as `https://hooks.example.com`";
    url.map(|_| text.trim().to_owned()).ok_or_else(|| message.to_owned())
}

/// The highest configurable limit on the size of a body as received: what GitHub and mail providers send.
pub const BODY_BYTES_CEILING: usize = 40 * 1024 * 1024;

/// The initial admin key, for automated setups. Read only from the environment, since flags are visible in `ps`.
pub const ADMIN_KEY_VARIABLE: &str = "HOOKFLOW_ADMIN_KEY";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_for_an_invalid_url_does_not_show_the_password() {
        for url in [
            "postgres://app:secret@host/orders?sslmod=require",
            "postgres:app:secret",
            "postgres://app:sec/ret@host/orders",
            "postgres://app:secret",
            "postgre://app:secret@host/orders",
            "mysql://host/orders?password=secret",
        ] {
            let error = parse_flag(url).unwrap_err().to_string();
            assert!(error.starts_with("error: invalid value '"), "{error}");
            assert!(!error.contains("sec") && !error.contains("ret@"), "{error}");
        }
        let error = parse_flag("postgres://app:secret@host/orders?sslmod=require").unwrap_err().to_string();
        assert!(
            error.starts_with(
                "error: invalid value 'postgres:…' for '--database-url <URL>': unknown parameter `sslmod`; did you mean \
                 `sslmode`?"
            ),
            "{error}"
        );
        let database = parse_flag("postgres://app:secret@host/orders?sslmode=require").unwrap();
        assert_eq!(database.database_url.to_string(), "postgres://app:•••@host:5432/orders");
        assert!(!format!("{database:?}").contains("secret"));
    }

    fn parse_flag(url: &str) -> Result<Database, clap::Error> {
        use clap::{Args, FromArgMatches};
        let command = Database::augment_args(clap::Command::new("hookflow"));
        let matches = command.try_get_matches_from(["hookflow", "--database-url", url])?;
        Database::from_arg_matches(&matches)
    }
}
