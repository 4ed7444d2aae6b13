//! What is said when a server can't be reached or does not let hookflow in, and whether it is worth trying again.

use hookflow::store::postgres::ConnectError;

use super::cluster::{PASSWORD, WITHOUT_TLS};
use super::{fake, refusal, wrapped};
use crate::support::ports::free_port;

/// Whether it may pass, and what is said, with the port replaced.
fn said(url: &str, port: u16) -> String {
    let error = refusal(url);
    for text in [error.to_string(), format!("{error:?}"), hookflow::store::chain(&error)] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    let kind = if error.is_passing() { "passing" } else { "lasting" };
    wrapped(&format!("{kind}: {error}").replace(&port.to_string(), "PORT"))
}

/// What is said of something that listens on a port of this machine.
fn said_of(port: u16) -> String {
    let url = format!("postgres://app:{PASSWORD}@127.0.0.1:{port}/orders?sslmode=disable&target_session_attrs=any");
    said(&url, port)
}

#[test]
fn a_server_that_does_not_let_in() {
    let port = WITHOUT_TLS.port;
    let of = |host: &str, rest: &str| said(&WITHOUT_TLS.url(host, rest), port);
    insta::assert_snapshot!(of("app:open@localhost", "orders"), @r"
    lasting: the server on localhost:PORT refuses the user `app`: the password is wrong, or the user
    does not exist
    ");
    insta::assert_snapshot!(of("nobody:open@localhost", "orders"), @r#"
    lasting: the server on localhost:PORT refuses the user `nobody`: no pg_hba.conf entry for host
    "127.0.0.1", user "nobody", database "orders", no encryption; its pg_hba.conf says who can connect,
    and how
    "#);
    insta::assert_snapshot!(of("app@localhost", "orders"), @r"
    lasting: the server on localhost:PORT requires a password for the user `app`; set PGPASSWORD, or put
    it in the URL as in `postgres://app:PASSWORD@HOST/DATABASE`
    ");
    insta::assert_snapshot!(of(&format!("app:{PASSWORD}@localhost"), "ordres"), @r"
    lasting: the server on localhost:PORT has no database `ordres`; create it with `createdb --owner app
    ordres`
    ");
}

#[test]
fn a_place_where_there_is_no_server() {
    let port = free_port();
    insta::assert_snapshot!(said_of(port), @"passing: 127.0.0.1:PORT refused the connection; is PostgreSQL running there?");
    let url = format!("postgres://app@/orders?host=/nonexistent&port={port}");
    insta::assert_snapshot!(said(&url, port), @"passing: /nonexistent/.s.PGSQL.PORT refused the connection; is PostgreSQL running there?");
    let error = refusal("postgres://app@nosuchhost.invalid/orders");
    assert!(matches!(error, ConnectError::HostNotFound { .. }));
    assert!(error.to_string().starts_with("the host `nosuchhost.invalid` can't be resolved: "), "{error}");
    assert!(!error.to_string().contains("failed to lookup"), "{error}");
}

#[test]
fn a_server_that_is_too_old() {
    insta::assert_snapshot!(said_of(fake::of_version("9.6.24")), @r"
    lasting: the server on 127.0.0.1:PORT is PostgreSQL 9.6.24; hookflow needs 15 or newer
    ");
    insta::assert_snapshot!(said_of(fake::of_version("14.18 (Debian 14.18-1)")), @r"
    lasting: the server on 127.0.0.1:PORT is PostgreSQL 14.18 (Debian 14.18-1); hookflow needs 15 or
    newer
    ");
    insta::assert_snapshot!(said_of(fake::of_version("")), @r"
    lasting: the server on 127.0.0.1:PORT is PostgreSQL of an unknown version; hookflow needs 15 or
    newer
    ");
}

#[test]
fn a_server_that_is_not_ready() {
    insta::assert_snapshot!(said_of(fake::refuses("57P03", "the database system is starting up")), @r"
    passing: the server on 127.0.0.1:PORT is not ready for connections: the database system is starting
    up
    ");
    insta::assert_snapshot!(said_of(fake::refuses("57P03", "the database system is shutting down")), @r"
    passing: the server on 127.0.0.1:PORT is not ready for connections: the database system is shutting
    down
    ");
    insta::assert_snapshot!(said_of(fake::refuses("53300", "sorry, too many clients already")), @r"
    passing: the server on 127.0.0.1:PORT has no free connections: sorry, too many clients already;
    raise its max_connections, or find out in pg_stat_activity what uses them
    ");
    insta::assert_snapshot!(said_of(fake::refuses("42501", "permission denied for database \"orders\"")), @r#"
    lasting: the server on 127.0.0.1:PORT refuses the connection: permission denied for database
    "orders" (42501)
    "#);
}

#[test]
fn something_that_is_no_server() {
    insta::assert_snapshot!(said_of(fake::listen(drop)), @r"
    passing: 127.0.0.1:PORT closed the connection while it was being set up; is that PostgreSQL?
    ");
    insta::assert_snapshot!(said_of(fake::answers(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())), @r"
    lasting: the server on 127.0.0.1:PORT does not use PostgreSQL's protocol: bytes remaining on stream
    ");
    // It takes the connection and says nothing.
    let mut taken = Vec::new();
    let port = fake::listen(move |stream| taken.push(stream));
    let url = format!("postgres://app:{PASSWORD}@127.0.0.1:{port}/orders?connect_timeout=1");
    insta::assert_snapshot!(said(&url, port), @"passing: 127.0.0.1:PORT did not answer in time; connect_timeout is 1 s");
}
