//! The protocol, with a mailroom of its own behind it, and a clock that stands still.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;

use super::command::Address;
use super::conversation::{Conversation, Mailroom};
use super::data::{Data, Fed};
use super::session::{Announced, COMMANDS_MAX, ERRORS_MAX, Offer, RECIPIENTS_MAX};
use super::wire::{LINE_BYTES_MAX, Wire};
use crate::door::{Reason, Refusal};

const MAIL_BYTES_MAX: usize = 1_000;

/// Takes mails for `hook`, and keeps them.
#[derive(Default)]
struct Mailbox {
    mails: Mutex<Vec<(Announced<()>, Bytes)>>,
    refused: Mutex<Vec<Reason>>,
    /// What mails are refused for.
    refusal: Option<Reason>,
    has_no_room: bool,
}

impl Mailroom for Mailbox {
    type Hook = ();
    type Room = usize;

    fn find(&self, address: &Address) -> Result<(), Refusal> {
        match address.local.as_str() {
            "hook" => Ok(()),
            _ => Err(Refusal::new(Reason::UnknownHook, "no hook has this address")),
        }
    }

    fn room(&self) -> usize {
        0
    }

    fn grow(&self, room: &mut usize, bytes: usize) -> Result<(), Refusal> {
        *room += bytes;
        if self.has_no_room { Err(Refusal::new(Reason::Overloaded, "not now")) } else { Ok(()) }
    }

    async fn store(&self, mail: &Announced<()>, text: Bytes) -> Result<String, Refusal> {
        if let Some(reason) = self.refusal {
            return Err(Refusal::new(reason, "not now"));
        }
        let Announced { helo, from, recipients } = mail;
        let mail = Announced { helo: helo.clone(), from: from.clone(), recipients: recipients.clone() };
        self.mails.lock().unwrap().push((mail, text));
        Ok("7".to_owned())
    }

    fn refuse(&self, _: &Announced<()>, refusal: &Refusal, _: &[u8]) {
        self.refused.lock().unwrap().push(refusal.reason);
    }
}

impl Mailbox {
    fn texts(&self) -> Vec<String> {
        self.mails.lock().unwrap().iter().map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect()
    }

    /// Talks to a client that says all this, does `then`, and reads all that it is told.
    async fn hear(&self, said: &[u8], then: impl AsyncFnOnce(&mut DuplexStream, &watch::Sender<bool>)) -> String {
        let (mut client, server) = duplex(1024 * 1024);
        let (stop, stopping) = watch::channel(false);
        let offer = Offer { name: "mx.example.com".into(), mail_bytes_max: MAIL_BYTES_MAX, starts_tls: false };
        let conversation = Conversation::new(Wire::new(Box::new(server), stopping), offer, None, self).hold();
        let mut told = String::new();
        let talk = async {
            client.write_all(said).await.unwrap();
            then(&mut client, &stop).await;
            client.read_to_string(&mut told).await.unwrap();
        };
        tokio::join!(conversation, talk);
        told
    }

    /// The same for a client that closes the connection.
    fn told(&self, said: impl AsRef<[u8]>) -> String {
        now(self.hear(said.as_ref(), async |client, _| client.shutdown().await.unwrap()))
    }
}

/// Runs to the end, with a clock that goes on when nothing else does.
fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

/// The codes of the answers, after the greeting.
fn codes(told: &str) -> Vec<&str> {
    let last = told.lines().filter(|line| line.as_bytes()[3] == b' ');
    last.skip(1).map(|line| &line[..3]).collect()
}

const ENVELOPE: &str = "EHLO client.example\r\nMAIL FROM:<ann@example.com>\r\nRCPT TO:<hook@here>\r\n";

#[test]
fn what_is_said_has_its_answer() {
    let conversations = [
        "EHLO client.example\r\nMAIL FROM:<ann@example.com> SIZE=20 BODY=8BITMIME\r\nRCPT TO:<hook@here>\r\n\
         RCPT TO:<other@here>\r\nDATA\r\nA: b\r\n\r\n..dot\r\n.\r\nQUIT\r\nNOOP\r\n",
        "helo client\r\nmail from: <>\r\nrcpt to:<@a,@b:HOOK@here>\r\nrcpt to:<\"a>b\"@here>\r\nrcpt to:<hook>\r\nrset\r\n\
         data\r\nnoop x\r\nvrfy hook\r\nquit\r\n",
        "MAIL FROM:<a@b>\r\nRCPT TO:<hook@here>\r\nDATA\r\nHELO\r\nHELO a\r\nRCPT TO:<hook@here>\r\nMAIL FROM:<a@b>\r\n\
         MAIL FROM:<a@b>\r\nDATA\r\nEHLO a\r\nRCPT TO:<hook@here>\r\n",
        "EHLO a\r\nMAIL FROM:a@b\r\nMAIL FROM:<a@b\r\nMAIL FROM:<a@b>SIZE=1\r\nMAIL FROM:<a@b> SIZE=x\r\nMAIL TO:<a@b>\r\n\
         MAIL FROM:<a@b> SIZE=1001\r\nMAIL FROM:<a@b> AUTH=<>\r\nMAIL FROM:<a@b> BODY=BINARYMIME\r\nMAIL\r\n",
        "EHLO a\r\nMAIL FROM:<\u{e9}@b>\r\nMAIL FROM:<\u{e9}@b> SMTPUTF8\r\nRCPT TO:<\u{e9}@b>\r\nRSET\r\nMAIL FROM:<a@b>\r\n\
         RCPT TO:<\u{e9}@b>\r\nRCPT TO:<>\r\nRCPT TO:<hook@here> NOTIFY=NEVER\r\n",
        "STARTTLS\r\nAUTH PLAIN x\r\nEXPN x\r\nGET / HTTP/1.1\r\nNO\0OP\r\n\r\nRSET x\r\nQUIT x\r\n",
    ];
    let mut shown = String::new();
    for said in conversations {
        shown += &format!("{}\n---\n{}\n", said.replace('\0', "<NUL>"), Mailbox::default().told(said));
    }
    insta::assert_snapshot!(shown.replace('\r', ""));
}

#[test]
fn a_mail_is_stored_as_it_was_before_it_was_sent() {
    let mailbox = Mailbox::default();
    mailbox.told(format!("{ENVELOPE}DATA\r\nA: b\r\n\r\n..dot\r\n...\r\n \r\nend\r\n.\r\nQUIT\r\n"));
    assert_eq!(mailbox.texts(), ["A: b\r\n\r\n.dot\r\n..\r\n \r\nend\r\n"]);
    let (mail, _) = &mailbox.mails.lock().unwrap()[0];
    assert_eq!((mail.helo.as_str(), mail.from.as_deref()), ("client.example", Some("ann@example.com")));
    assert_eq!(mail.recipients[0].1, Address { local: "hook".into(), domain: "here".into() });
}

#[test]
fn several_mails_come_over_one_connection() {
    let mailbox = Mailbox::default();
    let mail = "MAIL FROM:<>\r\nRCPT TO:<hook@here>\r\nDATA\r\nA: 1\r\n.\r\n";
    let told = mailbox.told(format!("EHLO a\r\n{mail}{mail}RCPT TO:<hook@here>\r\n"));
    assert_eq!(codes(&told), ["250", "250", "250", "354", "250", "250", "250", "354", "250", "503"]);
    assert_eq!(mailbox.texts(), ["A: 1\r\n", "A: 1\r\n"]);
    assert_eq!(mailbox.mails.lock().unwrap()[0].0.from, None);
}

/// What a server takes for the end that another one took for text would be a mail of its own.
#[test]
fn no_mail_is_smuggled_in_another() {
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\r\n.\r\n"] {
        let mailbox = Mailbox::default();
        let told = mailbox.told(format!("{ENVELOPE}DATA\r\nA: b\r\n\r\ntext{end}MAIL FROM:<evil@b>\r\nNOOP\r\n"));
        assert_eq!(codes(&told), ["250", "250", "250", "354", "554"], "{end:?}");
        assert!(mailbox.texts().is_empty());
        assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::MalformedBody]);
    }
    for line in ["NOOP\n", "NOOP\r", "NO\rOP\r\n", "NO\nOP\r\n"] {
        let told = Mailbox::default().told(format!("{line}NOOP\r\n"));
        assert!(codes(&told).iter().all(|code| *code == "500") || codes(&told) == ["500", "250"], "{line:?}: {told}");
    }
}

#[test]
fn too_much_of_anything_ends_it() {
    let mailbox = Mailbox::default();
    let codes_of = |said: String| codes(&mailbox.told(said)).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(codes_of("x".repeat(LINE_BYTES_MAX + 1)), ["500"]);
    assert_eq!(codes_of(format!("NOOP {}\r\n", "x".repeat(LINE_BYTES_MAX - 5))), ["250"]);
    assert_eq!(codes_of(format!("NOOP {}\r\nNOOP\r\n", "x".repeat(LINE_BYTES_MAX - 4))), ["500"]);
    let told = codes_of("x\r\n".repeat(ERRORS_MAX + 5));
    assert_eq!((told.len(), told.last().unwrap().as_str()), (ERRORS_MAX, "421"));
    let told = codes_of("NOOP\r\n".repeat(COMMANDS_MAX + 5));
    assert_eq!((told.len(), told.last().unwrap().as_str()), (COMMANDS_MAX + 1, "421"));
    let recipients = "RCPT TO:<hook@here>\r\n".repeat(RECIPIENTS_MAX + ERRORS_MAX);
    let told = codes_of(format!("EHLO a\r\nMAIL FROM:<a@b>\r\n{recipients}DATA\r\nA: b\r\n.\r\n"));
    assert_eq!(told.iter().filter(|code| *code == "452").count(), ERRORS_MAX);
    assert_eq!(told.last().unwrap(), "250");
    assert_eq!(mailbox.mails.lock().unwrap()[0].0.recipients.len(), RECIPIENTS_MAX);
}

#[test]
fn a_mail_that_can_t_be_taken_is_read_to_its_end() {
    let large = format!("{ENVELOPE}DATA\r\n{}\r\n.\r\nNOOP\r\n", "x".repeat(MAIL_BYTES_MAX - 1));
    let mailbox = Mailbox::default();
    assert_eq!(codes(&mailbox.told(&large)), ["250", "250", "250", "354", "552", "250"]);
    assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::BodyTooLarge]);
    let mailbox = Mailbox::default();
    assert_eq!(codes(&mailbox.told(large.replace("xxx", "x"))), ["250", "250", "250", "354", "250", "250"]);
    let mailbox = Mailbox { has_no_room: true, ..Mailbox::default() };
    assert_eq!(codes(&mailbox.told(format!("{ENVELOPE}DATA\r\nA: b\r\n.\r\nNOOP\r\n")))[4..], ["452", "250"]);
    assert!(mailbox.texts().is_empty());
}

#[test]
fn refusals_have_codes_by_which_senders_know_whether_to_try_again() {
    let code = |reason| {
        let mailbox = Mailbox { refusal: Some(reason), ..Mailbox::default() };
        let told = mailbox.told(format!("{ENVELOPE}DATA\r\nA: b\r\n.\r\n"));
        assert_eq!(*mailbox.refused.lock().unwrap(), [reason]);
        codes(&told)[4].to_owned()
    };
    for reason in Reason::ALL.map(|(reason, _)| reason) {
        let may_pass = [
            Reason::Overloaded,
            Reason::StoreUnavailable,
            Reason::CaptchaUnavailable,
            Reason::BodyTooSlow,
            Reason::BodyIncomplete,
            Reason::RateLimited,
            Reason::OrgRateLimited,
            Reason::TooManyAtOnce,
        ];
        let expected = if may_pass.contains(&reason) { "45" } else { "55" };
        assert!(code(reason).starts_with(expected), "{reason:?}: {}", code(reason));
    }
}

#[test]
fn a_client_that_goes_away_within_a_mail_has_sent_none() {
    let mailbox = Mailbox::default();
    mailbox.told(format!("{ENVELOPE}DATA\r\nA: b\r\n\r\ntext\r\n."));
    assert!(mailbox.texts().is_empty());
    assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::BodyIncomplete]);
}

#[test]
fn silence_ends_a_connection() {
    let mailbox = Mailbox::default();
    let silent = async |_: &mut DuplexStream, _: &watch::Sender<bool>| std::future::ready(()).await;
    let told = now(mailbox.hear(b"NOOP\r\n", silent));
    assert_eq!(codes(&told), ["250", "421"]);
    let told = now(mailbox.hear(format!("{ENVELOPE}DATA\r\nA: b\r\n").as_bytes(), silent));
    assert_eq!(codes(&told)[4..], ["421"]);
    assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::BodyTooSlow]);
}

#[test]
fn a_mail_byte_by_byte_is_too_slow() {
    let mailbox = Mailbox::default();
    let told = now(mailbox.hear(format!("{ENVELOPE}DATA\r\n").as_bytes(), async |client, _| {
        // Each in time, but not all of them.
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }));
    assert_eq!(codes(&told)[4..], ["421"]);
    assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::BodyTooSlow]);
}

#[test]
fn a_server_that_stops_says_so() {
    for said in ["NOOP\r\n".to_owned(), format!("{ENVELOPE}DATA\r\nA: b\r\n")] {
        let told = now(Mailbox::default().hear(said.as_bytes(), async |client, stop| {
            let mut greeting = [0; 20];
            client.read_exact(&mut greeting).await.unwrap();
            stop.send(true).unwrap();
        }));
        assert!(told.lines().last().unwrap().starts_with("421 4.3.2 "), "{told}");
    }
}

/// What the rules say, without any state: the text up to the end, and where that is.
fn decode(text: &[u8]) -> (Fed, Vec<u8>) {
    let mut mail = Vec::new();
    let mut rest = text;
    loop {
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else { return (Fed::More, mail) };
        if !rest[end..].starts_with(b"\r\n") {
            let is_open = rest[end..] == *b"\r";
            return (if is_open { Fed::More } else { Fed::LoneBreak }, mail);
        }
        let line = &rest[..end];
        rest = &rest[end + 2..];
        if line == b"." {
            return (Fed::End(text.len() - rest.len()), mail);
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        mail.extend_from_slice(b"\r\n");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// However a text is cut into pieces, it means what the rules say.
    #[test]
    fn texts_are_read_by_the_rules(
        letters in prop::collection::vec(prop::sample::select(vec!["\r\n", "\r\n.", "\r\n.\r\n", "\r", "\n", ".", "a"]), 0..30),
        length in 1..20_usize,
    ) {
        let text = letters.concat().into_bytes();
        let (mut data, mut mail, mut fed, mut fed_bytes) = (Data::default(), Vec::new(), Fed::More, 0);
        for piece in text.chunks(length) {
            fed = data.feed(piece, &mut mail);
            if let Fed::End(end) = fed {
                fed = Fed::End(fed_bytes + end);
            }
            if fed != Fed::More {
                break;
            }
            fed_bytes += piece.len();
        }
        let (expected, expected_mail) = decode(&text);
        prop_assert_eq!(fed, expected);
        if let Fed::End(_) = fed {
            prop_assert_eq!(mail, expected_mail);
        }
    }

    /// Whatever a client says, it is answered line by line, and no mail is stored that did not end.
    #[test]
    fn nothing_that_is_said_does_harm(
        pieces in prop::collection::vec(prop::sample::select(vec![
            &b"EHLO a"[..], b"MAIL FROM:<a@b>", b"RCPT TO:<hook@h>", b"DATA", b"RSET", b"QUIT", b"STARTTLS", b"\r\n", b"\n", b".", b"<",
            b">", b"\"", b"\\", b" ", b":", b"@", b"\xFF", b"\0", b"SIZE=", b"9999999999999999999999",
        ]), 0..40),
    ) {
        let mailbox = Mailbox::default();
        let told = mailbox.told(pieces.concat());
        prop_assert!(told.lines().all(|line| line.is_char_boundary(3) && line[..3].parse::<u16>().is_ok()), "{}", told);
        prop_assert!(told.starts_with("220 "));
    }
}
