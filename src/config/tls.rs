//! Settings of TLS.

use std::path::PathBuf;

/// The PEM files of the certificate and its key. Both or neither must be given, which only `serve` checks.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct TlsFiles {
    /// PEM file with the certificate, followed by its issuers; enables TLS and is reloaded when it changes
    #[arg(long, env = "HOOKFLOW_TLS_CERT", value_name = "FILE")]
    pub tls_cert: Option<PathBuf>,
    /// PEM file with the certificate's private key
    #[arg(long, env = "HOOKFLOW_TLS_KEY", value_name = "FILE")]
    pub tls_key: Option<PathBuf>,
}
