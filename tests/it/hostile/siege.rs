//! Attacks on memory and on places: while they go on, honest senders are served, and the memory of the process stays under
//! a bound. `make hostile` prints the figures.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;

use super::crowd::connect_from;
use super::rest;
use crate::support::raw::path_of;
use crate::support::server::client;
use crate::support::{PATIENCE, Server, ServerBuilder, wait_for};

/// What a process that is attacked may take at most: bodies have 64 MiB, and may be held twice for a moment; 10,000
/// connections have 16 KiB each and what they send; the rest is what it takes at rest.
const MEMORY_MAX_MIB: u64 = 512;
/// The largest body that a hook takes.
const BODY_BYTES: usize = 400_000;

/// What an honest sender met during an attack.
#[derive(Debug)]
struct Served {
    requests: usize,
    refused: usize,
    slowest: Duration,
}

/// Attacks the server while an honest sender, with an address of its own, posts one order after the other.
fn besiege(what: &str, server: &Server, attack: impl FnOnce()) -> Served {
    let (over, url, client) = (AtomicBool::new(false), server.hook_url("orders"), client());
    let post = || {
        let begun = Instant::now();
        let sent = client.post(&url).json(&json!({ "email": "honest@example.com" })).send();
        (sent.expect("an honest sender is answered").status().as_u16(), begun.elapsed())
    };
    let mut served = Served { requests: 0, refused: 0, slowest: Duration::ZERO };
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            while !over.load(Ordering::Relaxed) || served.requests == 0 {
                let (status, took) = post();
                served.requests += 1;
                served.refused += usize::from(status != 200);
                served.slowest = served.slowest.max(took);
            }
        });
        {
            let _over = Over(&over);
            attack();
        }
        sender.join().unwrap();
    });
    let memory = peak_mib(server);
    println!(
        "{what}: {} honest requests, {} refused, the slowest took {} ms; the memory peaked at {memory} MiB",
        served.requests,
        served.refused,
        served.slowest.as_millis()
    );
    assert!(memory <= MEMORY_MAX_MIB, "{memory} MiB");
    served
}

/// Says that an attack is over, also one that failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The most memory that the process has had.
fn peak_mib(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("the server runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux says it");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1_024
}

/// Does the same from so many threads, so many times in all.
fn together(times: usize, threads: usize, act: impl Fn(usize) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let act = &act;
            scope.spawn(move || (thread..times).step_by(threads).for_each(act));
        }
    });
}

fn head(server: &Server, lines: &str, length: usize) -> String {
    let path = path_of(&server.hook_url("orders"));
    format!("POST {path} HTTP/1.1\r\nhost: hookflow\r\ncontent-length: {length}\r\n{lines}\r\n")
}

/// The status of the answer to these bytes, from a peer that is not the honest one.
fn status(server: &Server, bytes: &[u8]) -> String {
    let mut stream = connect_from(9, server).expect("the server takes connections");
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let said = String::from_utf8(rest(&mut stream)).expect("an answer is text");
    said.split(' ').nth(1).unwrap_or("none").to_owned()
}

#[test]
fn ten_thousand_idle_connections() {
    const WANTED: u64 = 10_000;
    let files = rlimit::increase_nofile_limit(u64::MAX).expect("the limit can be asked for");
    let count = WANTED.min(files.saturating_sub(500)) as usize;
    if count < WANTED as usize {
        println!("ONLY {count} CONNECTIONS INSTEAD OF {WANTED}: this machine allows {files} open files");
    }
    let server = Server::start();
    let open = || std::fs::read_dir(format!("/proc/{}/fd", server.pid())).map_or(0, Iterator::count);
    let (at_rest, most) = (open(), AtomicUsize::new(0));
    let served = besiege("10,000 idle connections", &server, || {
        let connections = Mutex::new(Vec::with_capacity(count));
        together(count, 16, |number| {
            // Each address has fewer than it may.
            let connection = connect_from(11 + (number / 500) as u8, &server);
            connections.lock().unwrap().extend(connection);
            if number % 250 == 0 {
                most.fetch_max(open(), Ordering::Relaxed);
            }
        });
        // It closes all of them by itself.
        wait_for("the server to close them", || (open() <= at_rest + 20).then_some(()));
    });
    println!("  {} connections were open at once", most.into_inner() - at_rest);
    assert_eq!(served.refused, 0);
}

#[test]
fn gzip_bombs() {
    let server = Server::start();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let zeros = vec![0; 1_000_000];
    while encoder.get_ref().len() < BODY_BYTES - 10_000 {
        encoder.write_all(&zeros).unwrap();
    }
    bomb(&server, "gzip", &encoder.finish().unwrap());
}

#[test]
fn brotli_bombs() {
    // Made by `head -c 1000000000 /dev/zero | brotli`: a gigabyte of zeros.
    bomb(&Server::start(), "br", include_bytes!("zeros.br"));
}

fn bomb(server: &Server, encoding: &str, bomb: &[u8]) {
    let lines = format!("content-encoding: {encoding}\r\n");
    let request = [head(server, &lines, bomb.len()).as_bytes(), bomb].concat();
    let served = besiege(&format!("200 bombs ({encoding}, {} bytes each)", bomb.len()), server, || {
        together(200, 8, |_| assert_eq!(status(server, &request), "413"));
    });
    assert_eq!(served.refused, 0);
}

#[test]
fn a_hundred_thousand_parts() {
    let server = ServerBuilder::new().arguments(&["--body-limit-bytes", "16777216"]).start();
    let part = "--b\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\nx\r\n";
    let body = part.repeat(100_000) + "--b--\r\n";
    let lines = "content-type: multipart/form-data; boundary=b\r\n";
    let request = head(&server, lines, body.len()) + &body;
    let served = besiege("20 multipart bodies of 100,000 parts", &server, || {
        together(20, 2, |_| assert_eq!(status(&server, request.as_bytes()), "413"));
    });
    assert_eq!(served.refused, 0);
}

#[test]
fn floods_of_headers() {
    let server = Server::start();
    let many = (0..100_000).map(|number| format!("x-{number}: a\r\n")).collect::<String>();
    let long = format!("x-a: {}\r\n", "a".repeat(10_000_000));
    let served = besiege("200 floods of headers", &server, || {
        together(200, 8, |number| {
            let lines = if number % 2 == 0 { &many } else { &long };
            let status = status(&server, head(&server, lines, 0).as_bytes());
            // The connection may be gone before the answer is read.
            assert!(["431", "none"].contains(&status.as_str()), "{status}");
        });
    });
    assert_eq!(served.refused, 0);
}

/// Sends bodies up to the last byte, which does not come; the connections.
fn unfinished(server: &Server, number: u8, count: usize) -> Vec<TcpStream> {
    let begun = head(server, "", BODY_BYTES).into_bytes();
    let bytes = [begun, vec![b' '; BODY_BYTES - 1]].concat();
    let send = |_| {
        let mut stream = connect_from(number, server).ok()?;
        // What is refused is not read to the end.
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(&bytes);
        Some(stream)
    };
    (0..count).filter_map(send).collect()
}

#[test]
fn bodies_that_one_peer_does_not_finish() {
    let server = Server::start();
    let served = besiege("200 bodies of 400 kB without their last byte, of one peer", &server, || {
        let mut connections = unfinished(&server, 9, 200);
        let refused =
            connections.iter_mut().map(|stream| is_closed_with(stream, "503")).filter(|refused| *refused).count();
        assert!((150..170).contains(&refused), "{refused}");
    });
    assert_eq!(served.refused, 0);
}

#[test]
fn bodies_that_many_peers_do_not_finish() {
    let server = Server::start();
    let served = besiege("400 bodies of 400 kB without their last byte, of ten peers", &server, || {
        let connections = Mutex::new(Vec::new());
        together(10, 10, |number| {
            let begun = unfinished(&server, 10 + number as u8, 40);
            connections.lock().unwrap().extend(begun);
        });
        // Each is refused at once, or when its time is over.
        let mut connections = connections.into_inner().unwrap();
        let refused = connections.iter_mut().map(|stream| is_closed_with(stream, "503")).filter(|refused| *refused);
        assert!(refused.count() > 0);
    });
    // All memory for bodies is in use: honest senders are asked to retry, and are served soon.
    println!("  {} of {} honest requests were told to come again", served.refused, served.requests);
    assert_eq!(besiege("  afterwards", &server, || {}).refused, 0);
}

/// Whether the server has closed this connection with an answer of this status.
fn is_closed_with(stream: &mut TcpStream, status: &str) -> bool {
    let said = String::from_utf8_lossy(&rest(stream)).into_owned();
    said.split(' ').nth(1) == Some(status)
}
