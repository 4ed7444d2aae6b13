//! A mail server that misbehaves on demand.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How a server treats one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manner {
    /// Takes the mail.
    Takes,
    /// Answers this instead of `220` to a new connection.
    Greets(&'static str),
    /// Answers this to each `RCPT TO`.
    Refuses(&'static str),
    /// Answers this once it has the mail, and keeps it.
    Ends(&'static str),
    /// Closes the connection once it has the mail, which it keeps, and says nothing.
    Cuts,
}

/// A mail that a server was given.
#[derive(Clone, Debug, Default)]
pub struct Delivered {
    pub hello: String,
    /// What came with `AUTH`.
    pub auth: Option<String>,
    pub from: String,
    pub recipients: Vec<String>,
    /// Headers and content.
    pub data: String,
}

impl Delivered {
    /// The value of a header, unfolded.
    pub fn header(&self, name: &str) -> Option<String> {
        let head = self.data.split("\r\n\r\n").next()?.replace("\r\n ", " ").replace("\r\n\t", " ");
        let line = head
            .lines()
            .find(|line| line.split_once(':').is_some_and(|(found, _)| found.eq_ignore_ascii_case(name)))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }
}

/// A mail server on a port of its own.
pub struct MailServer {
    pub address: SocketAddr,
    delivered: Arc<Mutex<Vec<Delivered>>>,
    connections: Arc<Mutex<usize>>,
    authority: String,
}

impl MailServer {
    /// The connections get these manners in turn, and all that come after them the last one.
    pub fn start(manners: &'static [Manner]) -> MailServer {
        MailServer::start_as(manners, None, String::new())
    }

    /// The same with TLS from the start, and a certificate that is its own authority.
    pub fn start_with_tls(manners: &'static [Manner]) -> MailServer {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).expect("a certificate can be made");
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.expect("the versions are known").with_no_client_auth();
        let config = config.with_single_cert(vec![made.cert.der().clone()], key).expect("the key fits");
        MailServer::start_as(manners, Some(Arc::new(config)), made.cert.pem())
    }

    fn start_as(manners: &'static [Manner], tls: Option<Arc<ServerConfig>>, authority: String) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let delivered = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(Mutex::new(0));
        let (kept, count) = (delivered.clone(), connections.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let number = {
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    *count - 1
                };
                let manner = manners[number.min(manners.len() - 1)];
                let (kept, tls) = (kept.clone(), tls.clone());
                std::thread::spawn(move || match tls {
                    None => serve(stream, manner, &kept),
                    Some(config) => {
                        let connection = ServerConnection::new(config).expect("a connection can be made");
                        serve(StreamOwned::new(connection, stream), manner, &kept)
                    }
                });
            }
        });
        MailServer { address, delivered, connections, authority }
    }

    /// The address as `--smtp-url` takes it, with a user and a password.
    pub fn url(&self) -> String {
        format!("smtp://me:hush@{}", self.address)
    }

    /// The same for a server with TLS.
    pub fn tls_url(&self) -> String {
        format!("smtps://localhost:{}", self.address.port())
    }

    /// The certificate of the authority that vouches for the server.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub fn delivered(&self) -> Vec<Delivered> {
        self.delivered.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        *self.connections.lock().unwrap()
    }
}

/// One connection; `None` at its end, which the tests do not look at.
fn serve(stream: impl Read + Write, manner: Manner, kept: &Mutex<Vec<Delivered>>) -> Option<()> {
    let mut lines = BufReader::new(stream);
    let greeting = if let Manner::Greets(answer) = manner { answer } else { "220 mail.example.com ESMTP" };
    say(&mut lines, greeting)?;
    let mut mail = Delivered::default();
    loop {
        let line = read_line(&mut lines)?;
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match verb.to_ascii_uppercase().as_str() {
            "EHLO" => {
                mail.hello = rest.to_owned();
                say(&mut lines, "250-mail.example.com\r\n250-8BITMIME\r\n250 AUTH PLAIN")?;
            }
            "AUTH" => {
                mail.auth = Some(rest.to_owned());
                say(&mut lines, "235 2.7.0 welcome")?;
            }
            "MAIL" => {
                mail.from = rest.to_owned();
                say(&mut lines, "250 2.1.0 sender ok")?;
            }
            "RCPT" => {
                mail.recipients.push(rest.to_owned());
                say(&mut lines, if let Manner::Refuses(answer) = manner { answer } else { "250 2.1.5 recipient ok" })?;
            }
            "DATA" => {
                say(&mut lines, "354 go on")?;
                mail.data = read_data(&mut lines)?;
                kept.lock().unwrap().push(mail.clone());
                match manner {
                    Manner::Cuts => return None,
                    Manner::Ends(answer) => say(&mut lines, answer)?,
                    _ => say(&mut lines, "250 2.0.0 queued as 7")?,
                };
            }
            "QUIT" => {
                say(&mut lines, "221 bye")?;
                return Some(());
            }
            _ => say(&mut lines, "250 ok")?,
        }
    }
}

fn say(stream: &mut BufReader<impl Read + Write>, text: &str) -> Option<()> {
    let stream = stream.get_mut();
    stream.write_all(format!("{text}\r\n").as_bytes()).and_then(|()| stream.flush()).ok()
}

fn read_line(lines: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    match lines.read_line(&mut line).ok()? {
        0 => None,
        _ => Some(line.trim_end().to_owned()),
    }
}

/// Up to the line that is a dot.
fn read_data(lines: &mut impl BufRead) -> Option<String> {
    let mut data = String::new();
    loop {
        let line = read_line(lines)?;
        if line == "." {
            return Some(data);
        }
        data.push_str(line.strip_prefix('.').unwrap_or(&line));
        data.push_str("\r\n");
    }
}
