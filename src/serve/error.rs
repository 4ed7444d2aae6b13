//! Why the server does not run.

use std::net::SocketAddr;

use crate::catalog::files::FilesError;
use crate::catalog::keys;
use crate::catalog::variables::SecretKeyError;
use crate::listen::tls::TlsError;
use crate::outbound::{ClientError, MailerError, PolicyError};
use crate::secrets::vault;
use crate::store::{OpenError, StoreError};

/// Why the server can't start, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("the address {address} is in use by another program; stop it, or listen elsewhere with {flag}")]
    AddressInUse { address: SocketAddr, flag: &'static str },
    #[error("can't listen on {address}: {source}")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("--outbound-allow is not valid")]
    Policy(#[from] PolicyError),
    #[error("calls to other servers can't be set up")]
    Client(#[from] ClientError),
    #[error(transparent)]
    Mail(#[from] MailerError),
    #[error(transparent)]
    AdminKey(#[from] keys::KeyError),
    #[error(transparent)]
    SecretKey(#[from] SecretKeyError),
    #[error(transparent)]
    Vault(#[from] vault::KeyError),
    #[error("the database could not be set up")]
    Store(#[from] StoreError),
    #[error("the server stopped")]
    Server(#[source] std::io::Error),
}
