//! One connection, from its greeting to its end.
//!
//! Limits: those of [`session`](super::session) and [`wire`](super::wire); [`PATIENCE`], [`BYTES_PER_SECOND_MIN`] and
//! [`MAIL_TIME_MAX`] for a mail; [`BYTES_MAX`]; and the memory that the [`Mailroom`] grants.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::command::Address;
use super::data::{Data, FeedResult};
use super::reply::Reply;
use super::session::{Envelope, Offer, Session, SessionAction};
use super::wire::{ReadError, Wire};
use crate::door::{Reason, Refusal};
use crate::http::errors::Code;

/// The minimum time for a mail to arrive, whatever its size.
const PATIENCE: Duration = Duration::from_secs(30);
/// The rate that it must keep up after that.
const BYTES_PER_SECOND_MIN: u64 = 2_000;
/// The most time for a mail.
const MAIL_TIME_MAX: Duration = Duration::from_secs(600);
/// How much of an oversized mail is read, so that its sender gets the reply.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where mails are delivered to.
pub trait Mailroom: Sync {
    /// The representation of a hook.
    type Hook: Send + Sync;
    /// Memory reserved for the bytes of a mail, until dropped.
    type Reservation: Send;

    /// The hook with this recipient address.
    fn find(&self, address: &Address) -> Result<Self::Hook, Refusal>;
    /// An empty reservation.
    fn reservation(&self) -> Self::Reservation;
    /// Reserves more bytes.
    fn grow(&self, reservation: &mut Self::Reservation, bytes: usize) -> Result<(), Refusal>;
    /// Stores a mail; returns its name for the reply.
    fn store(&self, mail: &Envelope<Self::Hook>, text: Bytes) -> impl Future<Output = Result<String, Refusal>> + Send;
    /// Records a refused mail, with the text received.
    fn refuse(&self, mail: &Envelope<Self::Hook>, refusal: &Refusal, text: &[u8]);
}

/// A connection and its state.
pub struct Conversation<'a, M: Mailroom> {
    wire: Wire,
    session: Session<M::Hook>,
    mail_bytes_max: usize,
    acceptor: Option<TlsAcceptor>,
    mailroom: &'a M,
}

/// How the conversation continues.
enum Next {
    Reply(Reply),
    Close(Reply),
    Tls(Reply),
}

impl<'a, M: Mailroom> Conversation<'a, M> {
    /// If `acceptor` is given, STARTTLS is offered.
    pub fn new(wire: Wire, mut offer: Offer, acceptor: Option<TlsAcceptor>, mailroom: &'a M) -> Conversation<'a, M> {
        offer.starts_tls = acceptor.is_some();
        let mail_bytes_max = offer.mail_bytes_max;
        Conversation { wire, session: Session::new(offer), mail_bytes_max, acceptor, mailroom }
    }

    /// Serves the connection until it ends.
    pub async fn serve(mut self) {
        let mut next = Ok(Next::Reply(self.session.greeting()));
        loop {
            let sent = match next {
                Ok(Next::Reply(reply)) => self.wire.send(&reply).await,
                Ok(Next::Close(reply)) => return self.wire.close(&reply).await,
                Ok(Next::Tls(reply)) => {
                    if self.wire.send(&reply).await.is_err() {
                        return;
                    }
                    let Some(acceptor) = &self.acceptor else { return };
                    let Some(wire) = self.wire.with_tls(acceptor).await else { return };
                    self.wire = wire;
                    Ok(())
                }
                Err(ReadError::Closed) => return,
                Err(error) => return self.wire.close(&farewell(&error)).await,
            };
            next = match sent {
                Ok(()) => self.next().await,
                Err(_) => return,
            };
        }
    }

    async fn next(&mut self) -> Result<Next, ReadError> {
        let line = self.wire.line().await?;
        let mailroom = self.mailroom;
        let find = |address: &Address| mailroom.find(address).map_err(|refusal| refused(&refusal));
        Ok(match self.session.take(&line, find) {
            SessionAction::Reply(reply) => Next::Reply(reply),
            SessionAction::Close(reply) => Next::Close(reply),
            SessionAction::Tls(reply) => Next::Tls(reply),
            SessionAction::Data(reply) => {
                self.wire.send(&reply).await?;
                self.take_mail().await?
            }
        })
    }

    async fn take_mail(&mut self) -> Result<Next, ReadError> {
        let Some(mail) = self.session.take_envelope() else {
            return Ok(Next::Reply(Reply::new(503, "5.5.1 send MAIL first")));
        };
        let refuse = |mailroom: &M, refusal: &Refusal, text: &[u8]| {
            mailroom.refuse(&mail, refusal, text);
            refused(refusal)
        };
        let (text, reservation) = match self.text().await {
            Ok(Text::Whole(text, reservation)) => (text, reservation),
            Ok(Text::Refused(refusal)) => return Ok(Next::Reply(refuse(self.mailroom, &refusal, &[]))),
            Ok(Text::Broken) => {
                let refusal = Refusal::new(Reason::MalformedBody, "a bare CR or LF; lines must end with CR LF");
                return Ok(Next::Close(refuse(self.mailroom, &refusal, &[])));
            }
            Err(error) => {
                let refusal = match error {
                    ReadError::TooSlow => Refusal::new(Reason::BodyTooSlow, "the mail arrives too slowly"),
                    _ => Refusal::new(Reason::BodyIncomplete, "the connection closed before the mail was complete"),
                };
                self.mailroom.refuse(&mail, &refusal, &[]);
                return Err(error);
            }
        };
        let stored = self.mailroom.store(&mail, text.clone()).await;
        drop(reservation);
        Ok(Next::Reply(match stored {
            Ok(name) => {
                self.session.mail_accepted();
                Reply::new(250, format!("2.0.0 stored as {name}"))
            }
            Err(refusal) => refuse(self.mailroom, &refusal, &text),
        }))
    }

    /// Reads a mail to its end.
    async fn text(&mut self) -> Result<Text<M::Reservation>, ReadError> {
        let mailroom = self.mailroom;
        let (mut data, mut mail, mut reservation) = (Data::default(), Vec::new(), mailroom.reservation());
        let (mut refusal, mut bytes, begun) = (None, 0, Instant::now());
        loop {
            // The more has arrived, the more time is allowed.
            let time = PATIENCE + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN);
            let piece = timeout_at(begun + time.min(MAIL_TIME_MAX), self.wire.piece())
                .await
                .unwrap_or(Err(ReadError::TooSlow))?;
            bytes += piece.len() as u64;
            let length_before = mail.len();
            let fed = data.feed(&piece, &mut mail);
            if refusal.is_none() {
                refusal = self
                    .check_size(&mail)
                    .and_then(|()| mailroom.grow(&mut reservation, mail.len() - length_before))
                    .err();
            }
            if refusal.is_some() {
                (mail, reservation) = (Vec::new(), mailroom.reservation());
            }
            match fed {
                FeedResult::BareLineBreak => return Ok(Text::Broken),
                FeedResult::More if bytes > BYTES_MAX => return Err(ReadError::Closed),
                FeedResult::More => {}
                FeedResult::End(length) => {
                    self.wire.unread(&piece[length..]);
                    return Ok(refusal.map_or_else(|| Text::Whole(mail.into(), reservation), Text::Refused));
                }
            }
        }
    }

    fn check_size(&self, mail: &[u8]) -> Result<(), Refusal> {
        match mail.len() > self.mail_bytes_max {
            true => {
                let detail = format!("the mail is larger than {} bytes", self.mail_bytes_max);
                Err(Refusal::new(Reason::BodyTooLarge, detail))
            }
            false => Ok(()),
        }
    }
}

/// The result of `DATA`.
enum Text<R> {
    Whole(Bytes, R),
    Refused(Refusal),
    /// Its end cannot be determined.
    Broken,
}

/// The last reply to a client that cannot continue.
fn farewell(error: &ReadError) -> Reply {
    match error {
        ReadError::Stopping => Reply::new(421, "4.3.2 the server is shutting down; try again"),
        ReadError::InvalidLine => Reply::new(500, "5.5.2 a command line must be short and end with CR LF"),
        ReadError::TooSlow | ReadError::Closed => Reply::new(421, "4.4.2 timeout; goodbye"),
    }
}

/// The reply for a refusal.
fn refused(refusal: &Refusal) -> Reply {
    let code = refusal.reason.code();
    let (code, status) = match (code, code.row().0) {
        (Code::Overloaded, _) => (452, "4.3.1"),
        (Code::HookDisabled, _) => (550, "5.2.1"),
        (Code::BodyIncomplete, _) | (_, 408) => (451, "4.4.2"),
        (_, 401 | 403 | 405) => (550, "5.7.1"),
        (_, 404) => (550, "5.1.1"),
        (_, 410) => (550, "5.2.1"),
        (_, 413) => (552, "5.3.4"),
        (_, 429) => (450, "4.7.1"),
        (_, 500..) => (451, "4.3.0"),
        _ => (554, "5.6.0"),
    };
    Reply::new(code, format!("{status} {}", refusal.detail))
}
