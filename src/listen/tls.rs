//! TLS of the listeners: one certificate from two files, read again whenever they change.
//!
//! A new pair is in force for the connections that come after it. One that can't be used is reported, and the last good one
//! stays: a half-finished renewal must not shut senders out. Both files are read together, since a certificate
//! and a key fit each other or are of no use.
//!
//! Limits: TLS 1.2 and 1.3, as rustls has them. One certificate, whatever name a client asks for. When it expires is for
//! whoever renews it to know.

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
/// How often the files are read without a notice: some file systems send none.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Why a certificate can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("{given} is given without {missing}; TLS needs both")]
    Incomplete { given: &'static str, missing: &'static str },
    #[error(transparent)]
    File(#[from] PemError),
    #[error("the key `{key}` of {KEY} is not that of the certificate `{certificate}` of {CERTIFICATE}")]
    OtherKey { certificate: String, key: String },
    #[error("the certificate `{certificate}` of {CERTIFICATE} and the key `{key}` of {KEY} can't be used: {reason}")]
    Unusable { certificate: String, key: String, reason: String },
}

/// The certificate in force; cheap to clone.
#[derive(Clone, Debug)]
pub struct Tls {
    certificate: PathBuf,
    key: PathBuf,
    in_force: Arc<ArcSwap<CertifiedKey>>,
}

impl Tls {
    /// Reads the files; none if none are named.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn open(files: &TlsFiles) -> Result<Option<Tls>, TlsError> {
        let (certificate, key) = match (&files.tls_cert, &files.tls_key) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(TlsError::Incomplete { given: CERTIFICATE, missing: KEY }),
            (None, Some(_)) => return Err(TlsError::Incomplete { given: KEY, missing: CERTIFICATE }),
            (Some(certificate), Some(key)) => (certificate.clone(), key.clone()),
        };
        let in_force = Arc::new(ArcSwap::from_pointee(read(&certificate, &key)?));
        Ok(Some(Tls { certificate, key, in_force }))
    }

    /// What a listener needs; it takes up new certificates by itself. Protocols for ALPN are the listener's to add.
    pub fn server_config(&self) -> ServerConfig {
        ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the default versions of TLS")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(self.clone()))
    }

    /// Reads the files again after each change, until `stop` turns true.
    pub async fn watch(self, mut stop: watch::Receiver<bool>) {
        let folders = [&self.certificate, &self.key].map(|file| match file.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        });
        let mut changes = match FolderWatcher::new(folders) {
            Ok(changes) => Some(changes),
            Err(error) => {
                log::warn!(err:err = error; "the certificate's folder can't be watched; the files are read once a minute");
                None
            }
        };
        let mut reported = None;
        loop {
            // What changed between the start and the watching has been announced to nobody.
            reported = self.reload(reported);
            tokio::select! {
                () = changed(&mut changes) => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
                _ = stop.changed() => return,
            }
        }
    }

    /// Puts what the files hold now in force, or says why not, unless that was `reported` before; what is reported by now.
    fn reload(&self, reported: Option<String>) -> Option<String> {
        match read(&self.certificate, &self.key) {
            Ok(pair) if pair.cert == self.in_force.load().cert => None,
            Ok(pair) => {
                self.in_force.store(Arc::new(pair));
                log::info!(file:% = self.certificate.display(); "a new certificate is in force");
                None
            }
            Err(error) => {
                let error = error.to_string();
                if reported.as_ref() != Some(&error) {
                    log::error!(err = error.as_str(); "the new certificate can't be used; the last good one stays");
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

/// Waits for a notice; for ever if none can come.
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
