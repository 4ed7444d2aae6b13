//! The client against local peers that answer, stall, disconnect or never end.

use super::*;
use FailureKind::*;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// What a peer does after its response.
enum Then {
    Close,
    Hold,
    Flood,
}

/// A peer that accepts one connection, reads until `until`, sends `answer` and returns what it has read.
async fn peer(until: &'static str, answer: &'static str, then: Then) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let (mut received, mut buffer) = (String::new(), [0; 4096]);
        while !received.ends_with(until) || received.is_empty() {
            let count = stream.read(&mut buffer).await.unwrap();
            assert!(count > 0, "the request ended early");
            received.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        match then {
            Then::Close => {}
            Then::Hold => std::future::pending().await,
            Then::Flood => while stream.write_all(&[b'x'; 4096]).await.is_ok() {},
        }
        received
    });
    (address, task)
}

fn client(allow: &[&str]) -> Client {
    let allow: Vec<String> = allow.iter().map(|entry| (*entry).to_owned()).collect();
    Client::new(AddressPolicy::new(&allow).unwrap()).unwrap()
}

fn get(uri: impl Into<String>) -> HttpRequest {
    HttpRequest {
        method: "GET".into(),
        uri: uri.into(),
        headers: vec![],
        body: None,
        timeout_ms: 20_000,
        auth: None,
        redirects: 0,
        reading: ResponseFormat::Json,
    }
}

async fn answer_of(client: &Client, request: &HttpRequest) -> HttpResponse {
    client.call(Id::generate(), request).await.unwrap_or_else(|failure| panic!("{failure:?}"))
}

async fn failure_of(client: &Client, request: &HttpRequest) -> EffectFailure {
    match client.call(Id::generate(), request).await {
        Ok(answer) => panic!("{answer:?}"),
        Err(failure) => failure,
    }
}

/// The failure of a call to a local peer, with a short timeout if the peer is expected to stall.
async fn failure_with(answer: &'static str, then: Then) -> EffectFailure {
    let timeout_ms = if matches!(then, Then::Hold) { 100 } else { 20_000 };
    let (address, _peer) = peer("\r\n\r\n", answer, then).await;
    let uri = format!("http://user:hush@{address}/hush?key=hush");
    let failure = failure_of(&client(&["127.0.0.1"]), &HttpRequest { timeout_ms, ..get(uri) }).await;
    assert!(failure.message.contains(&address) && !failure.message.contains("hush"), "{}", failure.message);
    failure
}

#[tokio::test]
async fn sends_the_request_and_returns_the_response() {
    let answer = "HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nX-A: 1\r\nx-a: 2\r\n\
                  Transfer-Encoding: chunked\r\n\r\n4\r\n{\"b\"\r\n3\r\n:2}\r\n0\r\n\r\n";
    let (address, peer) = peer("{\"a\":1}", answer, Then::Close).await;
    let headers = [("X-Key", "k"), ("x-key", "l"), ("Content-Length", "99"), ("Connection", "upgrade")];
    let request = HttpRequest {
        method: "post".into(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        body: Some("{\"a\":1}".into()),
        ..get(format!("http://{address}/p?q=1#f"))
    };
    let answer = answer_of(&client(&["127.0.0.0/8"]), &request).await;
    assert_eq!((answer.status_code, answer.body), (201, json!({ "b": 2 })));
    assert_eq!(answer.headers["x-a"], "1, 2");

    let sent = peer.await.unwrap().to_lowercase();
    assert!(sent.starts_with("post /p?q=1 http/1.1\r\n"), "{sent}");
    for line in ["x-key: k", "x-key: l", "content-length: 7", &format!("user-agent: {USER_AGENT}")] {
        assert!(sent.contains(&format!("\r\n{line}\r\n")), "{sent}");
    }
    assert!(!sent.contains("connection:"), "{sent}");
}

#[tokio::test]
async fn an_unfollowed_redirect_is_returned() {
    let answer = "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n";
    let (address, _peer) = peer("\r\n\r\n", answer, Then::Close).await;
    let answer = answer_of(&client(&["127.0.0.1"]), &get(format!("http://{address}"))).await;
    assert_eq!((answer.status_code, &answer.headers["location"]), (302, &json!("http://169.254.169.254/")));
    assert_eq!(answer.body, json!(""));
}

#[tokio::test]
async fn an_allowed_name_is_resolved_and_called() {
    let (address, _peer) = peer("\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhello", Then::Close).await;
    let uri = format!("http://{}", address.replace("127.0.0.1", "localhost"));
    assert_eq!(answer_of(&client(&["localhost"]), &get(uri)).await.body, json!("hello"));
}

#[tokio::test]
async fn forbidden_addresses_are_refused_in_every_spelling() {
    let client = client(&[]);
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.0.0.1.",
        "①②⑦.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "localhost",
        "LOCALHOST",
        "u:p@127.0.0.1",
    ] {
        let failure = failure_of(&client, &get(format!("http://{host}:9/"))).await;
        assert_eq!((failure.kind, failure.retryable), (Refused, false), "{host}");
        assert!(failure.message.contains("rule: loopback"), "{}", failure.message);
    }
    let failure = failure_of(&client, &get("https://169.254.169.254/latest/meta-data")).await;
    assert_eq!(failure.message, "169.254.169.254 may not be called (rule: cloud-metadata)");
}

#[tokio::test]
async fn invalid_requests_are_refused() {
    let client = client(&["127.0.0.1"]);
    for uri in ["", "/relative", "http://", "http://a b/", "ftp://example.com", "file:///etc/passwd", "http://[::1"] {
        assert_eq!(failure_of(&client, &get(uri)).await.kind, Refused, "{uri}");
    }
    for method in ["", "G T", "GET\r\n", "CONNECT"] {
        let request = HttpRequest { method: method.into(), ..get("http://127.0.0.1:9") };
        assert_eq!(failure_of(&client, &request).await.kind, Refused, "{method}");
    }
    for (name, value) in [("", "v"), ("a b", "v"), ("a:", "v"), ("a", "hush\r\nb: c"), ("a", "hush\0")] {
        let request = HttpRequest { headers: vec![(name.into(), value.into())], ..get("http://127.0.0.1:9") };
        let failure = failure_of(&client, &request).await;
        assert_eq!(failure.kind, Refused, "{name}");
        assert!(!failure.message.contains("hush"), "{}", failure.message);
    }
}

#[tokio::test]
async fn the_own_address_is_refused_by_address_and_by_name() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    let policy = AddressPolicy::new(&["127.0.0.0/8".to_owned(), "localhost".to_owned()]).unwrap().refusing_own(own);
    let client = Client::new(policy).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"] {
        let failure = failure_of(&client, &get(format!("http://{host}:{}/", own.port()))).await;
        assert_eq!(failure.kind, Refused, "{host}");
        assert!(failure.message.contains("127.0.0.1") && failure.message.contains("rule: own-address"), "{failure:?}");
    }
    let (address, _peer) = peer("\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\nhello", Then::Close).await;
    assert_eq!(answer_of(&client, &get(format!("http://{address}"))).await.body, json!("hello"));
}

#[tokio::test]
async fn oversized_requests_are_refused() {
    let client = client(&["127.0.0.1"]);
    let long = HttpRequest { headers: vec![("a".into(), "hush".repeat(20_000))], ..get("http://127.0.0.1:9") };
    for request in [long, get(format!("http://127.0.0.1:9/?hush={}", "a".repeat(20_000)))] {
        let failure = failure_of(&client, &request).await;
        assert_eq!(failure.kind, Refused);
        assert!(failure.message.contains("which is the limit") && !failure.message.contains("hush"), "{failure:?}");
    }
}

#[tokio::test]
async fn misbehaving_peers() {
    let table = [
        ("", Then::Hold, Timeout, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Then::Hold, Timeout, true),
        ("", Then::Close, Interrupted, true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", Then::Close, Interrupted, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc", Then::Close, Interrupted, true),
        ("220 mail.example.com ESMTP\r\n", Then::Close, Interrupted, true),
        ("HTTP/1.1 200 OK\r\n\r\n", Then::Flood, TooLarge, false),
    ];
    for (answer, then, kind, retryable) in table {
        let failure = failure_with(answer, then).await;
        assert_eq!((failure.kind, failure.retryable), (kind, retryable), "{answer}: {}", failure.message);
    }
}

#[tokio::test]
async fn unreachable_peers() {
    let client = client(&["127.0.0.1"]);
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let failure = failure_of(&client, &get(format!("http://{closed}/"))).await;
    assert_eq!((failure.kind, failure.retryable), (Connect, true), "{}", failure.message);

    // No resolver queries the network for a label of more than 63 characters.
    let failure = failure_of(&client, &get(format!("http://{}.invalid/", "a".repeat(64)))).await;
    assert_eq!((failure.kind, failure.retryable), (Resolve, true), "{}", failure.message);

    let (address, _peer) = peer("", "HTTP/1.1 400 Bad Request\r\n\r\n", Then::Close).await;
    let failure = failure_of(&client, &get(format!("https://{address}/"))).await;
    assert_eq!(failure.kind, Connect, "{}", failure.message);
}
