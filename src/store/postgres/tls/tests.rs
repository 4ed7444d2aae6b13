//! Checks of a server's certificate, without a server.

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::pem::PemObject;
use tempfile::TempDir;

use super::*;

/// Made by openssl 3.0 with `openssl x509 -req` and without extensions, which makes it one of version 1.
const VERSION_1: &str = "\
-----BEGIN CERTIFICATE-----
MIIBIzCByQIUQPUephS9aeacs9x7dwG1j6bkdgowCgYIKoZIzj0EAwIwFDESMBAG
A1UEAwwJbG9jYWxob3N0MB4XDTI2MTEyMzA4NDIxN1oXDTM2MTEyMDA4NDIxN1ow
FDESMBAGA1UEAwwJbG9jYWxob3N0MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE
feAylEaKDE2IjpIHrp1ayhai8CKg5/IK3mD/eIiMCUMpomOIUsbvHOSFvQ82pq0s
wNgxn6hSlPPthSNUazcg/TAKBggqhkjOPQQDAgNJADBGAiEAtn3+mjHNDiGMCmDg
CvX3tIwfnBjDqxwNUVkhNUg8UPwCIQCbHYFZLSrMpvaUOE1lCIbt2agrOpZNT+Of
vY481lodMQ==
-----END CERTIFICATE-----
";

fn settings(mode: SslMode) -> TlsSettings {
    let channel_binding = ChannelBinding::Prefer;
    TlsSettings { mode, root: None, certificate: None, key: None, direct: false, channel_binding }
}

fn home_with(name: &str, text: &str) -> TempDir {
    let home = TempDir::new().unwrap();
    std::fs::create_dir(home.path().join(".postgresql")).unwrap();
    std::fs::write(home.path().join(".postgresql").join(name), text).unwrap();
    home
}

fn verifier(mode: SslMode, home: Option<&Path>) -> Result<Verifier, TlsError> {
    Verifier::new(&settings(mode), home, &crypto::ring::default_provider())
}

fn check(verifier: &Verifier, certificate: &CertificateDer<'_>, name: &str) -> Result<(), rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    verifier.verify_server_cert(certificate, &[], &name, &[], UnixTime::now()).map(|_| ())
}

/// The certificate that PostgreSQL's manual has servers make for themselves is marked as an issuer's.
fn of_the_manual(year_of_end: i32) -> (CertificateDer<'static>, String) {
    let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(year_of_end, 1, 1);
    let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    (certificate.der().clone(), certificate.pem())
}

#[test]
fn without_a_root_certificate_only_the_modes_that_check_complain() {
    let home = TempDir::new().unwrap();
    for mode in [SslMode::Allow, SslMode::Prefer, SslMode::Require] {
        assert_eq!(verifier(mode, Some(home.path())).unwrap().check, Check::Nothing);
    }
    for mode in [SslMode::VerifyCa, SslMode::VerifyFull] {
        let error = verifier(mode, Some(home.path())).unwrap_err().to_string();
        let file = home.path().join(".postgresql/root.crt");
        assert!(
            error.starts_with(&format!("sslmode={mode} checks the server's certificate, which needs its issuer's"))
        );
        assert!(
            error.contains(&format!("set sslrootcert=PATH to a file with that (`{}` if there is one)", file.display())),
            "{error}"
        );
        assert!(verifier(mode, None).unwrap_err().to_string().contains("with that, or sslrootcert=system"));
    }
}

#[test]
fn the_root_certificate_in_the_home_is_used_as_libpq_does() {
    let (certificate, pem) = of_the_manual(2100);
    let home = home_with("root.crt", &pem);
    for (mode, expected) in [
        (SslMode::Prefer, Check::Issuer),
        (SslMode::Require, Check::Issuer),
        (SslMode::VerifyCa, Check::Issuer),
        (SslMode::VerifyFull, Check::IssuerAndName),
    ] {
        let verifier = verifier(mode, Some(home.path())).unwrap();
        assert_eq!(verifier.check, expected);
        assert_eq!(check(&verifier, &certificate, "localhost"), Ok(()));
        assert_eq!(check(&verifier, &certificate, "elsewhere").is_ok(), expected == Check::Issuer);
        let (stranger, _) = of_the_manual(2100);
        assert!(check(&verifier, &stranger, "localhost").is_err());
    }
}

#[test]
fn a_trusted_certificate_has_to_be_in_force() {
    let (certificate, pem) = of_the_manual(2021);
    let home = home_with("root.crt", &pem);
    let error = check(&verifier(SslMode::VerifyCa, Some(home.path())).unwrap(), &certificate, "localhost").unwrap_err();
    assert!(error.to_string().contains("expired"), "{error}");
}

#[test]
fn a_certificate_of_version_1_does_where_nothing_is_checked() {
    let certificate = CertificateDer::from_pem_slice(VERSION_1.as_bytes()).unwrap();
    let unchecked = verifier(SslMode::Require, None).unwrap();
    assert_eq!(check(&unchecked, &certificate, "localhost"), Ok(()));
    assert!(unchecked.goes_without_proof(&certificate));
    assert!(!unchecked.goes_without_proof(&of_the_manual(2100).0));

    let bound = TlsSettings { channel_binding: ChannelBinding::Require, ..settings(SslMode::Require) };
    let bound = Verifier::new(&bound, None, &crypto::ring::default_provider()).unwrap();
    assert!(!bound.goes_without_proof(&certificate));

    let home = home_with("root.crt", VERSION_1);
    let checked = verifier(SslMode::VerifyCa, Some(home.path())).unwrap();
    assert!(!checked.goes_without_proof(&certificate));
    assert!(check(&checked, &certificate, "localhost").is_err());
}

#[test]
fn the_certificate_in_the_home_is_shown() {
    let home = home_with("postgresql.crt", "");
    let folder = home.path().join(".postgresql");
    let found = client_certificate(&settings(SslMode::Require), Some(home.path())).unwrap();
    assert_eq!(found, Some((folder.join("postgresql.crt"), folder.join("postgresql.key"))));
    let empty = TempDir::new().unwrap();
    assert_eq!(client_certificate(&settings(SslMode::Require), Some(empty.path())).unwrap(), None);
}
