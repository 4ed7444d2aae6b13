//! HTTP/2: streams, headers and resets without end.

use std::io::ErrorKind;
use std::net::TcpStream;

use super::{honest, rest};
use crate::support::http_2::{
    CONTINUATION, END_HEADERS, END_STREAM, Frame, HEADERS, Http2, RST_STREAM, SETTINGS, frame, request,
};
use crate::support::raw::path_of;
use crate::support::tls::with_tls;
use crate::support::{PATIENCE, Server, ServerBuilder};

/// A setting of the client: how many bytes of an answer may be sent before it says that there may be more.
const INITIAL_WINDOW_SIZE: u16 = 4;

fn start() -> Server {
    with_tls(ServerBuilder::new()).start()
}

/// A request that has no body.
fn get(stream: u32) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | END_STREAM, stream, &request("GET", "/healthz", &[]))
}

/// Reads until the server closes the connection.
#[track_caller]
fn expect_the_end(mut connection: Http2) -> Vec<Frame> {
    let mut frames = Vec::new();
    loop {
        match connection.read() {
            Ok(frame) => frames.push(frame),
            Err(error) => {
                let is_waiting = matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
                assert!(!is_waiting, "the server does not close the connection");
                return frames;
            }
        }
    }
}

#[test]
fn limits_are_announced_to_clients() {
    let server = start();
    let mut connection = Http2::open(&server, &[]);
    let first = connection.read().unwrap();
    assert_eq!((first.kind, first.flags, first.stream), (SETTINGS, 0, 0));
    let settings: Vec<(u16, u32)> = first
        .payload
        .chunks(6)
        .map(|setting| {
            let [a, b, c, d, e, f] = setting.try_into().unwrap();
            (u16::from_be_bytes([a, b]), u32::from_be_bytes([c, d, e, f]))
        })
        .collect();
    assert!(settings.contains(&(3, 100)) && settings.contains(&(6, 65_536)), "{settings:?}");
}

#[test]
fn many_answered_requests_are_allowed() {
    let server = start();
    let mut connection = Http2::open(&server, &[]);
    for number in 0..1_000 {
        connection.send(&get(2 * number + 1)).unwrap();
        let mut answered = false;
        while !answered {
            let frame = connection.read().unwrap();
            answered = frame.stream == 2 * number + 1 && frame.flags & END_STREAM != 0;
        }
    }
}

#[test]
fn streams_that_never_end_are_cut_off() {
    let server = start();
    let mut connection = Http2::open(&server, &[]);
    let head = request("POST", &path_of(&server.hook_url("orders")), &[]);
    for number in 0..1_000 {
        if connection.send(&frame(HEADERS, END_HEADERS, 2 * number + 1, &head)).is_err() {
            break;
        }
    }
    let answers = expect_the_end(connection);
    assert!(!answers.iter().any(|frame| frame.kind == HEADERS), "{answers:?}");
    honest(&server);
}

#[test]
fn unread_answers_do_not_accumulate() {
    let server = start();
    let mut connection = Http2::open(&server, &[(INITIAL_WINDOW_SIZE, 0)]);
    for number in 0..1_000 {
        if connection.send(&get(2 * number + 1)).is_err() {
            break;
        }
    }
    let answers = expect_the_end(connection).iter().filter(|frame| frame.kind == HEADERS).count();
    assert!(answers <= 200, "{answers}");
    honest(&server);
}

#[test]
fn headers_that_never_end_are_cut_off() {
    let server = start();
    let mut connection = Http2::open(&server, &[]);
    connection.send(&frame(HEADERS, END_STREAM, 1, &request("GET", "/healthz", &[]))).unwrap();
    // A header without a name and a value, again and again, and a frame of nothing.
    let piece = [0, 1, b'x', 1, b'y'].repeat(3_000);
    for bytes in [&piece[..], &[]].into_iter().cycle().take(5_000) {
        if connection.send(&frame(CONTINUATION, 0, 1, bytes)).is_err() {
            break;
        }
    }
    expect_the_end(connection);
    honest(&server);
}

#[test]
fn repeated_resets_are_cut_off() {
    let server = start();
    let mut connection = Http2::open(&server, &[]);
    let cancel = 8_u32.to_be_bytes();
    for number in 0..100_000 {
        let stream = 2 * number + 1;
        if connection.send(&[get(stream), frame(RST_STREAM, 0, stream, &cancel)].concat()).is_err() {
            break;
        }
    }
    expect_the_end(connection);
    honest(&server);
}

#[test]
fn too_many_headers_are_refused() {
    let server = start();
    let mut connection = Http2::open(&server, &[]);
    let headers: Vec<(String, String)> = (0..97).map(|number| (format!("x-{number}"), "a".to_owned())).collect();
    let mut answer = |stream: u32, headers: &[(String, String)]| {
        let block = request("GET", "/healthz", headers);
        connection.send(&frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)).unwrap();
        loop {
            let frame = connection.read().unwrap();
            // The status comes first; 200 is one of the few that are a number of their own.
            if frame.kind == HEADERS && frame.stream == stream {
                return frame.payload[0] == 0x88;
            }
        }
    };
    assert!(answer(1, &headers[..96]));
    assert!(!answer(3, &headers));
    assert!(answer(5, &headers[..96]));
}

#[test]
fn a_handshake_that_does_not_come_is_not_waited_for() {
    let server = start();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(rest(&mut stream), b"");
    honest(&server);
}
