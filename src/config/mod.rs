//! What can be set, by flag or by `HOOKFLOW_*` variable, and what it defaults to.

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

/// Settings that every command takes.
#[derive(Clone, Debug, clap::Args)]
pub struct Common {
    /// Which lines to log: `error`, `warn`, `info`, `debug`, or per module as in `warn,hookflow::engine=debug`
    #[arg(long, env = "HOOKFLOW_LOG", default_value = "info", value_name = "FILTER", global = true)]
    pub log: String,
    /// How to write log lines
    #[arg(long, env = "HOOKFLOW_LOG_FORMAT", default_value = "text", value_name = "FORMAT", global = true)]
    pub log_format: LogFormat,
}

/// How many connections to PostgreSQL write, and as many read.
const CONNECTIONS_DEFAULT: u16 = 4;

/// Which database to use.
#[derive(Clone, Debug, clap::Args)]
pub struct Database {
    /// `sqlite:PATH`, where the file is made if it does not exist, or `postgres://USER@HOST/DATABASE`; a password is
    /// better put into the variable, or into PGPASSWORD, than into the flag, which other users of the machine can see
    #[arg(
        long,
        env = "HOOKFLOW_DATABASE_URL",
        hide_env_values = true,
        default_value = "sqlite:hookflow.db",
        value_name = "URL"
    )]
    pub database_url: DatabaseUrl,
    /// With PostgreSQL: how many connections write
    #[arg(long, env = "HOOKFLOW_DATABASE_WRITERS", default_value_t = CONNECTIONS_DEFAULT, value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub database_writers: u16,
    /// With PostgreSQL: how many connections read
    #[arg(long, env = "HOOKFLOW_DATABASE_READERS", default_value_t = CONNECTIONS_DEFAULT, value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(1..=64))]
    pub database_readers: u16,
}

impl Database {
    /// Opens the store. To be called outside of any asynchronous context.
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
    /// The address to listen on
    #[arg(long, env = "HOOKFLOW_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    pub listen: SocketAddr,
    /// The address to take mails on by SMTP, for hooks of kind `email`, such as `0.0.0.0:25`; none are taken if not given
    #[arg(long, env = "HOOKFLOW_SMTP_LISTEN", value_name = "ADDRESS")]
    pub smtp_listen: Option<SocketAddr>,
    #[command(flatten)]
    pub database: Database,
    /// The folder with workflow files, loaded at start and watched for changes
    #[arg(long, env = "HOOKFLOW_WORKFLOWS", default_value = "workflows", value_name = "FOLDER")]
    pub workflows: PathBuf,
    #[command(flatten)]
    pub tls: TlsFiles,
    #[command(flatten)]
    pub proxies: Proxies,
    /// How senders reach this server, for the hook URLs it shows; `http://ADDRESS` or, with TLS, `https://ADDRESS` if not given
    #[arg(long, env = "HOOKFLOW_PUBLIC_URL", value_name = "URL", value_parser = public_url)]
    pub public_url: Option<String>,
    /// The largest body that a hook accepts, in bytes
    #[arg(long, env = "HOOKFLOW_BODY_LIMIT_BYTES", default_value_t = 400_000, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..=16_777_216))]
    pub body_limit_bytes: u32,
    /// The largest body that a hook accepts once its content encoding is undone, in bytes
    #[arg(long, env = "HOOKFLOW_INFLATED_LIMIT_BYTES", default_value_t = 4_000_000, value_name = "BYTES",
          value_parser = clap::value_parser!(u32).range(1..=INFLATED_BYTES_CEILING as i64))]
    pub inflated_limit_bytes: u32,
    /// Addresses inside one's own network that workflows may call: networks, addresses or host patterns
    #[arg(long, env = "HOOKFLOW_OUTBOUND_ALLOW", value_delimiter = ',', value_name = "LIST")]
    pub outbound_allow: Vec<String>,
    /// The file with the key that variables are encrypted with, made at first start; `DATABASE.key` beside a SQLite
    /// database, `hookflow.key` here with PostgreSQL. HOOKFLOW_SECRET_KEY goes before it
    #[arg(long, env = "HOOKFLOW_SECRET_KEY_FILE", value_name = "FILE")]
    secret_key_file: Option<PathBuf>,
    /// Delete the variables and secrets of hooks that were encrypted with another secret key, instead of refusing to start
    #[arg(long)]
    pub forget_variables: bool,
    #[command(flatten)]
    pub mail: MailSettings,
    #[command(flatten)]
    pub rates: Rates,
    /// How many connections one address may have at a time; trusted proxies may have any number
    #[arg(long, env = "HOOKFLOW_CONNECTIONS_PER_PEER", default_value_t = 1_000, value_name = "NUMBER",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub connections_per_peer: u32,
    /// How many threads answer HTTP requests; one per core if not given
    #[arg(long, env = "HOOKFLOW_HTTP_WORKERS", value_name = "NUMBER",
          value_parser = clap::value_parser!(u16).range(1..=256))]
    pub http_workers: Option<u16>,
}

impl Serve {
    /// The file of the secret key.
    pub fn secret_key_file(&self) -> PathBuf {
        let beside = match &self.database.database_url {
            DatabaseUrl::Sqlite(path) => format!("{path}.key"),
            DatabaseUrl::Postgres(_) => "hookflow.key".to_owned(),
        };
        self.secret_key_file.clone().unwrap_or_else(|| beside.into())
    }
}

/// Takes an address that paths can be put behind, as it is written.
fn public_url(text: &str) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|url| {
        let is_bare = url.query().is_none() && url.fragment().is_none();
        matches!(url.scheme(), "http" | "https") && is_bare && url.username().is_empty() && url.password().is_none()
    });
    let wanted = "expected an address without user and query, such as `https://hooks.example.com`";
    url.map(|_| text.trim().to_owned()).ok_or_else(|| wanted.to_owned())
}

/// The first admin key, for installations that set it beforehand. Only from the environment: flags show in `ps`.
pub const ADMIN_KEY_VARIABLE: &str = "HOOKFLOW_ADMIN_KEY";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_flag_does_not_show_the_password() {
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
                "error: invalid value 'postgres:…' for '--database-url <URL>': `sslmod` is no parameter that hookflow \
                 knows; did you mean `sslmode`?"
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
