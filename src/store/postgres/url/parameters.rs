//! The parameters of a PostgreSQL URL, and the meaning of its parts.

use std::fmt::Display;
use std::net::IpAddr;
use std::time::Duration;

use super::parse::Environment;
use super::{
    ChannelBinding, Endpoint, Keepalives, Password, PostgresUrl, PostgresUrlError, RootCertificate, SslMode,
    TlsSettings,
};
use crate::objects::nearest;

const PORT_DEFAULT: u16 = 5432;
const CONNECT_TIMEOUT_DEFAULT: Duration = Duration::from_secs(5);
/// A server that vanishes silently, as behind a cut cable, is noticed within about this time, whether something was
/// sent to it (this) or not (the keepalives). The system's defaults are a quarter of an hour and two hours.
const TCP_USER_TIMEOUT_DEFAULT: Duration = Duration::from_secs(15);
const KEEPALIVES_DEFAULT: Keepalives =
    Keepalives { idle: Duration::from_secs(5), interval: Duration::from_secs(5), count: 2 };
const DAY_S: u32 = 86_400;

const NAMES: [&str; 22] = [
    "user",
    "password",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslnegotiation",
    "channel_binding",
    "target_session_attrs",
    "load_balance_hosts",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "application_name",
    "options",
];

/// The parts of a URL, before they are combined. Empty texts count as missing.
pub(super) struct Parts {
    pub(super) user: String,
    pub(super) password: String,
    pub(super) database: String,
    pub(super) hosts: Vec<String>,
    pub(super) ports: Vec<String>,
    addresses: Vec<IpAddr>,
    ssl_mode: Option<SslMode>,
    keepalives_enabled: bool,
    keepalives: Keepalives,
    /// The rest, with its defaults.
    url: PostgresUrl,
}

impl Default for Parts {
    fn default() -> Parts {
        let tls = TlsSettings {
            mode: SslMode::Prefer,
            root: None,
            certificate: None,
            key: None,
            direct: false,
            channel_binding: ChannelBinding::Prefer,
        };
        let url = PostgresUrl {
            user: String::new(),
            password: None,
            database: String::new(),
            endpoints: Vec::new(),
            tls,
            needs_writes: true,
            shuffled: false,
            connect_timeout: CONNECT_TIMEOUT_DEFAULT,
            tcp_user_timeout: Some(TCP_USER_TIMEOUT_DEFAULT),
            keepalives: None,
            application_name: None,
            options: None,
        };
        Parts {
            user: String::new(),
            password: String::new(),
            database: String::new(),
            hosts: vec![String::new()],
            ports: vec![String::new()],
            addresses: Vec::new(),
            ssl_mode: None,
            keepalives_enabled: true,
            keepalives: KEEPALIVES_DEFAULT,
            url,
        }
    }
}

impl Parts {
    /// Sets one parameter, which overrides an earlier part of the URL.
    pub(super) fn set(&mut self, name: &str, value: String) -> Result<(), PostgresUrlError> {
        let url = &mut self.url;
        let list = || value.split(',').map(str::to_owned).collect();
        match name {
            "user" => self.user = value,
            "password" => self.password = value,
            "dbname" => self.database = value,
            "host" => self.hosts = list(),
            "port" => self.ports = list(),
            "hostaddr" => {
                let address =
                    |text: &str| text.parse().map_err(|_| refused("hostaddr", text, "; expected an IP address"));
                self.addresses = value.split(',').map(address).collect::<Result<_, _>>()?;
            }
            "sslmode" => self.ssl_mode = Some(choice("sslmode", &value, &SslMode::ALL)?),
            "sslrootcert" if value == "system" => url.tls.root = Some(RootCertificate::System),
            "sslrootcert" => url.tls.root = filled(value).map(|path| RootCertificate::File(path.into())),
            "sslcert" => url.tls.certificate = filled(value).map(Into::into),
            "sslkey" => url.tls.key = filled(value).map(Into::into),
            "sslnegotiation" => {
                url.tls.direct = choice("sslnegotiation", &value, &[("postgres", false), ("direct", true)])?;
            }
            "channel_binding" => url.tls.channel_binding = choice("channel_binding", &value, &ChannelBinding::ALL)?,
            "target_session_attrs" => {
                let choices = [("read-write", true), ("any", false)];
                url.needs_writes = choice("target_session_attrs", &value, &choices)?;
            }
            "load_balance_hosts" => {
                url.shuffled = choice("load_balance_hosts", &value, &[("disable", false), ("random", true)])?;
            }
            "connect_timeout" => {
                url.connect_timeout = seconds(number("connect_timeout", &value, 1, DAY_S, " in seconds")?);
            }
            // The only time that libpq has in milliseconds.
            "tcp_user_timeout" => {
                let time = number("tcp_user_timeout", &value, 0, DAY_S * 1000, " in milliseconds")?;
                url.tcp_user_timeout = (time > 0).then(|| Duration::from_millis(time.into()));
            }
            "keepalives" => self.keepalives_enabled = choice("keepalives", &value, &[("0", false), ("1", true)])?,
            "keepalives_idle" => {
                self.keepalives.idle = seconds(number("keepalives_idle", &value, 1, DAY_S, " in seconds")?);
            }
            "keepalives_interval" => {
                self.keepalives.interval = seconds(number("keepalives_interval", &value, 1, DAY_S, " in seconds")?);
            }
            // The second is tokio-postgres's name for it.
            "keepalives_count" | "keepalives_retries" => {
                self.keepalives.count = number("keepalives_count", &value, 1, 100, "")?;
            }
            "application_name" => url.application_name = filled(value),
            "options" => url.options = filled(value),
            name => return Err(unknown(name)),
        }
        Ok(())
    }

    /// Combines the parts, and takes what is missing from the environment.
    pub(super) fn into_url(self, environment: Environment) -> Result<PostgresUrl, PostgresUrlError> {
        let endpoints = self.endpoints(&environment)?;
        let mut url = self.url;
        url.endpoints = endpoints;
        let user = filled(self.user).or(environment.user_variable.and_then(filled)).or(environment.system_user);
        url.user = user.ok_or(PostgresUrlError::NoUser)?;
        url.password = filled(self.password).or(environment.password.and_then(filled)).map(Password);
        url.database = filled(self.database).unwrap_or_else(|| url.user.clone());
        url.keepalives = self.keepalives_enabled.then_some(self.keepalives);
        let is_system = url.tls.root == Some(RootCertificate::System);
        url.tls.mode = match self.ssl_mode {
            None if is_system => SslMode::VerifyFull,
            Some(mode) if is_system && mode != SslMode::VerifyFull => {
                return Err(PostgresUrlError::WeakForSystem(mode));
            }
            mode => mode.unwrap_or(url.tls.mode),
        };
        if url.tls.direct && url.tls.mode < SslMode::Require {
            return Err(PostgresUrlError::WeakForDirect(url.tls.mode));
        }
        Ok(url)
    }

    fn endpoints(&self, environment: &Environment) -> Result<Vec<Endpoint>, PostgresUrlError> {
        let Parts { hosts, ports, addresses, .. } = self;
        // Addresses may be given without hosts, or beside them.
        let hosts: Vec<&str> = match hosts.as_slice() {
            [host] if host.is_empty() && !addresses.is_empty() => vec![""; addresses.len()],
            hosts => hosts.iter().map(String::as_str).collect(),
        };
        let counts = |others, what| PostgresUrlError::Counts { hosts: hosts.len(), others, what };
        if !addresses.is_empty() && addresses.len() != hosts.len() {
            return Err(counts(addresses.len(), "addresses"));
        }
        if ports.len() != 1 && ports.len() != hosts.len() {
            return Err(counts(ports.len(), "ports"));
        }
        let endpoint = |(index, host): (usize, &&str)| {
            let port = match ports.get(index).unwrap_or(&ports[0]).as_str() {
                "" => PORT_DEFAULT,
                text => text.parse().ok().filter(|port| *port != 0).ok_or(PostgresUrlError::Port)?,
            };
            Ok(match (*host, addresses.get(index)) {
                ("", Some(address)) => Endpoint::Tcp { host: address.to_string(), address: Some(*address), port },
                ("", None) => Endpoint::Socket { directory: environment.socket_directory.clone(), port },
                (host, None) if host.starts_with('/') => Endpoint::Socket { directory: host.into(), port },
                (host, address) => Endpoint::Tcp { host: host.into(), address: address.copied(), port },
            })
        };
        hosts.iter().enumerate().map(endpoint).collect()
    }
}

impl ChannelBinding {
    const ALL: [(&'static str, ChannelBinding); 3] = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
}

fn filled(text: String) -> Option<String> {
    Some(text).filter(|text| !text.is_empty())
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn refused(name: &'static str, value: &str, expected: impl Display) -> PostgresUrlError {
    PostgresUrlError::Value { name, value: value.into(), expected: expected.to_string() }
}

fn choice<T: Copy>(name: &'static str, value: &str, choices: &[(&str, T)]) -> Result<T, PostgresUrlError> {
    if let Some((_, choice)) = choices.iter().find(|(text, _)| *text == value) {
        return Ok(*choice);
    }
    let names: Vec<&str> = choices.iter().map(|(text, _)| *text).collect();
    let near = nearest(value, names.iter().copied()).map(|near| format!("; did you mean `{near}`?"));
    let all = names.join("`, `");
    Err(refused(name, value, format!("{}; expected `{all}`", near.unwrap_or_default())))
}

fn number(name: &'static str, value: &str, from: u32, to: u32, unit: &str) -> Result<u32, PostgresUrlError> {
    let number = value.parse().ok().filter(|number| (from..=to).contains(number));
    number.ok_or_else(|| refused(name, value, format!("; expected a whole number from {from} to {to}{unit}")))
}

fn unknown(name: &str) -> PostgresUrlError {
    let suggestion = match nearest(name, NAMES) {
        Some(near) => format!("; did you mean `{near}`?"),
        None => format!("; hookflow supports `{}`", NAMES.join("`, `")),
    };
    PostgresUrlError::UnknownParameter { name: name.into(), suggestion }
}
