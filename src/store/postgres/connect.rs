//! Getting a connection to PostgreSQL.
//!
//! Hosts, their addresses, and the ways with and without TLS are tried here and not by tokio-postgres, because that
//! neither supports all modes of libpq nor reports which server failed. Like libpq, the search for a server continues
//! after one that can't be reached, is not ready, or is read-only, and ends at one that rejects the user.

use std::future::Future;
use std::net::IpAddr;
use std::time::Duration;

use diesel::ConnectionError;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio_postgres::config::{self, LoadBalanceHosts, SslNegotiation, TargetSessionAttrs};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::connect_error::ConnectError;
use super::explain::Situation;
use super::tls;
use crate::store::postgres::url::{ChannelBinding, Endpoint, PostgresUrl, SslMode};

/// The oldest version of the server that hookflow is tested with.
pub const SERVER_VERSION_MIN: u32 = 15;

/// Settings of every session. A time of zero sets no limit.
#[derive(Clone, Debug)]
pub struct SessionSettings {
    /// The name of the session in pg_stat_activity, if the URL has none.
    pub application_name: String,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How long a transaction may stay open without a statement.
    pub idle_in_transaction_timeout: Duration,
    /// How long a statement may wait for one lock.
    pub lock_timeout: Duration,
}

impl SessionSettings {
    /// The statements that set the times. They are not sent with the start of the session, because poolers such as
    /// PgBouncer reject a start with unknown settings.
    fn statements(&self) -> String {
        let milliseconds = |time: Duration| time.as_millis().min(i32::MAX as u128);
        format!(
            "SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}; SET lock_timeout = {}",
            milliseconds(self.statement_timeout),
            milliseconds(self.idle_in_transaction_timeout),
            milliseconds(self.lock_timeout),
        )
    }
}

/// Connects to the first usable server of the URL.
///
/// The task that drives the connection is spawned on the current runtime, and ends when the connection is dropped. It
/// also collects the notifications that `AsyncPgConnection::notifications_stream` returns.
pub async fn connect(url: &PostgresUrl, settings: &SessionSettings) -> Result<AsyncPgConnection, ConnectError> {
    let connector = match url.tls.mode {
        SslMode::Disable => None,
        _ if !url.endpoints.iter().any(|endpoint| matches!(endpoint, Endpoint::Tcp { .. })) => None,
        _ => Some(tls::connector(&url.tls, std::env::home_dir().as_deref())?),
    };
    let mut endpoints: Vec<&Endpoint> = url.endpoints.iter().collect();
    if url.shuffled {
        endpoints.sort_by_cached_key(|_| getrandom::u64().unwrap_or(0));
    }
    let mut errors = Vec::new();
    for endpoint in endpoints {
        let connector = connector.as_ref();
        let attempt = Attempt { url, settings, endpoint, connector, situation: Situation { url, endpoint } };
        match attempt.connect().await {
            Ok(connection) => return Ok(connection),
            Err(mut failed) => {
                let goes_on = failed.iter().all(ConnectError::leaves_others);
                errors.append(&mut failed);
                if !goes_on {
                    break;
                }
            }
        }
    }
    Err(ConnectError::of_all(errors))
}

/// An attempt to connect to one of the URL's endpoints.
struct Attempt<'a> {
    url: &'a PostgresUrl,
    settings: &'a SessionSettings,
    endpoint: &'a Endpoint,
    connector: Option<&'a MakeRustlsConnect>,
    situation: Situation<'a>,
}

/// Whether a connection is made with TLS.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Tls,
    Plain,
}

impl Attempt<'_> {
    /// Tries the addresses of the endpoint in turn. Each may fail differently.
    async fn connect(&self) -> Result<AsyncPgConnection, Vec<ConnectError>> {
        let mut errors = Vec::new();
        for address in self.addresses().await.map_err(|error| vec![error])? {
            match self.connect_to(address).await {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    let goes_on = error.leaves_others();
                    errors.push(error);
                    if !goes_on {
                        break;
                    }
                }
            }
        }
        Err(errors)
    }

    /// The addresses of the host; for a socket, one that is unused.
    async fn addresses(&self) -> Result<Vec<Option<IpAddr>>, ConnectError> {
        let (host, port) = match self.endpoint {
            Endpoint::Socket { .. } => return Ok(vec![None]),
            Endpoint::Tcp { address: Some(address), .. } => return Ok(vec![Some(*address)]),
            Endpoint::Tcp { host, port, .. } => (host.as_str(), *port),
        };
        let found = async { Ok(tokio::net::lookup_host((host, port)).await) };
        let found = self.in_time(found).await?.map_err(|error| self.situation.not_found(host, error))?;
        let mut addresses: Vec<Option<IpAddr>> = found.map(|address| Some(address.ip())).collect();
        addresses.dedup();
        if addresses.is_empty() { Err(self.situation.not_found(host, "it has no address")) } else { Ok(addresses) }
    }

    /// Tries with TLS, without it, or both, depending on the mode.
    async fn connect_to(&self, address: Option<IpAddr>) -> Result<AsyncPgConnection, ConnectError> {
        let (first, second) = match (self.endpoint, self.url.tls.mode) {
            // A local socket can't be overheard, and the server offers no TLS there.
            (Endpoint::Socket { .. }, _) | (_, SslMode::Disable) => (Way::Plain, None),
            (_, SslMode::Allow) => (Way::Plain, Some(Way::Tls)),
            (_, SslMode::Prefer) => (Way::Tls, Some(Way::Plain)),
            (_, SslMode::Require | SslMode::VerifyCa | SslMode::VerifyFull) => (Way::Tls, None),
        };
        let first_error = match self.connect_by(address, first).await {
            Ok(connection) => return Ok(connection),
            Err(error) => error,
        };
        let Some(second) = second.filter(|_| first_error.may_depend_on_tls()) else { return Err(first_error) };
        log::debug!(err:% = first_error; "trying the other way, with or without TLS");
        match (self.connect_by(address, second).await, second) {
            (Ok(connection), _) => Ok(connection),
            (Err(plain), Way::Plain) => Err(ConnectError::of_both_ways(first_error, plain)),
            (Err(tls), Way::Tls) => Err(ConnectError::of_both_ways(tls, first_error)),
        }
    }

    async fn connect_by(&self, address: Option<IpAddr>, way: Way) -> Result<AsyncPgConnection, ConnectError> {
        let config = self.config(address, way);
        match self.connector.filter(|_| way == Way::Tls) {
            Some(connector) => self.in_time(self.set_up(&config, connector.clone())).await,
            None => self.in_time(self.set_up(&config, NoTls)).await,
        }
    }

    /// Limits the time of an attempt to what one server may take.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, ConnectError>>) -> Result<T, ConnectError> {
        let ended = tokio::time::timeout(self.url.connect_timeout, work).await;
        ended.unwrap_or_else(|_| Err(self.situation.timed_out()))
    }

    async fn set_up<T>(&self, config: &Config, tls: T) -> Result<AsyncPgConnection, ConnectError>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: TlsStream + Unpin + Send + 'static,
        T::TlsConnect: TlsConnect<Socket, Stream = T::Stream>,
    {
        let (client, connection) = config.connect(tls).await.map_err(|error| self.situation.explain(error))?;
        let version = connection.parameter("server_version");
        if version.and_then(major).is_none_or(|major| major < SERVER_VERSION_MIN) {
            return Err(self.situation.too_old(version));
        }
        let mut connection = AsyncPgConnection::try_from_client_and_connection(client, connection).await.map_err(
            |error| match error {
                ConnectionError::CouldntSetupConfiguration(error) => self.situation.explain_later(error),
                error => self.situation.other(error),
            },
        )?;
        let set = connection.batch_execute(&self.settings.statements()).await;
        set.map_err(|error| self.situation.explain_later(error))?;
        Ok(connection)
    }

    fn config(&self, address: Option<IpAddr>, way: Way) -> Config {
        let url = self.url;
        let mut config = Config::new();
        match self.endpoint {
            Endpoint::Tcp { host, port, .. } => config.host(host).port(*port),
            Endpoint::Socket { directory, port } => config.host_path(directory).port(*port),
        };
        if let Some(address) = address {
            config.hostaddr(address);
        }
        config.user(&url.user).dbname(&url.database);
        if let Some(password) = &url.password {
            config.password(password.reveal());
        }
        config.application_name(url.application_name.as_ref().unwrap_or(&self.settings.application_name));
        if let Some(options) = &url.options {
            config.options(options);
        }
        config.ssl_mode(if way == Way::Tls { config::SslMode::Require } else { config::SslMode::Disable });
        config.ssl_negotiation(if url.tls.direct { SslNegotiation::Direct } else { SslNegotiation::Postgres });
        config.channel_binding(match url.tls.channel_binding {
            ChannelBinding::Disable => config::ChannelBinding::Disable,
            ChannelBinding::Prefer => config::ChannelBinding::Prefer,
            ChannelBinding::Require => config::ChannelBinding::Require,
        });
        config.load_balance_hosts(LoadBalanceHosts::Disable);
        config.target_session_attrs(match url.needs_writes {
            true => TargetSessionAttrs::ReadWrite,
            false => TargetSessionAttrs::Any,
        });
        if let Some(timeout) = url.tcp_user_timeout {
            config.tcp_user_timeout(timeout);
        }
        match url.keepalives {
            None => config.keepalives(false),
            Some(keepalives) => config
                .keepalives_idle(keepalives.idle)
                .keepalives_interval(keepalives.interval)
                .keepalives_retries(keepalives.count),
        };
        config
    }
}

/// The first number of a version such as `15.4 (Debian 15.4-1)`, `16beta1` or `9.6.24`.
fn major(version: &str) -> Option<u32> {
    let digits = version.find(|sign: char| !sign.is_ascii_digit()).unwrap_or(version.len());
    version[..digits].parse().ok()
}
