//! The protocol, with a mailroom for tests and a paused clock.

use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;

use super::command::Address;
use super::conversation::{Conversation, Mailroom};
use super::data::{Data, FeedResult};
use super::session::{COMMANDS_MAX, ERRORS_MAX, Envelope, Offer, RECIPIENTS_MAX};
use super::wire::{LINE_BYTES_MAX, Wire};
use crate::door::{Reason, Refusal};

const MAIL_BYTES_MAX: usize = 1_000;

/// Accepts mails for `hook` and keeps them.
#[derive(Default)]
struct Mailbox {
    mails: Mutex<Vec<(Envelope<()>, Bytes)>>,
    refused: Mutex<Vec<Reason>>,
    /// The reason for refusing mails, if any.
    refusal: Option<Reason>,
    has_no_room: bool,
}

impl Mailroom for Mailbox {
    type Hook = ();
    type Reservation = usize;

    fn find(&self, address: &Address) -> Result<(), Refusal> {
        match address.local.as_str() {
            "hook" => Ok(()),
            _ => Err(Refusal::new(Reason::UnknownHook, "no hook has this address")),
        }
    }

    fn reservation(&self) -> usize {
        0
    }

    fn grow(&self, reservation: &mut usize, bytes: usize) -> Result<(), Refusal> {
        *reservation += bytes;
        if self.has_no_room { Err(Refusal::new(Reason::Overloaded, "not now")) } else { Ok(()) }
    }

    async fn store(&self, mail: &Envelope<()>, text: Bytes) -> Result<String, Refusal> {
        if let Some(reason) = self.refusal {
            return Err(Refusal::new(reason, "not now"));
        }
        let Envelope { helo, from, recipients } = mail;
        let mail = Envelope { helo: helo.clone(), from: from.clone(), recipients: recipients.clone() };
        self.mails.lock().unwrap().push((mail, text));
        Ok("7".to_owned())
    }

    fn refuse(&self, _: &Envelope<()>, refusal: &Refusal, _: &[u8]) {
        self.refused.lock().unwrap().push(refusal.reason);
    }
}

impl Mailbox {
    fn texts(&self) -> Vec<String> {
        self.mails.lock().unwrap().iter().map(|(_, text)| String::from_utf8_lossy(text).into_owned()).collect()
    }

    /// Serves a client that sends `input` and does `then`; returns everything it receives.
    async fn serve(&self, input: &[u8], then: impl AsyncFnOnce(&mut DuplexStream, &watch::Sender<bool>)) -> String {
        let (mut client, server) = duplex(1024 * 1024);
        let (stop, stopping) = watch::channel(false);
        let offer = Offer { name: "mx.example.com".into(), mail_bytes_max: MAIL_BYTES_MAX, starts_tls: false };
        let conversation = Conversation::new(Wire::new(Box::new(server), stopping), offer, None, self).serve();
        let mut output = String::new();
        let talk = async {
            client.write_all(input).await.unwrap();
            then(&mut client, &stop).await;
            client.read_to_string(&mut output).await.unwrap();
        };
        tokio::join!(conversation, talk);
        output
    }

    /// The same for a client that closes the connection.
    fn reply_to(&self, input: impl AsRef<[u8]>) -> String {
        now(self.serve(input.as_ref(), async |client, _| client.shutdown().await.unwrap()))
    }
}

/// Runs to completion with a paused clock, which advances only when nothing else can run.
fn now<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.unwrap().block_on(future)
}

/// The reply codes, after the greeting.
fn codes(output: &str) -> Vec<&str> {
    let last = output.lines().filter(|line| line.as_bytes()[3] == b' ');
    last.skip(1).map(|line| &line[..3]).collect()
}

const ENVELOPE: &str = "EHLO client.example\r\nMAIL FROM:<ann@example.com>\r\nRCPT TO:<hook@here>\r\n";

#[test]
fn commands_have_replies() {
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
    let mut transcript = String::new();
    for input in conversations {
        transcript += &format!("{}\n---\n{}\n", input.replace('\0', "<NUL>"), Mailbox::default().reply_to(input));
    }
    insta::assert_snapshot!(transcript.replace('\r', ""));
}

#[test]
fn a_mail_is_stored_with_dot_stuffing_undone() {
    let mailbox = Mailbox::default();
    mailbox.reply_to(format!("{ENVELOPE}DATA\r\nA: b\r\n\r\n..dot\r\n...\r\n \r\nend\r\n.\r\nQUIT\r\n"));
    assert_eq!(mailbox.texts(), ["A: b\r\n\r\n.dot\r\n..\r\n \r\nend\r\n"]);
    let (mail, _) = &mailbox.mails.lock().unwrap()[0];
    assert_eq!((mail.helo.as_str(), mail.from.as_deref()), ("client.example", Some("ann@example.com")));
    assert_eq!(mail.recipients[0].1, Address { local: "hook".into(), domain: "here".into() });
}

#[test]
fn several_mails_can_use_one_connection() {
    let mailbox = Mailbox::default();
    let mail = "MAIL FROM:<>\r\nRCPT TO:<hook@here>\r\nDATA\r\nA: 1\r\n.\r\n";
    let output = mailbox.reply_to(format!("EHLO a\r\n{mail}{mail}RCPT TO:<hook@here>\r\n"));
    assert_eq!(codes(&output), ["250", "250", "250", "354", "250", "250", "250", "354", "250", "503"]);
    assert_eq!(mailbox.texts(), ["A: 1\r\n", "A: 1\r\n"]);
    assert_eq!(mailbox.mails.lock().unwrap()[0].0.from, None);
}

/// If servers disagree about the end of a mail, the rest of its text becomes a mail of its own.
#[test]
fn smuggled_mails_are_refused() {
    for end in ["\n.\n", "\n.\r\n", "\r.\r", "\r\n.\n", "\r\n.\r", "\r.\r\n", "\r\r\n.\r\n"] {
        let mailbox = Mailbox::default();
        let output = mailbox.reply_to(format!("{ENVELOPE}DATA\r\nA: b\r\n\r\ntext{end}MAIL FROM:<evil@b>\r\nNOOP\r\n"));
        assert_eq!(codes(&output), ["250", "250", "250", "354", "554"], "{end:?}");
        assert!(mailbox.texts().is_empty());
        assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::MalformedBody]);
    }
    for line in ["NOOP\n", "NOOP\r", "NO\rOP\r\n", "NO\nOP\r\n"] {
        let output = Mailbox::default().reply_to(format!("{line}NOOP\r\n"));
        assert!(
            codes(&output).iter().all(|code| *code == "500") || codes(&output) == ["500", "250"],
            "{line:?}: {output}"
        );
    }
}

#[test]
fn the_connection_ends_at_each_limit() {
    let mailbox = Mailbox::default();
    let codes_of = |input: String| codes(&mailbox.reply_to(input)).into_iter().map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(codes_of("x".repeat(LINE_BYTES_MAX + 1)), ["500"]);
    assert_eq!(codes_of(format!("NOOP {}\r\n", "x".repeat(LINE_BYTES_MAX - 5))), ["250"]);
    assert_eq!(codes_of(format!("NOOP {}\r\nNOOP\r\n", "x".repeat(LINE_BYTES_MAX - 4))), ["500"]);
    let codes = codes_of("x\r\n".repeat(ERRORS_MAX + 5));
    assert_eq!((codes.len(), codes.last().unwrap().as_str()), (ERRORS_MAX, "421"));
    let codes = codes_of("NOOP\r\n".repeat(COMMANDS_MAX + 5));
    assert_eq!((codes.len(), codes.last().unwrap().as_str()), (COMMANDS_MAX + 1, "421"));
    let recipients = "RCPT TO:<hook@here>\r\n".repeat(RECIPIENTS_MAX + ERRORS_MAX);
    let codes = codes_of(format!("EHLO a\r\nMAIL FROM:<a@b>\r\n{recipients}DATA\r\nA: b\r\n.\r\n"));
    assert_eq!(codes.iter().filter(|code| *code == "452").count(), ERRORS_MAX);
    assert_eq!(codes.last().unwrap(), "250");
    assert_eq!(mailbox.mails.lock().unwrap()[0].0.recipients.len(), RECIPIENTS_MAX);
}

#[test]
fn an_oversized_mail_is_read_to_its_end() {
    let large = format!("{ENVELOPE}DATA\r\n{}\r\n.\r\nNOOP\r\n", "x".repeat(MAIL_BYTES_MAX - 1));
    let mailbox = Mailbox::default();
    assert_eq!(codes(&mailbox.reply_to(&large)), ["250", "250", "250", "354", "552", "250"]);
    assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::BodyTooLarge]);
    let mailbox = Mailbox::default();
    assert_eq!(codes(&mailbox.reply_to(large.replace("xxx", "x"))), ["250", "250", "250", "354", "250", "250"]);
    let mailbox = Mailbox { has_no_room: true, ..Mailbox::default() };
    assert_eq!(codes(&mailbox.reply_to(format!("{ENVELOPE}DATA\r\nA: b\r\n.\r\nNOOP\r\n")))[4..], ["452", "250"]);
    assert!(mailbox.texts().is_empty());
}

#[test]
fn temporary_refusals_have_4xx_codes_and_permanent_ones_5xx() {
    let code = |reason| {
        let mailbox = Mailbox { refusal: Some(reason), ..Mailbox::default() };
        let output = mailbox.reply_to(format!("{ENVELOPE}DATA\r\nA: b\r\n.\r\n"));
        assert_eq!(*mailbox.refused.lock().unwrap(), [reason]);
        codes(&output)[4].to_owned()
    };
    for reason in Reason::ALL.map(|(reason, _)| reason) {
        let temporary = [
            Reason::Overloaded,
            Reason::StoreUnavailable,
            Reason::CaptchaUnavailable,
            Reason::KeysUnavailable,
            Reason::BodyTooSlow,
            Reason::BodyIncomplete,
            Reason::RateLimited,
            Reason::OrgRateLimited,
            Reason::TooManyAtOnce,
        ];
        let expected = if temporary.contains(&reason) { "45" } else { "55" };
        assert!(code(reason).starts_with(expected), "{reason:?}: {}", code(reason));
    }
}

#[test]
fn a_mail_cut_off_by_the_client_is_not_stored() {
    let mailbox = Mailbox::default();
    mailbox.reply_to(format!("{ENVELOPE}DATA\r\nA: b\r\n\r\ntext\r\n."));
    assert!(mailbox.texts().is_empty());
    assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::BodyIncomplete]);
}

#[test]
fn a_silent_connection_times_out() {
    let mailbox = Mailbox::default();
    let silent = async |_: &mut DuplexStream, _: &watch::Sender<bool>| std::future::ready(()).await;
    let output = now(mailbox.serve(b"NOOP\r\n", silent));
    assert_eq!(codes(&output), ["250", "421"]);
    let output = now(mailbox.serve(format!("{ENVELOPE}DATA\r\nA: b\r\n").as_bytes(), silent));
    assert_eq!(codes(&output)[4..], ["421"]);
    assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::BodyTooSlow]);
}

#[test]
fn a_mail_sent_byte_by_byte_is_too_slow() {
    let mailbox = Mailbox::default();
    let output = now(mailbox.serve(format!("{ENVELOPE}DATA\r\n").as_bytes(), async |client, _| {
        // Each byte is in time, but the mail is not.
        while client.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }));
    assert_eq!(codes(&output)[4..], ["421"]);
    assert_eq!(*mailbox.refused.lock().unwrap(), [Reason::BodyTooSlow]);
}

#[test]
fn a_stopping_server_says_so() {
    for input in ["NOOP\r\n".to_owned(), format!("{ENVELOPE}DATA\r\nA: b\r\n")] {
        let output = now(Mailbox::default().serve(input.as_bytes(), async |client, stop| {
            let mut greeting = [0; 20];
            client.read_exact(&mut greeting).await.unwrap();
            stop.send(true).unwrap();
        }));
        assert!(output.lines().last().unwrap().starts_with("421 4.3.2 "), "{output}");
    }
}

/// A stateless reference decoder: the decoded text up to the end, and the position of the end.
fn decode(text: &[u8]) -> (FeedResult, Vec<u8>) {
    let mut mail = Vec::new();
    let mut rest = text;
    loop {
        let Some(end) = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else {
            return (FeedResult::More, mail);
        };
        if !rest[end..].starts_with(b"\r\n") {
            let is_open = rest[end..] == *b"\r";
            return (if is_open { FeedResult::More } else { FeedResult::BareLineBreak }, mail);
        }
        let line = &rest[..end];
        rest = &rest[end + 2..];
        if line == b"." {
            return (FeedResult::End(text.len() - rest.len()), mail);
        }
        mail.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
        mail.extend_from_slice(b"\r\n");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    /// A text decodes the same however it is split into pieces.
    #[test]
    fn texts_decode_like_the_reference(
        letters in prop::collection::vec(prop::sample::select(vec!["\r\n", "\r\n.", "\r\n.\r\n", "\r", "\n", ".", "a"]), 0..30),
        length in 1..20_usize,
    ) {
        let text = letters.concat().into_bytes();
        let (mut data, mut mail, mut fed, mut fed_bytes) = (Data::default(), Vec::new(), FeedResult::More, 0);
        for piece in text.chunks(length) {
            fed = data.feed(piece, &mut mail);
            if let FeedResult::End(end) = fed {
                fed = FeedResult::End(fed_bytes + end);
            }
            if fed != FeedResult::More {
                break;
            }
            fed_bytes += piece.len();
        }
        let (expected, expected_mail) = decode(&text);
        prop_assert_eq!(fed, expected);
        if let FeedResult::End(_) = fed {
            prop_assert_eq!(mail, expected_mail);
        }
    }

    /// Any input gets well-formed replies, and only complete mails are stored.
    #[test]
    fn any_input_gets_well_formed_replies(
        pieces in prop::collection::vec(prop::sample::select(vec![
            &b"EHLO a"[..], b"MAIL FROM:<a@b>", b"RCPT TO:<hook@h>", b"DATA", b"RSET", b"QUIT", b"STARTTLS", b"\r\n", b"\n", b".", b"<",
            b">", b"\"", b"\\", b" ", b":", b"@", b"\xFF", b"\0", b"SIZE=", b"9999999999999999999999",
        ]), 0..40),
    ) {
        let mailbox = Mailbox::default();
        let output = mailbox.reply_to(pieces.concat());
        prop_assert!(output.lines().all(|line| line.is_char_boundary(3) && line[..3].parse::<u16>().is_ok()), "{}", output);
        prop_assert!(output.starts_with("220 "));
    }
}
