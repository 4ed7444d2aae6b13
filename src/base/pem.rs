//! Certificates and private keys from PEM files.

use std::path::Path;

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a PEM file can't be used. `setting` is the flag or parameter that names the file.
#[derive(Debug, thiserror::Error)]
pub enum PemError {
    #[error("{setting}: `{path}` can't be read: {reason}")]
    Unreadable { setting: &'static str, path: String, reason: String },
    #[error("{setting}: `{path}` contains no PEM certificate")]
    NoCertificate { setting: &'static str, path: String },
    #[error("{setting}: `{path}` contains no PEM private key without a passphrase")]
    NoKey { setting: &'static str, path: String },
}

/// All certificates in a file; at least one.
///
/// # Errors
/// [`PemError`], which names the file and its setting.
pub fn certificates(path: &Path, setting: &'static str) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let refuse = |error| unreadable(error, path, setting);
    let read: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(refuse)?.collect();
    let certificates = read.map_err(refuse)?;
    match certificates.is_empty() {
        true => Err(PemError::NoCertificate { setting, path: path.display().to_string() }),
        false => Ok(certificates),
    }
}

/// The first private key in a file.
///
/// # Errors
/// [`PemError`], which names the file and its setting.
pub fn private_key(path: &Path, setting: &'static str) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => PemError::NoKey { setting, path: path.display().to_string() },
        error => unreadable(error, path, setting),
    })
}

fn unreadable(error: pem::Error, path: &Path, setting: &'static str) -> PemError {
    let reason = match error {
        pem::Error::Io(error) => error.to_string(),
        error => error.to_string(),
    };
    PemError::Unreadable { setting, path: path.display().to_string(), reason }
}
