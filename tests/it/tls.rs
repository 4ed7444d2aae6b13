//! TLS of the server: what it shows, which protocols it speaks, and certificates that change while it runs.

use std::path::Path;
use std::process::Command;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;

use crate::support::program::{Said, refusal};
use crate::support::tls::{self, FLAGS};
use crate::support::{Server, ServerBuilder, wait_for};

/// An issuer of certificates.
struct Authority {
    pem: String,
    /// Below the issuer itself: what servers have to send along.
    intermediate: (String, Issuer<'static, KeyPair>),
}

impl Authority {
    fn new() -> Authority {
        let params = || {
            let mut params = CertificateParams::new([]).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let root = (params(), KeyPair::generate().unwrap());
        let pem = root.0.self_signed(&root.1).unwrap().pem();
        let root = Issuer::new(root.0, root.1);
        let mut below = params();
        below.distinguished_name.push(rcgen::DnType::CommonName, "intermediate");
        let key = KeyPair::generate().unwrap();
        let certificate = below.signed_by(&key, &root).unwrap().pem();
        Authority { pem, intermediate: (certificate, Issuer::new(below, key)) }
    }

    /// A certificate for 127.0.0.1 followed by its issuer's, and its key.
    fn issue(&self) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.intermediate.1).unwrap().pem();
        (format!("{certificate}{}", self.intermediate.0), key.serialize_pem())
    }

    /// Writes a new certificate and its key into a folder.
    fn write_into(&self, folder: &Path) {
        let (certificate, key) = self.issue();
        write(folder, "server.crt", &certificate);
        write(folder, "server.key", &key);
    }
}

/// Writes a file as tools that renew certificates do: a new one is put in the place of the old one.
fn write(folder: &Path, name: &str, text: &str) {
    let beside = folder.join(format!("{name}.new"));
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(beside, folder.join(name)).unwrap();
}

fn start(authority: &Authority) -> Server {
    let builder = ServerBuilder::new();
    authority.write_into(builder.directory());
    write(builder.directory(), "ca.crt", &authority.pem);
    builder.arguments(&FLAGS).start()
}

/// The output of curl, which trusts only the authority in `ca.crt`.
fn curl(server: &Server, arguments: &[&str]) -> Said {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--cacert", "ca.crt"]).args(arguments).current_dir(server.path(""));
    Said::new(&command.output().expect("curl is installed"))
}

/// The version of HTTP that curl comes to with this flag, posting an order.
fn version_with(server: &Server, flag: &str) -> String {
    let url = server.hook_url("orders");
    let said = curl(server, &[flag, "--json", r#"{"email":"a@b.c"}"#, "--write-out", "\n%{http_version}", &url]);
    let (answer, version) = said.output.split_once('\n').unwrap_or_else(|| panic!("{said:?}"));
    assert_eq!(serde_json::from_str::<Value>(answer).unwrap()["data"]["type"], "transaction");
    version.to_owned()
}

/// The certificate that the server shows.
fn shown(server: &Server) -> Vec<u8> {
    let stream = tls::connect(server, &[]).expect("the server's certificate is accepted");
    stream.conn.peer_certificates().expect("the server shows its certificate")[0].to_vec()
}

#[test]
fn hooks_are_taken_over_tls_with_http_1_and_http_2() {
    let server = start(&Authority::new());
    assert!(server.base_url.starts_with("https://127.0.0.1:"), "{}", server.output());
    assert_eq!(version_with(&server, "--http1.1"), "1.1");
    assert_eq!(version_with(&server, "--http2"), "2");
    let transactions =
        server.get(&format!("{}/transactions", server.hook("orders")["links"]["self"].as_str().unwrap()));
    let transactions = transactions.expect(200);
    assert_eq!(transactions["data"].as_array().unwrap().len(), 2);
    assert_eq!(transactions["data"][0]["meta"]["peer"], "127.0.0.1", "{transactions:#}");
    assert!(server.output().contains("curl https://127.0.0.1:"), "{}", server.output());
}

#[test]
fn requests_without_tls_get_no_answer() {
    let server = start(&Authority::new());
    let said = curl(&server, &[&format!("http://{}/healthz", server.address())]);
    assert_ne!(said.code, Some(0), "{said:?}");
    assert_eq!(server.get_without_key("/healthz").status, 200);
}

#[test]
fn a_new_certificate_is_shown_without_a_restart() {
    let authority = Authority::new();
    let server = start(&authority);
    let first = shown(&server);
    authority.write_into(&server.path(""));
    wait_for("the new certificate", || (shown(&server) != first).then_some(()));
    server.wait_for_log("certificate reloaded");
}

#[test]
fn an_unusable_new_pair_is_reported_and_the_last_good_one_stays() {
    let authority = Authority::new();
    let server = start(&authority);
    let first = shown(&server);
    write(&server.path(""), "server.key", &authority.issue().1);
    server.wait_for_log("the key `server.key` of --tls-key does not match the certificate `server.crt` of --tls-cert");
    write(&server.path(""), "server.crt", "nonsense");
    let log = server.wait_for_log("--tls-cert: `server.crt` contains no PEM certificate");
    assert!(log.contains("the new certificate cannot be used; the last good one stays"), "{log}");
    std::fs::remove_file(server.path("server.crt")).unwrap();
    server.wait_for_log("--tls-cert: `server.crt` can't be read");
    assert_eq!(shown(&server), first);
    assert_eq!(version_with(&server, "--http2"), "2");
    authority.write_into(&server.path(""));
    wait_for("the new certificate", || (shown(&server) != first).then_some(()));
}

#[test]
fn unusable_files_are_reported_at_start() {
    let authority = Authority::new();
    let said = |arguments: &[&str], prepare: &dyn Fn(&Path)| {
        let builder = ServerBuilder::bare().arguments(arguments);
        authority.write_into(builder.directory());
        prepare(builder.directory());
        let directory = builder.shared_directory();
        let said = refusal(builder);
        assert!(!directory.path().join("hookflow.db").exists());
        said
    };
    assert_eq!(said(&FLAGS[..2], &|_| {}), "error: --tls-cert requires --tls-key: TLS needs both");
    assert_eq!(said(&FLAGS[2..], &|_| {}), "error: --tls-key requires --tls-cert: TLS needs both");
    assert_eq!(
        said(&FLAGS, &|folder| std::fs::remove_file(folder.join("server.key")).unwrap()),
        "error: --tls-key: `server.key` can't be read: No such file or directory (os error 2)"
    );
    assert_eq!(
        said(&FLAGS, &|folder| write(folder, "server.crt", &authority.issue().1)),
        "error: --tls-cert: `server.crt` contains no PEM certificate"
    );
    assert_eq!(
        said(&FLAGS, &|folder| write(folder, "server.key", &authority.issue().0)),
        "error: --tls-key: `server.key` contains no PEM private key without a passphrase"
    );
    assert_eq!(
        said(&FLAGS, &|folder| write(folder, "server.key", &authority.issue().1)),
        "error: the key `server.key` of --tls-key does not match the certificate `server.crt` of --tls-cert"
    );
}
