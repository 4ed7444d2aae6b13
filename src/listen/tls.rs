//! TLS of the listeners: one certificate from two files, reloaded whenever they change.
//!
//! A new pair applies to subsequent connections. If it is invalid, the error is reported and the last good pair stays:
//! an incomplete renewal must not lock senders out. Both files are read together, since certificate and key must match.
//!
//! Limits: TLS 1.2 and 1.3, as supported by rustls. One certificate, whatever name a client requests. Expiry is not
//! monitored here.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::sync::watch;

use crate::base::file_watch::FolderWatcher;
use crate::base::pem::{self, PemError};
use crate::config::TlsFiles;

const CERTIFICATE: &str = "--tls-cert";
const KEY: &str = "--tls-key";
/// How often the files are read without a notification: some file systems send none.
const POLL_EVERY: Duration = Duration::from_secs(60);

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

    /// Reloads the files after each change, until `stop` becomes true.
    pub async fn watch(self, mut stop: watch::Receiver<bool>) {
        let folders = [&self.certificate, &self.key].map(|file| match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        });
        let mut changes = match FolderWatcher::new(folders) {
            Ok(changes) => Some(changes),
            Err(error) => {
                log::warn!(err:err = error; "the certificate's folder cannot be watched; the files are read once a minute");
                None
            }
        };
        let mut reported = None;
        loop {
            // Changes between the start and the watching were not notified.
            reported = self.reload(reported);
            tokio::select! {
                () = changed(&mut changes) => {}
                () = tokio::time::sleep(POLL_EVERY) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Applies the current files, or reports why not, unless `reported` holds the same error. Returns what is now
    /// reported.
    fn reload(&self, reported: Option<String>) -> Option<String> {
        match read(&self.certificate, &self.key) {
            Ok(pair) if pair.cert == self.in_force.load().cert => None,
            Ok(pair) => {
                self.in_force.store(Arc::new(pair));
                log::info!(file:% = self.certificate.display(); "certificate reloaded");
                None
            }
            Err(error) => {
                let error = error.to_string();
                if reported.as_ref() != Some(&error) {
                    log::error!(err = error.as_str(); "the new certificate cannot be used; the last good one stays");
                }
                Some(error)
            }
        }
    }
}

impl ResolvesServerCert for Tls {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.in_force.load_full())
    }
}

/// Waits for a notification; forever if there can be none.
async fn changed(changes: &mut Option<FolderWatcher>) {
    if let Some(changes) = changes
        && changes.changed().await
    {
        return;
    }
    std::future::pending().await
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
