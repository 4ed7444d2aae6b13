//! Every reason not to start has an error of one line, without the password, and the exit code 1.

use std::net::TcpListener;

use crate::support::ServerBuilder;
use crate::support::postgres::Cluster;
use crate::support::program::Said;

/// What a server says that is sent to this database.
#[track_caller]
fn said(url: &str) -> String {
    let url: url::Url = url.parse().expect("a URL");
    let (password, port) = (url.password().expect("a password"), url.port().expect("a port"));
    let Said { code, output, errors } = ServerBuilder::bare().database_url(url.as_str()).start_and_fail();
    assert_eq!((code, output.as_str()), (Some(1), ""), "{errors}");
    assert!(!errors.contains(password), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    errors.trim_end().replace(&port.to_string(), "PORT")
}

#[test]
fn a_wrong_password_is_reported() {
    let url = Cluster::shared().url("postgres").replace("@", "-and-more@");
    assert_eq!(
        said(&url),
        "error: the server on 127.0.0.1:PORT refuses the user `postgres`: the password is wrong, or the user does not exist"
    );
}

#[test]
fn a_missing_database_is_reported() {
    assert_eq!(
        said(&Cluster::shared().url("ordres")),
        "error: the server on 127.0.0.1:PORT has no database `ordres`; create it with `createdb --owner postgres ordres`"
    );
}

#[test]
fn an_address_without_a_server_is_reported() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it has an address").port();
    drop(listener);
    assert_eq!(
        said(&format!("postgres://app:secret-word@127.0.0.1:{port}/orders")),
        "error: 127.0.0.1:PORT refused the connection; is PostgreSQL running there?"
    );
}

#[test]
fn a_database_of_a_newer_hookflow_is_refused_and_left_unchanged() {
    let database = Cluster::shared().database();
    database.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('99991231000001')");
    assert_eq!(
        said(&database.url()),
        "error: the database was written by a newer version of hookflow (migration 99991231000001 is unknown here); start \
         that version"
    );
    assert!(database.rows("SELECT id FROM orgs UNION ALL SELECT id FROM nodes").is_empty());
}
