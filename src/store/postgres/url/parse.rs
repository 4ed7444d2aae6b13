//! Takes a PostgreSQL URL apart.

use std::path::{Path, PathBuf};

use super::parameters::Parts;
use super::{PostgresUrl, PostgresUrlError, SCHEMES};

/// The environment of the process, where libpq finds what a URL omits.
pub(super) struct Environment {
    pub(super) user_variable: Option<String>,
    pub(super) system_user: Option<String>,
    /// `PGPASSWORD`, which keeps the password out of flags, since `ps` shows those.
    pub(super) password: Option<String>,
    pub(super) socket_directory: PathBuf,
}

impl Environment {
    pub(super) fn of_this_process() -> Environment {
        // Debian's packages and PostgreSQL's containers use the first, a server built from source the second.
        let directories = ["/var/run/postgresql", "/tmp"];
        let directory = directories.into_iter().find(|directory| Path::new(directory).is_dir()).unwrap_or("/tmp");
        Environment {
            user_variable: std::env::var("PGUSER").ok(),
            system_user: whoami::username().ok(),
            password: std::env::var("PGPASSWORD").ok(),
            socket_directory: directory.into(),
        }
    }
}

pub(super) fn parse(text: &str, environment: Environment) -> Result<PostgresUrl, PostgresUrlError> {
    let scheme = SCHEMES.into_iter().find(|scheme| text.starts_with(scheme)).unwrap_or(SCHEMES[0]);
    let rest = text.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("//"));
    let rest = rest.ok_or(PostgresUrlError::NoSlashes(scheme))?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (credentials, hosts) = match authority.split_once('@') {
        Some((credentials, hosts)) => (Some(credentials), hosts),
        None => (None, authority),
    };
    // Checked first: a password with an unescaped `/`, `?` or `@` would be parsed as a host or a port, and then be
    // shown.
    if hosts.contains('@') || rest.contains('@') {
        return Err(PostgresUrlError::Unescaped);
    }
    let mut parts = Parts::default();
    if let Some(credentials) = credentials {
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        parts.user = decoded(user, "the user")?;
        parts.password = decoded(password, "the password")?;
    }
    (parts.hosts, parts.ports) = hosts_and_ports(hosts)?;
    parts.database = decoded(path.strip_prefix('/').unwrap_or(path), "the database")?;
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').ok_or(PostgresUrlError::NoParameters)?;
        parts.set(&decoded(name, "a parameter")?, decoded(value, "a parameter")?)?;
    }
    parts.into_url(environment)
}

/// The hosts of `a:1,b,[::1]:2`, and their ports: empty where there is none.
fn hosts_and_ports(text: &str) -> Result<(Vec<String>, Vec<String>), PostgresUrlError> {
    let mut hosts = Vec::new();
    let mut ports = Vec::new();
    for place in text.split(',') {
        let (host, port) = match place.strip_prefix('[') {
            Some(place) => place.split_once(']').ok_or(PostgresUrlError::Brackets)?,
            None => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        let port = match port {
            "" => "",
            port => port.strip_prefix(':').ok_or(PostgresUrlError::Brackets)?,
        };
        hosts.push(decoded(host, "a host")?);
        ports.push(decoded(port, "a port")?);
    }
    Ok((hosts, ports))
}

/// Decodes percent-encoding. A plus sign remains one, as in libpq.
fn decoded(text: &str, part: &'static str) -> Result<String, PostgresUrlError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        match (first, after) {
            (b'%', [high, low, after @ ..]) => {
                let byte = hex::decode([*high, *low]).map_err(|_| PostgresUrlError::Escape(part))?;
                bytes.extend(byte);
                rest = after;
            }
            (b'%', _) => return Err(PostgresUrlError::Escape(part)),
            (byte, after) => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    // The protocol ends texts with a zero byte, so they can't contain one.
    let text = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.ok_or(PostgresUrlError::Escape(part))
}
