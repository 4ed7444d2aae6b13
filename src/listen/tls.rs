//! TLS of the listeners: one certificate from two files, which a background job reloads whenever they change.
//!
//! A new pair applies to subsequent connections. If it is invalid, the last good pair stays:
//! an incomplete renewal must not lock senders out. Both files are read together, since certificate and key must match.
//!
//! Limits: TLS 1.2 and 1.3, as supported by rustls. One certificate, whatever name a client requests. Expiry is not
//! monitored here.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::base::pem::{self, PemError};
use crate::config::TlsFiles;

const CERTIFICATE: &str = "--tls-cert";
const KEY: &str = "--tls-key";

/// Why a certificate cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{present} requires {missing}: TLS needs both")]
    Incomplete { present: &'static str, missing: &'static str },
    #[error(transparent)]
    File(#[from] PemError),
    #[error("the key `{key}` of {KEY} does not match the certificate `{certificate}` of {CERTIFICATE}")]
    OtherKey { certificate: String, key: String },
    #[error("the certificate `{certificate}` of {CERTIFICATE} and the key `{key}` of {KEY} cannot be used: {reason}")]
    Unusable { certificate: String, key: String, reason: String },
}

/// The current certificate; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    in_force: Arc<ArcSwap<CertifiedKey>>,
}

impl Tls {
    /// Reads the files; `None` if none are configured.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn open(files: &TlsFiles) -> Result<Option<Tls>, TlsError> {
        let (certificate, key) = match (&files.tls_cert, &files.tls_key) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(TlsError::Incomplete { present: CERTIFICATE, missing: KEY }),
            (None, Some(_)) => return Err(TlsError::Incomplete { present: KEY, missing: CERTIFICATE }),
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        };
        let in_force = Arc::new(ArcSwap::from_pointee(read(&certificate, &key)?));
        Ok(Some(Tls { certificate, key, in_force }))
    }

    /// The configuration of a listener, which picks up new certificates on its own. The listener adds its ALPN
    /// protocols.
    pub fn server_config(&self) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions of TLS")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()))
    }

    /// The folders of the files, to watch for changes.
    pub fn folders(&self) -> [&Path; 2] {
        [&self.certificate, &self.key].map(|file| match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        })
    }

    /// Reads the files again, and presents the certificate in them from now on.
    ///
    /// # Errors
    /// What is wrong with the files; then the certificate stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let pair = read(&self.certificate, &self.key)?;
        if pair.cert != self.in_force.load().cert {
            self.in_force.store(Arc::new(pair));
            log::info!(file:% = self.certificate.display(); "certificate reloaded");
        }
        Ok(())
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.in_force.load_full())
    }
}

fn read(certificate: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = pem::certificates(certificate, CERTIFICATE)?;
    let private_key = pem::private_key(key, KEY)?;
    CertifiedKey::from_der(chain, private_key, &ring::default_provider()).map_err(|error| {
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        match error {
            rustls::Error::InconsistentKeys(_) => TlsError::OtherKey { certificate, key },
            error => TlsError::Unusable { certificate, key, reason: error.to_string() },
        }
    })
}
