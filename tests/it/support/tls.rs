//! Servers that speak TLS, and connections to them.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::{Server, ServerBuilder};

/// What has a server speak TLS, with files of its folder.
pub const FLAGS: [&str; 4] = ["--tls-cert", "server.crt", "--tls-key", "server.key"];

/// A connection with TLS.
pub type TlsConnection = StreamOwned<ClientConnection, TcpStream>;

/// Has a server speak TLS, with a certificate that it made itself.
pub fn with_tls(builder: ServerBuilder) -> ServerBuilder {
    let made = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate can be made");
    let write = |name: &str, text: String| std::fs::write(builder.directory().join(name), text).unwrap();
    write("server.crt", made.cert.pem());
    write("ca.crt", made.cert.pem());
    write("server.key", made.signing_key.serialize_pem());
    builder.arguments(&FLAGS)
}

/// Connects to a server, trusting only the certificates in its `ca.crt`.
///
/// # Errors
/// If the handshake fails.
pub fn connect(server: &Server, protocols: &[&str]) -> io::Result<TlsConnection> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(server.path("ca.crt")).unwrap() {
        roots.add(certificate.unwrap()).unwrap();
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let mut config = config.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
    let connection = ClientConnection::new(config.into(), ServerName::try_from("127.0.0.1").unwrap()).unwrap();
    let socket = TcpStream::connect(server.address())?;
    socket.set_read_timeout(Some(super::PATIENCE))?;
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}
