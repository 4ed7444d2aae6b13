//! The six modes, the certificates, and what is said of them.

use super::cluster::{Cluster, WITH_TLS, WITHOUT_TLS};
use super::{ask, refusal, wrapped};

const IS_ENCRYPTED: &str = "(SELECT ssl::text FROM pg_stat_ssl WHERE pid = pg_backend_pid())";

fn is_encrypted(url: &str) -> bool {
    ask(url, IS_ENCRYPTED) == "true"
}

/// What is said, with the port and the directory of the server replaced.
fn said(cluster: &Cluster, url: &str) -> String {
    let error = refusal(url);
    assert!(!error.is_passing(), "{error}");
    let text = error.to_string();
    text.replace(&cluster.port.to_string(), "PORT").replace(cluster.directory(), "FILES")
}

fn wrapped_said(cluster: &Cluster, url: &str) -> String {
    wrapped(&said(cluster, url))
}

#[test]
fn each_mode_encrypts_when_it_should() {
    for (mode, with_tls) in [
        ("sslmode=disable", false),
        ("sslmode=allow", false),
        ("application_name=default", true),
        ("sslmode=prefer", true),
        ("sslmode=require", true),
        ("sslmode=require&sslrootcert=FILES/ca.crt", true),
        ("sslmode=verify-ca&sslrootcert=FILES/ca.crt", true),
        ("sslmode=verify-full&sslrootcert=FILES/ca.crt", true),
    ] {
        assert_eq!(is_encrypted(&WITH_TLS.app(&format!("?{mode}"))), with_tls, "{mode}");
    }
    for mode in ["disable", "allow", "prefer"] {
        assert!(!is_encrypted(&WITHOUT_TLS.app(&format!("?sslmode={mode}"))), "{mode}");
    }
    for mode in ["require", "verify-ca&sslrootcert=FILES/ca.crt", "verify-full&sslrootcert=FILES/ca.crt"] {
        let said = said(&WITHOUT_TLS, &WITHOUT_TLS.app(&format!("?sslmode={mode}")));
        assert!(said.starts_with("the server on localhost:PORT does not support TLS, which sslmode="), "{said}");
    }
}

#[test]
fn allow_and_prefer_try_the_other_way_too() {
    let tls_only = |mode: &str| WITH_TLS.url("tls_only@localhost", &format!("orders?sslmode={mode}"));
    let plain_only = |mode: &str| WITH_TLS.url("plain_only@localhost", &format!("orders?sslmode={mode}"));
    assert!(is_encrypted(&tls_only("allow")));
    assert!(is_encrypted(&tls_only("prefer")));
    assert!(!is_encrypted(&plain_only("allow")));
    assert!(!is_encrypted(&plain_only("prefer")));
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &tls_only("disable")), @r#"
    the server on localhost:PORT refuses the user `tls_only`: no pg_hba.conf entry for host "127.0.0.1",
    user "tls_only", database "orders", no encryption; its pg_hba.conf says who can connect, and how
    "#);
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &plain_only("require")), @r#"
    the server on localhost:PORT refuses the user `plain_only`: no pg_hba.conf entry for host
    "127.0.0.1", user "plain_only", database "orders", SSL encryption; its pg_hba.conf says who can
    connect, and how
    "#);
    // The server's certificate is not accepted, and without TLS this user is not let in.
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &tls_only("prefer&sslrootcert=FILES/other-ca.crt")), @r#"
    with TLS: the certificate of the server on localhost:PORT is invalid with sslmode=prefer: it is not
    signed by an issuer in `FILES/other-ca.crt` (sslrootcert); set sslrootcert to a file with its
    issuer's certificate; without TLS: the server on localhost:PORT refuses the user `tls_only`: no
    pg_hba.conf entry for host "127.0.0.1", user "tls_only", database "orders", no encryption; its
    pg_hba.conf says who can connect, and how
    "#);
    assert!(!is_encrypted(&WITH_TLS.app("?sslmode=prefer&sslrootcert=FILES/other-ca.crt")));
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &WITH_TLS.url("nobody@localhost", "orders")), @r#"
    with TLS: the server on localhost:PORT refuses the user `nobody`: no pg_hba.conf entry for host
    "127.0.0.1", user "nobody", database "orders", SSL encryption; its pg_hba.conf says who can connect,
    and how; without TLS: the server on localhost:PORT refuses the user `nobody`: no pg_hba.conf entry
    for host "127.0.0.1", user "nobody", database "orders", no encryption; its pg_hba.conf says who can
    connect, and how
    "#);
}

#[test]
fn the_issuer_is_checked() {
    for mode in ["require", "verify-ca", "verify-full"] {
        let said = said(&WITH_TLS, &WITH_TLS.app(&format!("?sslmode={mode}&sslrootcert=FILES/other-ca.crt")));
        assert_eq!(
            said,
            format!(
                "the certificate of the server on localhost:PORT is invalid with sslmode={mode}: it is not signed \
                 by an issuer in `FILES/other-ca.crt` (sslrootcert); set sslrootcert to a file with its issuer's \
                 certificate"
            )
        );
    }
    let said = said(&WITH_TLS, &WITH_TLS.app("?sslrootcert=system"));
    assert!(said.contains("sslrootcert=system"), "{said}");
    assert!(
        said.contains("with sslmode=verify-full: it is not signed by") || said.contains("has no trusted certificates"),
        "{said}"
    );
}

#[test]
fn the_name_is_checked_by_verify_full_alone() {
    let elsewhere = |mode: &str| {
        let rest = format!("orders?sslmode={mode}&sslrootcert=FILES/ca.crt&hostaddr=127.0.0.1&password=sesame");
        WITH_TLS.url("app@db.example.org", &rest)
    };
    assert!(is_encrypted(&elsewhere("require")));
    assert!(is_encrypted(&elsewhere("verify-ca")));
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &elsewhere("verify-full")), @r"
    the certificate of the server on db.example.org:PORT is invalid with sslmode=verify-full: it is for
    localhost, 127.0.0.1, not for db.example.org; connect to a name that it contains, or use
    sslmode=verify-ca to skip the check of the name
    ");
    let by_address = "orders?sslmode=verify-full&sslrootcert=FILES/ca.crt&password=sesame";
    assert!(is_encrypted(&WITH_TLS.url("app@127.0.0.1", by_address)));
}

#[test]
fn a_file_that_is_named_has_to_be_there() {
    for mode in ["prefer", "require", "verify-full"] {
        let said = said(&WITH_TLS, &WITH_TLS.app(&format!("?sslmode={mode}&sslrootcert=FILES/ca.cert")));
        assert_eq!(said, "sslrootcert: `FILES/ca.cert` can't be read: No such file or directory (os error 2)");
    }
    let said = said(&WITH_TLS, &WITH_TLS.app("?sslmode=verify-ca&sslrootcert=FILES/server.key"));
    assert_eq!(said, "sslrootcert: `FILES/server.key` contains no PEM certificate");
}

#[test]
fn a_client_certificate_is_shown() {
    let certified = |rest: &str| {
        WITH_TLS.url("certified@localhost", &format!("orders?sslmode=verify-full&sslrootcert=FILES/ca.crt{rest}"))
    };
    assert!(is_encrypted(&certified("&sslcert=FILES/client.crt&sslkey=FILES/client.key")));
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &certified("")), @r"
    the server on localhost:PORT refuses the user `certified`: connection requires a valid client
    certificate; its pg_hba.conf says who can connect, and how
    ");
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &certified("&sslcert=FILES/client.crt&sslkey=FILES/server.key")), @r"
    the certificate `FILES/client.crt` of sslcert and the key `FILES/server.key` of sslkey can't be
    used: the key is that of another certificate
    ");
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &certified("&sslcert=FILES/client.crt&sslkey=FILES/client.crt")), @r"
    sslkey: `FILES/client.crt` contains no PEM private key without a passphrase
    ");
    // Nobody whom the server trusts has issued this one.
    let unknown = "&sslcert=FILES/other-ca.crt&sslkey=FILES/other-ca.key";
    insta::assert_snapshot!(wrapped_said(&WITH_TLS, &certified(unknown)), @r"
    TLS with the server on localhost:PORT failed with sslmode=verify-full: the server answered
    UnknownCA; it may not accept the certificate of sslcert
    ");
}

#[test]
fn the_password_can_be_bound_to_the_connection() {
    assert!(is_encrypted(&WITH_TLS.app("?channel_binding=require&sslmode=require")));
    assert!(is_encrypted(&WITH_TLS.app("?channel_binding=disable&sslmode=require")));
    let error = refusal(&WITH_TLS.app("?channel_binding=require&sslmode=disable"));
    assert_eq!(
        hookflow::store::chain(&error).replace(&WITH_TLS.port.to_string(), "PORT"),
        "setting up the connection to localhost:PORT failed: authentication error: server did not use channel binding"
    );
}
