//! TLS to PostgreSQL, as libpq does it: <https://www.postgresql.org/docs/15/libpq-ssl.html>.
//!
//! What is checked of the server's certificate depends on the mode and on whether there are root certificates:
//!
//! | sslmode | root certificates | checked |
//! |---|---|---|
//! | `allow`, `prefer`, `require` | none | nothing |
//! | `allow`, `prefer`, `require` | given, or in `~/.postgresql/root.crt` | its issuer |
//! | `verify-ca` | needed | its issuer |
//! | `verify-full` | needed | its issuer, and that it is for this host |
//!
//! Unlike libpq, a missing file that the URL names is an error in every mode, because a typo must not disable
//! verification. And host names count only if they are subject alternative names.

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{self, CryptoProvider, WebPkiSupportedAlgorithms};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::base::pem::{self, PemError};
use crate::store::postgres::url::{ChannelBinding, RootCertificate, SslMode, TlsSettings};

/// PostgreSQL's name in the negotiation of protocols, which `sslnegotiation=direct` needs.
const PROTOCOL: &[u8] = b"postgresql";

/// Why TLS can't be set up, regardless of the server.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error(
        "sslmode={mode} checks the server's certificate, which needs its issuer's; set sslrootcert=PATH to a file with \
         that{default}, or sslrootcert=system to trust the issuers that the operating system trusts"
    )]
    NoRoot { mode: SslMode, default: String },
    #[error(transparent)]
    File(#[from] PemError),
    #[error("sslrootcert=system: this operating system has no trusted certificates{reason}")]
    NoSystemRoots { reason: String },
    #[error("the certificate `{certificate}` of sslcert and the key `{key}` of sslkey can't be used: {reason}")]
    ClientCertificate { certificate: String, key: String, reason: String },
}

/// Turns a plain connection into one with TLS. Files are read again each time, so that renewed ones are used.
pub(super) fn connector(settings: &TlsSettings, home: Option<&Path>) -> Result<MakeRustlsConnect, TlsError> {
    let provider = Arc::new(crypto::ring::default_provider());
    let verifier = Verifier::new(settings, home, &provider)?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring knows the default versions of TLS")
        // rustls's own verifier always checks everything, and three of the five modes ask for less.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let mut config = match client_certificate(settings, home)? {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            let chain = pem::certificates(&certificate, "sslcert")?;
            let private_key = pem::private_key(&key, "sslkey")?;
            builder.with_client_auth_cert(chain, private_key).map_err(|error| TlsError::ClientCertificate {
                certificate: certificate.display().to_string(),
                key: key.display().to_string(),
                reason: match error {
                    rustls::Error::InconsistentKeys(_) => "the key is that of another certificate".into(),
                    error => error.to_string(),
                },
            })?
        }
    };
    if settings.direct {
        config.alpn_protocols.push(PROTOCOL.into());
    }
    Ok(MakeRustlsConnect::new(config))
}

/// A file in the user's home that libpq uses when the URL names none.
fn default_file(home: Option<&Path>, name: &str) -> Option<PathBuf> {
    home.map(|home| home.join(".postgresql").join(name))
}

/// The certificate to show to the server, and its key.
fn client_certificate(settings: &TlsSettings, home: Option<&Path>) -> Result<Option<(PathBuf, PathBuf)>, TlsError> {
    let default = || default_file(home, "postgresql.crt").filter(|path| path.exists());
    let Some(certificate) = settings.certificate.clone().or_else(default) else { return Ok(None) };
    let key = settings.key.clone().or_else(|| default_file(home, "postgresql.key"));
    let key = key.ok_or_else(|| TlsError::ClientCertificate {
        certificate: certificate.display().to_string(),
        key: String::new(),
        reason: "no key is set".into(),
    })?;
    Ok(Some((certificate, key)))
}

/// The certificates of the trusted issuers; `None` if none were named.
fn trusted(settings: &TlsSettings, home: Option<&Path>) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let default = default_file(home, "root.crt");
    match &settings.root {
        Some(RootCertificate::File(path)) => Ok(pem::certificates(path, "sslrootcert")?),
        Some(RootCertificate::System) => {
            let found = rustls_native_certs::load_native_certs();
            if found.certs.is_empty() {
                let reason = found.errors.first().map(|error| format!(": {error}")).unwrap_or_default();
                return Err(TlsError::NoSystemRoots { reason });
            }
            Ok(found.certs)
        }
        None => match default.as_deref().filter(|path| path.exists()) {
            Some(path) => Ok(pem::certificates(path, "sslrootcert")?),
            None if settings.mode >= SslMode::VerifyCa => {
                let default = default.map(|path| format!(" (`{}` if there is one)", path.display()));
                Err(TlsError::NoRoot { mode: settings.mode, default: default.unwrap_or_default() })
            }
            None => Ok(Vec::new()),
        },
    }
}

/// How much of a server's certificate is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Nothing,
    Issuer,
    IssuerAndName,
}

#[derive(Debug)]
struct Verifier {
    check: Check,
    trusted: Vec<CertificateDer<'static>>,
    roots: RootCertStore,
    algorithms: WebPkiSupportedAlgorithms,
    is_bound: bool,
}

impl Verifier {
    fn new(settings: &TlsSettings, home: Option<&Path>, provider: &CryptoProvider) -> Result<Verifier, TlsError> {
        let trusted = trusted(settings, home)?;
        let check = match settings.mode {
            SslMode::VerifyFull => Check::IssuerAndName,
            _ if trusted.is_empty() => Check::Nothing,
            _ => Check::Issuer,
        };
        let mut roots = RootCertStore::empty();
        // Some systems ship certificates that rustls can't read; what they have signed is not trusted.
        roots.add_parsable_certificates(trusted.iter().cloned());
        let algorithms = provider.signature_verification_algorithms;
        let is_bound = settings.channel_binding == ChannelBinding::Require;
        Ok(Verifier { check, trusted, roots, algorithms, is_bound })
    }

    fn check_issuer(
        &self,
        certificate: &CertificateDer<'_>,
        parsed: &ParsedCertificate<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        use CertificateError::{Expired, ExpiredContext, NotValidYet, NotValidYetContext};
        use rustls::Error::InvalidCertificate;
        let checked =
            verify_server_cert_signed_by_trust_anchor(parsed, &self.roots, intermediates, now, self.algorithms.all);
        match checked {
            Err(InvalidCertificate(Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. })) => {
                checked
            }
            // A certificate that was named as trusted needs no issuer. The check rejects it nevertheless if it is
            // marked as a CA, as `openssl req -x509` marks those that PostgreSQL's manual creates.
            _ if self.trusted.iter().any(|trusted| trusted == certificate) => Ok(()),
            _ => checked,
        }
    }

    /// Whether the server need not prove that it has the key to its certificate.
    ///
    /// rustls reads no certificates of X.509 version 1, which older versions of openssl create by PostgreSQL's manual.
    /// Where nothing is checked, the proof would not identify the server, and libpq connects. Its only use there is to
    /// bind the password to the connection.
    fn goes_without_proof(&self, certificate: &CertificateDer<'_>) -> bool {
        self.check == Check::Nothing && !self.is_bound && ParsedCertificate::try_from(certificate).is_err()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // This is what sslmode=allow, prefer and require mean: safe from eavesdroppers, but not from a man in the
        // middle. The manual warns of it; name a root certificate for more.
        if self.check == Check::Nothing {
            return Ok(ServerCertVerified::assertion());
        }
        let parsed = ParsedCertificate::try_from(certificate)?;
        self.check_issuer(certificate, &parsed, intermediates, now)?;
        if self.check == Check::IssuerAndName {
            verify_server_name(&parsed, name)?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.goes_without_proof(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        crypto::verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        if self.goes_without_proof(certificate) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        crypto::verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}
