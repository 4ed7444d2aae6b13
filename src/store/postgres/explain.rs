//! What the errors of the libraries mean to operators.

use std::error::Error;
use std::io;

use diesel::result::DatabaseErrorKind;
use rustls::CertificateError;
use rustls::pki_types::InvalidDnsNameError;
use tokio_postgres::error::{DbError, SqlState};

use super::connect_error::ConnectError;
use crate::store::postgres::url::{Endpoint, PostgresUrl, RootCertificate};

/// The attempt that failed.
pub(super) struct Situation<'a> {
    pub(super) url: &'a PostgresUrl,
    pub(super) endpoint: &'a Endpoint,
}

impl Situation<'_> {
    fn place(&self) -> String {
        self.endpoint.to_string()
    }

    pub(super) fn not_found(&self, host: &str, reason: impl ToString) -> ConnectError {
        let reason = reason.to_string();
        let reason = reason.strip_prefix("failed to lookup address information: ").unwrap_or(&reason);
        ConnectError::HostNotFound { host: host.into(), reason: reason.into() }
    }

    pub(super) fn timed_out(&self) -> ConnectError {
        ConnectError::TimedOut { place: self.place(), seconds: self.url.connect_timeout.as_secs() }
    }

    pub(super) fn too_old(&self, version: Option<&str>) -> ConnectError {
        let version = version.filter(|version| !version.is_empty()).unwrap_or("of an unknown version");
        ConnectError::TooOld { place: self.place(), version: version.into() }
    }

    /// What an error after the start of the session means.
    pub(super) fn explain_later(&self, error: diesel::result::Error) -> ConnectError {
        match error {
            diesel::result::Error::DatabaseError(DatabaseErrorKind::UnableToSendCommand, _) => {
                ConnectError::Closed { place: self.place() }
            }
            error => self.other(error),
        }
    }

    pub(super) fn other(&self, source: impl Into<Box<dyn Error + Send + Sync>>) -> ConnectError {
        ConnectError::Other { place: self.place(), source: source.into() }
    }

    /// The meaning of an error of the library. Only its message tells the kinds apart, so its causes are inspected.
    pub(super) fn explain(&self, error: tokio_postgres::Error) -> ConnectError {
        let (place, mode) = (self.place(), self.url.tls.mode);
        if let Some(error) = error.as_db_error() {
            return self.explain_refusal(error);
        }
        let cause = error.source();
        if let Some(error) = cause.and_then(tls_error) {
            return self.explain_tls(error);
        }
        if let Some(error) = cause.and_then(|cause| cause.downcast_ref::<io::Error>()) {
            return self.explain_io(error);
        }
        match cause.map(ToString::to_string).as_deref() {
            Some("password missing") => ConnectError::NoPassword { place, user: self.url.user.clone() },
            Some("server does not support TLS") => ConnectError::NoTls { place, mode },
            _ if error.is_closed() => ConnectError::Closed { place },
            _ => self.other(error),
        }
    }

    fn explain_refusal(&self, error: &DbError) -> ConnectError {
        let place = self.place();
        let PostgresUrl { user, database, .. } = self.url;
        let user = user.clone();
        let more = [error.detail(), error.hint()].into_iter().flatten().map(|text| format!("; {text}"));
        let reason = format!("{}{}", error.message(), more.collect::<String>());
        match *error.code() {
            SqlState::INVALID_PASSWORD => ConnectError::WrongPassword { place, user },
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION => ConnectError::NotLetIn { place, user, reason },
            SqlState::INVALID_CATALOG_NAME => ConnectError::NoDatabase { place, database: database.clone(), user },
            SqlState::TOO_MANY_CONNECTIONS => ConnectError::TooManyConnections { place, reason },
            SqlState::CANNOT_CONNECT_NOW | SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN => {
                ConnectError::NotReady { place, reason }
            }
            ref code => ConnectError::Rejected { place, reason: format!("{reason} ({})", code.code()) },
        }
    }

    fn explain_tls(&self, error: &rustls::Error) -> ConnectError {
        let (place, mode) = (self.place(), self.url.tls.mode);
        match error {
            rustls::Error::InvalidCertificate(error) => {
                ConnectError::Certificate { place, mode, reason: self.explain_certificate(error) }
            }
            rustls::Error::AlertReceived(alert) if self.url.tls.certificate.is_some() => {
                let reason = format!("the server answered {alert:?}; it may not accept the certificate of sslcert");
                ConnectError::Tls { place, mode, reason }
            }
            rustls::Error::AlertReceived(alert) => {
                ConnectError::Tls { place, mode, reason: format!("the server answered {alert:?}") }
            }
            error => ConnectError::Tls { place, mode, reason: error.to_string() },
        }
    }

    fn explain_certificate(&self, error: &CertificateError) -> String {
        let roots = match &self.url.tls.root {
            Some(RootCertificate::System) => "an issuer that this operating system trusts (sslrootcert=system)".into(),
            Some(RootCertificate::File(path)) => format!("an issuer in `{}` (sslrootcert)", path.display()),
            None => "an issuer in `~/.postgresql/root.crt` (sslrootcert is not set)".to_owned(),
        };
        match error {
            CertificateError::UnknownIssuer => {
                format!("it is not signed by {roots}; set sslrootcert to a file with its issuer's certificate")
            }
            CertificateError::NotValidForNameContext { presented, .. } if presented.is_empty() => {
                "it names no host: it has no subject alternative name; create it again with one, or use sslmode=verify-ca \
                 to skip the check of the name"
                    .into()
            }
            CertificateError::NotValidForNameContext { expected, presented } => format!(
                "it is for {}, not for {}; connect to a name that it contains, or use sslmode=verify-ca to skip the check \
                 of the name",
                names(presented),
                expected.to_str()
            ),
            CertificateError::Other(error) if error.to_string().contains("UnsupportedCertVersion") => {
                "it has X.509 version 1, which can't be checked; create it again with a subject alternative name".into()
            }
            error => error.to_string(),
        }
    }

    fn explain_io(&self, error: &io::Error) -> ConnectError {
        let place = self.place();
        match error.kind() {
            // Reported by the library itself and not by a system call.
            io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => ConnectError::ReadOnly { place },
            // The second is the error for a missing socket.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => ConnectError::Refused { place },
            io::ErrorKind::TimedOut => self.timed_out(),
            io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe => ConnectError::Closed { place },
            _ if error.get_ref().is_some_and(|cause| cause.is::<InvalidDnsNameError>()) => {
                let reason = "the host's name can't be one of a certificate".into();
                ConnectError::Tls { place, mode: self.url.tls.mode, reason }
            }
            // The protocol's reader creates its own errors for data that it doesn't understand.
            _ if error.raw_os_error().is_none() => ConnectError::Foreign { place, reason: error.to_string() },
            _ => ConnectError::Unreachable { place, reason: error.to_string() },
        }
    }
}

/// The names in a certificate, which come as `DnsName("localhost")` and `IpAddress(127.0.0.1)`.
fn names(presented: &[String]) -> String {
    let bare = |name: &String| {
        let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
        inner.unwrap_or(name).trim_matches('"').to_owned()
    };
    presented.iter().map(bare).collect::<Vec<_>>().join(", ")
}

/// The TLS error within an I/O error.
fn tls_error<'a>(cause: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    cause.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}
