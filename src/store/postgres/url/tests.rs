//! The meaning of URLs, and the errors of invalid ones.

use super::parse::{Environment, parse};
use super::*;

fn bare() -> Environment {
    Environment {
        user_variable: None,
        system_user: Some("system-user".into()),
        password: None,
        socket_directory: "/var/run/postgresql".into(),
    }
}

fn url(text: &str) -> PostgresUrl {
    parse(text, bare()).unwrap()
}

fn refusal(text: &str) -> String {
    parse(text, bare()).unwrap_err().to_string()
}

fn tcp(host: &str, port: u16) -> Endpoint {
    Endpoint::Tcp { host: host.into(), address: None, port }
}

#[test]
fn a_url_is_taken_apart() {
    for scheme in ["postgres", "postgresql"] {
        let url = url(&format!("{scheme}://app:s%40cret+%2F%25@db.example.org:5433/orders?application_name=shop"));
        assert_eq!((url.user.as_str(), url.database.as_str()), ("app", "orders"));
        assert_eq!(url.password.as_ref().map(Password::reveal), Some("s@cret+/%"));
        assert_eq!(url.endpoints, [tcp("db.example.org", 5433)]);
        assert_eq!(url.application_name.as_deref(), Some("shop"));
    }
}

#[test]
fn the_defaults_are_careful_about_writes_and_silence() {
    let url = url("postgres://host");
    assert_eq!(url.tls.mode, SslMode::Prefer);
    assert!(url.needs_writes && !url.shuffled);
    assert_eq!(url.connect_timeout, Duration::from_secs(5));
    assert_eq!(url.tcp_user_timeout, Some(Duration::from_secs(15)));
    let keepalives = url.keepalives.unwrap();
    assert_eq!(keepalives.idle + keepalives.interval * keepalives.count, Duration::from_secs(15));
}

#[test]
fn what_is_missing_comes_from_the_surroundings() {
    let url = url("postgres://");
    assert_eq!((url.user.as_str(), url.database.as_str(), &url.password), ("system-user", "system-user", &None));
    assert_eq!(url.endpoints, [Endpoint::Socket { directory: "/var/run/postgresql".into(), port: 5432 }]);

    let around = || Environment { user_variable: Some("u".into()), password: Some("p".into()), ..bare() };
    let taken = parse("postgresql://host", around()).unwrap();
    assert_eq!((taken.user.as_str(), taken.database.as_str()), ("u", "u"));
    assert_eq!(taken.password.as_ref().map(Password::reveal), Some("p"));
    let written = parse("postgresql://user:password@host", around()).unwrap();
    assert_eq!((written.user.as_str(), written.database.as_str()), ("user", "user"));
    assert_eq!(written.password.as_ref().map(Password::reveal), Some("password"));

    let nobody = parse("postgres://host", Environment { system_user: None, ..bare() });
    assert_eq!(nobody, Err(PostgresUrlError::NoUser));
}

#[test]
fn there_may_be_several_hosts() {
    assert_eq!(url("postgres://a:1,b,[::1]:3/d").endpoints, [tcp("a", 1), tcp("b", 5432), tcp("::1", 3)]);
    assert_eq!(url("postgres:///d?host=a,b&port=7").endpoints, [tcp("a", 7), tcp("b", 7)]);
    assert_eq!(url("postgres://x:1/d?host=a,b&port=7,").endpoints, [tcp("a", 7), tcp("b", 5432)]);
    let address = "192.0.2.1".parse().ok();
    assert_eq!(
        url("postgres://a,b/d?hostaddr=192.0.2.1,192.0.2.1").endpoints,
        ["a", "b"].map(|host| Endpoint::Tcp { host: host.into(), address, port: 5432 })
    );
    assert_eq!(
        url("postgres:///d?hostaddr=192.0.2.1").endpoints,
        [Endpoint::Tcp { host: "192.0.2.1".into(), address, port: 5432 }]
    );
    assert_eq!(
        refusal("postgres://a,b,c/d?port=1,2"),
        "the URL has 3 hosts and 2 ports; set one for each host, or one port for all"
    );
    assert!(url("postgres://a,b/d?load_balance_hosts=random").shuffled);
}

#[test]
fn sockets_are_named_by_their_directory() {
    let socket = |port| Endpoint::Socket { directory: "/run/pg".into(), port };
    assert_eq!(url("postgres://u@/d?host=/run/pg").endpoints, [socket(5432)]);
    assert_eq!(url("postgres://u@%2Frun%2Fpg:5433/d").endpoints, [socket(5433)]);
    assert_eq!(socket(5433).to_string(), "/run/pg/.s.PGSQL.5433");
}

#[test]
fn tls_is_set_as_with_libpq() {
    let tls = url("postgres://h?sslmode=verify-ca&sslrootcert=/ca.crt&sslcert=c.crt&sslkey=c.key").tls;
    assert_eq!(tls.mode, SslMode::VerifyCa);
    assert_eq!(tls.root, Some(RootCertificate::File("/ca.crt".into())));
    assert_eq!((tls.certificate, tls.key), (Some("c.crt".into()), Some("c.key".into())));
    let tls = url("postgres://h?sslrootcert=system").tls;
    assert_eq!((tls.mode, tls.root), (SslMode::VerifyFull, Some(RootCertificate::System)));
    assert!(refusal("postgres://h?sslrootcert=system&sslmode=require").contains("use `sslmode=verify-full`"));
    assert!(refusal("postgres://h?sslnegotiation=direct").contains("`sslnegotiation=direct` does not work with"));
    assert!(url("postgres://h?sslnegotiation=direct&sslmode=require").tls.direct);
    for (name, mode) in SslMode::ALL {
        assert_eq!(url(&format!("postgres://h?sslmode={name}")).tls.mode, mode);
        assert_eq!(mode.to_string(), name);
    }
}

#[test]
fn times_are_in_the_units_of_libpq() {
    let url =
        url("postgres://h?connect_timeout=7&tcp_user_timeout=2500&keepalives_idle=3&keepalives_count=4&options=-c%20x");
    assert_eq!(url.connect_timeout, Duration::from_secs(7));
    assert_eq!(url.tcp_user_timeout, Some(Duration::from_millis(2500)));
    let keepalives = Keepalives { idle: Duration::from_secs(3), interval: Duration::from_secs(5), count: 4 };
    assert_eq!(url.keepalives, Some(keepalives));
    assert_eq!(url.options.as_deref(), Some("-c x"));
    let url = self::url("postgres://h?keepalives=0&tcp_user_timeout=0&target_session_attrs=any");
    assert_eq!((url.keepalives, url.tcp_user_timeout, url.needs_writes), (None, None, false));
}

#[test]
fn what_is_wrong_is_said_with_what_would_be_right() {
    insta::assert_snapshot!(
        [
            "postgres:h/d",
            "postgres://h:x/d",
            "postgres://h:0/d",
            "postgres://[::1/d",
            "postgres://h/d?sslmode=requre",
            "postgres://h/d?sslmode=yes",
            "postgres://h/d?ssl_mode=require",
            "postgres://h/d?pgbouncer=true",
            "postgres://h/d?target_session_attrs=standby",
            "postgres://h/d?connect_timeout=0",
            "postgres://h/d?hostaddr=localhost",
            "postgres://h/d?require",
            "postgres://u:50%@h/d",
            "postgres://u:p%00@h/d",
        ]
        .map(|text| format!("{text}\n    {}\n", refusal(text)))
        .concat(),
        @r"
        postgres:h/d
            `postgres:` must be followed by two slashes, as in `postgres://USER@HOST/DATABASE`
        postgres://h:x/d
            a port must be a number from 1 to 65535; a password ends with an `@`, as in `USER:PASSWORD@HOST`
        postgres://h:0/d
            a port must be a number from 1 to 65535; a password ends with an `@`, as in `USER:PASSWORD@HOST`
        postgres://[::1/d
            an IPv6 address is written in brackets, as in `[::1]:5432`
        postgres://h/d?sslmode=requre
            invalid value `requre` for `sslmode`; did you mean `require`?; expected `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full`
        postgres://h/d?sslmode=yes
            invalid value `yes` for `sslmode`; expected `disable`, `allow`, `prefer`, `require`, `verify-ca`, `verify-full`
        postgres://h/d?ssl_mode=require
            unknown parameter `ssl_mode`; did you mean `sslmode`?
        postgres://h/d?pgbouncer=true
            unknown parameter `pgbouncer`; hookflow supports `user`, `password`, `host`, `hostaddr`, `port`, `dbname`, `sslmode`, `sslrootcert`, `sslcert`, `sslkey`, `sslnegotiation`, `channel_binding`, `target_session_attrs`, `load_balance_hosts`, `connect_timeout`, `tcp_user_timeout`, `keepalives`, `keepalives_idle`, `keepalives_interval`, `keepalives_count`, `application_name`, `options`
        postgres://h/d?target_session_attrs=standby
            invalid value `standby` for `target_session_attrs`; expected `read-write`, `any`
        postgres://h/d?connect_timeout=0
            invalid value `0` for `connect_timeout`; expected a whole number from 1 to 86400 in seconds
        postgres://h/d?hostaddr=localhost
            invalid value `localhost` for `hostaddr`; expected an IP address
        postgres://h/d?require
            the part after `?` must be parameters, as in `?sslmode=require&connect_timeout=5`
        postgres://u:50%@h/d
            the password has an invalid escape; write a literal `%` as `%25`
        postgres://u:p%00@h/d
            the password has an invalid escape; write a literal `%` as `%25`
        "
    );
}

#[test]
fn a_password_that_is_not_escaped_is_never_taken_for_something_that_is_shown() {
    for text in ["postgres://u:a@b@h/d", "postgres://u:a/b@h/d", "postgres://u:a?b@h/d", "postgres://h/d?host=a@b"] {
        assert_eq!(parse(text, bare()), Err(PostgresUrlError::Unescaped), "{text}");
    }
    for text in ["postgres://user:geheim", "postgres://user:ge%zz@h", "postgres://user:geh?eim", "postgres:user:geheim"]
    {
        assert!(!refusal(text).contains("ge"), "{text}");
    }
}

#[test]
fn passwords_are_not_shown() {
    let url = url("postgres://app:secret@a,[::1]:5433/orders?sslmode=require");
    assert_eq!(url.to_string(), "postgres://app:•••@a:5432,[::1]:5433/orders");
    assert!(format!("{url:?}").contains("password: Some(•••)"));
    assert!(!format!("{url:#?}").contains("secret"));
    let url = self::url("postgres://app@/orders?host=/run/pg&password=secret");
    assert_eq!(url.to_string(), "postgres://app:•••@/orders?host=/run/pg&port=5432");
}
