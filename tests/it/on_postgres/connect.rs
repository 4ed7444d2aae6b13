//! Connecting to PostgreSQL, and the errors if that fails.

mod cluster;
mod fake;
mod refusals;
mod tls;

use std::time::Duration;

use diesel::dsl::sql;
use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use hookflow::store::postgres::url::PostgresUrl;
use hookflow::store::postgres::{ConnectError, SessionSettings, connect};

use cluster::WITHOUT_TLS;

use crate::support::ports::free_port;

/// Runs on one thread, as the store does.
fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

async fn try_connect(url: &str) -> Result<AsyncPgConnection, ConnectError> {
    let mut parsed: PostgresUrl = url.parse().unwrap();
    // The environment variables of the user who runs the tests must not matter.
    if !url.contains(cluster::PASSWORD) && !url.contains("app:") {
        parsed.password = None;
    }
    let settings = SessionSettings {
        application_name: "hookflow tests".into(),
        statement_timeout: Duration::from_secs(31),
        idle_in_transaction_timeout: Duration::from_millis(32_500),
        lock_timeout: Duration::ZERO,
    };
    connect(&parsed, &settings).await
}

/// Asks for one text over a new connection.
fn ask(url: &str, expression: &str) -> String {
    run(async {
        let mut connection = try_connect(url).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        diesel::select(sql::<Text>(expression)).get_result(&mut connection).await.unwrap()
    })
}

fn refusal(url: &str) -> ConnectError {
    match run(try_connect(url)) {
        Ok(_) => panic!("{url} should be refused"),
        Err(error) => error,
    }
}

/// Breaks a message into lines that fit on a page of source.
fn wrapped(message: &str) -> String {
    let mut text = String::new();
    for word in message.split(' ') {
        let line = text.rsplit('\n').next().unwrap_or_default();
        let fits = line.is_empty() || line.len() + word.len() < 100;
        if !text.is_empty() {
            text.push(if fits { ' ' } else { '\n' });
        }
        text.push_str(word);
    }
    text
}

#[test]
fn a_session_has_its_settings() {
    let settings = "concat_ws(' ', current_setting('application_name'), current_setting('statement_timeout'), \
                    current_setting('idle_in_transaction_session_timeout'), current_setting('lock_timeout'))";
    assert_eq!(ask(&WITHOUT_TLS.app(""), settings), "hookflow tests 31s 32500ms 0");
    let url = WITHOUT_TLS.app("?application_name=shop&options=-c%20lock_timeout%3D5%20-c%20work_mem%3D5MB");
    assert_eq!(ask(&url, settings), "shop 31s 32500ms 0");
    assert_eq!(ask(&url, "current_setting('work_mem')"), "5MB");
}

#[test]
fn a_socket_of_this_machine_is_used_without_tls_in_every_mode() {
    let directory = WITHOUT_TLS.directory();
    for mode in ["disable", "prefer", "verify-full"] {
        let url = format!("postgres://app@/orders?host={directory}&port={}&sslmode={mode}", WITHOUT_TLS.port);
        assert_eq!(ask(&url, "coalesce(host(inet_client_addr()), 'socket')"), "socket");
    }
}

#[test]
fn the_first_server_that_takes_writes_is_used() {
    let standby = &cluster::IN_RECOVERY;
    let recovery = "pg_is_in_recovery()::text";
    let hosts = |first: &str, rest: &str| format!("postgres://app:{}@{first}/orders{rest}", cluster::PASSWORD);
    let place = |cluster: &cluster::Cluster| format!("localhost:{}", cluster.port);
    let both = format!("localhost:{},{},{}", free_port(), place(standby), place(&WITHOUT_TLS));
    assert_eq!(ask(&hosts(&both, ""), recovery), "false");
    assert_eq!(ask(&hosts(&both, "?target_session_attrs=any"), recovery), "true");
    assert_eq!(ask(&hosts(&both, "?load_balance_hosts=random"), recovery), "false");

    let error = refusal(&standby.app(""));
    assert!(matches!(error, ConnectError::ReadOnly { .. }) && error.is_passing());
    assert!(error.to_string().contains("is read-only: it is a standby, or"), "{error}");
    let deserted = free_port();
    let error = refusal(&hosts(&format!("localhost:{deserted},{}", place(standby)), ""));
    assert!(error.is_passing());
    assert!(error.to_string().starts_with("none of the servers is usable: localhost:"), "{error}");
    assert!(error.to_string().contains("; the server on localhost:"), "{error}");
}

#[test]
fn a_listening_connection_hands_out_notifications() {
    run(async {
        let mut listening = try_connect(&WITHOUT_TLS.app("")).await.unwrap();
        listening.batch_execute("LISTEN changes").await.unwrap();
        let mut notifying = try_connect(&WITHOUT_TLS.app("")).await.unwrap();
        notifying.batch_execute("NOTIFY changes, 'seven'").await.unwrap();
        let notification = std::pin::pin!(listening.notifications_stream()).next().await.unwrap().unwrap();
        assert_eq!((notification.channel.as_str(), notification.payload.as_str()), ("changes", "seven"));
    });
}

#[test]
fn a_connection_that_the_server_ends_is_noticed() {
    run(async {
        let mut connection = try_connect(&WITHOUT_TLS.app("")).await.unwrap();
        let process: i32 = diesel::select(sql::<diesel::sql_types::Integer>("pg_backend_pid()"))
            .get_result(&mut connection)
            .await
            .unwrap();
        let mut other = try_connect(&WITHOUT_TLS.app("")).await.unwrap();
        other.batch_execute(&format!("SELECT pg_terminate_backend({process})")).await.unwrap();
        let notification = std::pin::pin!(connection.notifications_stream()).next().await.unwrap();
        assert!(notification.is_err());
        assert!(connection.batch_execute("SELECT 1").await.is_err());
    });
}
