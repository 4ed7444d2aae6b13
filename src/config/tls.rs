//! The certificate that the listeners show.

use std::path::PathBuf;

/// The files of the certificate and its key, in PEM format. Both are given, or neither; whoever reads them says which one is
/// missing, since no other command than `serve` minds.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TlsFiles {
    /// Speak TLS, with the certificate in this file and, after it, those of its issuers; PEM, read again when it changes
    #[arg(long, env = "HOOKFLOW_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// The key of the certificate; PEM
    #[arg(long, env = "HOOKFLOW_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}
