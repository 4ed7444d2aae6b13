//! What listens on a port and is no PostgreSQL that would let anybody in.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// Listens on a port, and does the same to everybody who comes.
pub fn listen(mut serve: impl FnMut(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || listener.incoming().map_while(Result::ok).for_each(&mut serve));
    port
}

/// A server that answers the start of a session with these bytes.
pub fn answers(bytes: Vec<u8>) -> u16 {
    listen(move |mut stream| {
        let mut length = [0; 4];
        // Whoever goes away before it has started a session is not waited for.
        if stream.read_exact(&mut length).is_err() {
            return;
        }
        let mut start = vec![0; u32::from_be_bytes(length) as usize - 4];
        let _ = stream.read_exact(&mut start).and_then(|()| stream.write_all(&bytes));
    })
}

/// A server that refuses with an error.
pub fn refuses(code: &str, message: &str) -> u16 {
    answers(packet(b'E', format!("SFATAL\0VFATAL\0C{code}\0M{message}\0\0").as_bytes()))
}

/// A server that lets everybody in and says that it has this version.
pub fn of_version(version: &str) -> u16 {
    let let_in = packet(b'R', &[0; 4]);
    let parameter = packet(b'S', format!("server_version\0{version}\0").as_bytes());
    answers([let_in, parameter, packet(b'K', &[0; 8]), packet(b'Z', b"I")].concat())
}

fn packet(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len() + 4).unwrap();
    [&[kind], length.to_be_bytes().as_slice(), content].concat()
}
