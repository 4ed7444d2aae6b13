//! One connection from its greeting to its end.
//!
//! Limits: those of [`session`](super::session) and [`wire`](super::wire), [`PATIENCE`], [`BYTES_PER_SECOND_MIN`] and
//! [`MAIL_TIME_MAX`] for a mail, [`BYTES_MAX`], and what the [`Mailroom`] has room for.

use std::future::Future;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsAcceptor;

use super::command::Address;
use super::data::{Data, Fed};
use super::reply::Reply;
use super::session::{Announced, Answer, Offer, Session};
use super::wire::{Gone, Wire};
use crate::door::{Reason, Refusal};

/// How long a mail may take to arrive whatever its size.
const PATIENCE: Duration = Duration::from_secs(30);
/// The pace that it may not fall behind after that.
const BYTES_PER_SECOND_MIN: u64 = 2_000;
/// How long a mail may take at all.
const MAIL_TIME_MAX: Duration = Duration::from_secs(600);
/// How much is read of a mail that is too large, so that its sender gets to read that it is.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Where mails go.
pub trait Mailroom: Sync {
    /// What stands for a hook.
    type Hook: Send + Sync;
    /// Room for the bytes of a mail, until it is dropped.
    type Room: Send;

    /// The hook that a recipient is.
    fn find(&self, address: &Address) -> Result<Self::Hook, Refusal>;
    /// Room for no bytes yet.
    fn room(&self) -> Self::Room;
    /// Makes room for more bytes, if there is so much.
    fn grow(&self, room: &mut Self::Room, bytes: usize) -> Result<(), Refusal>;
    /// Stores a mail; what it is stored as.
    fn store(&self, mail: &Announced<Self::Hook>, text: Bytes) -> impl Future<Output = Result<String, Refusal>> + Send;
    /// A mail is not taken, of which so much is there.
    fn refuse(&self, mail: &Announced<Self::Hook>, refusal: &Refusal, text: &[u8]);
}

/// A connection, and what was said on it.
pub struct Conversation<'a, M: Mailroom> {
    wire: Wire,
    session: Session<M::Hook>,
    mail_bytes_max: usize,
    acceptor: Option<TlsAcceptor>,
    mailroom: &'a M,
}

/// How it goes on.
enum Next {
    Say(Reply),
    Close(Reply),
    Tls(Reply),
}

impl<'a, M: Mailroom> Conversation<'a, M> {
    /// `acceptor` is there if TLS can be begun.
    pub fn new(wire: Wire, mut offer: Offer, acceptor: Option<TlsAcceptor>, mailroom: &'a M) -> Conversation<'a, M> {
        offer.starts_tls = acceptor.is_some();
        let mail_bytes_max = offer.mail_bytes_max;
        Conversation { wire, session: Session::new(offer), mail_bytes_max, acceptor, mailroom }
    }

    /// Serves the connection until it ends.
    pub async fn hold(mut self) {
        let mut next = Ok(Next::Say(self.session.greeting()));
        loop {
            let said = match next {
                Ok(Next::Say(reply)) => self.wire.say(&reply).await,
                Ok(Next::Close(reply)) => return self.wire.close(&reply).await,
                Ok(Next::Tls(reply)) => {
                    if self.wire.say(&reply).await.is_err() {
                        return;
                    }
                    let Some(acceptor) = &self.acceptor else { return };
                    let Some(wire) = self.wire.with_tls(acceptor).await else { return };
                    self.wire = wire;
                    Ok(())
                }
                Err(Gone::Closed) => return,
                Err(gone) => return self.wire.close(&farewell(&gone)).await,
            };
            next = match said {
                Ok(()) => self.next().await,
                Err(_) => return,
            };
        }
    }

    async fn next(&mut self) -> Result<Next, Gone> {
        let line = self.wire.line().await?;
        let mailroom = self.mailroom;
        let find = |address: &Address| mailroom.find(address).map_err(|refusal| refused(&refusal));
        Ok(match self.session.take(&line, find) {
            Answer::Say(reply) => Next::Say(reply),
            Answer::Close(reply) => Next::Close(reply),
            Answer::Tls(reply) => Next::Tls(reply),
            Answer::Data(reply) => {
                self.wire.say(&reply).await?;
                self.take_mail().await?
            }
        })
    }

    async fn take_mail(&mut self) -> Result<Next, Gone> {
        let Some(mail) = self.session.announced() else { return Ok(Next::Say(Reply::new(503, "5.5.1 first MAIL"))) };
        let refuse = |mailroom: &M, refusal: &Refusal, text: &[u8]| {
            mailroom.refuse(&mail, refusal, text);
            refused(refusal)
        };
        let (text, room) = match self.text().await {
            Ok(Text::Whole(text, room)) => (text, room),
            Ok(Text::Refused(refusal)) => return Ok(Next::Say(refuse(self.mailroom, &refusal, &[]))),
            Ok(Text::Broken) => {
                let refusal = Refusal::new(Reason::MalformedBody, "a CR or LF by itself; lines end with CR LF");
                return Ok(Next::Close(refuse(self.mailroom, &refusal, &[])));
            }
            Err(gone) => {
                let refusal = match gone {
                    Gone::TooSlow => Refusal::new(Reason::BodyTooSlow, "the mail took too long"),
                    _ => Refusal::new(Reason::BodyIncomplete, "the mail ended early"),
                };
                self.mailroom.refuse(&mail, &refusal, &[]);
                return Err(gone);
            }
        };
        let stored = self.mailroom.store(&mail, text.clone()).await;
        drop(room);
        Ok(Next::Say(match stored {
            Ok(name) => {
                self.session.taken();
                Reply::new(250, format!("2.0.0 stored as {name}"))
            }
            Err(refusal) => refuse(self.mailroom, &refusal, &text),
        }))
    }

    /// Reads a mail to its end.
    async fn text(&mut self) -> Result<Text<M::Room>, Gone> {
        let mailroom = self.mailroom;
        let (mut data, mut mail, mut room) = (Data::default(), Vec::new(), mailroom.room());
        let (mut refusal, mut bytes, begun) = (None, 0, Instant::now());
        loop {
            // The more has come, the more time there is.
            let time = PATIENCE + Duration::from_secs(bytes / BYTES_PER_SECOND_MIN);
            let piece =
                timeout_at(begun + time.min(MAIL_TIME_MAX), self.wire.piece()).await.unwrap_or(Err(Gone::TooSlow))?;
            bytes += piece.len() as u64;
            let length_before = mail.len();
            let fed = data.feed(&piece, &mut mail);
            if refusal.is_none() {
                refusal =
                    self.check_size(&mail).and_then(|()| mailroom.grow(&mut room, mail.len() - length_before)).err();
            }
            if refusal.is_some() {
                (mail, room) = (Vec::new(), mailroom.room());
            }
            match fed {
                Fed::LoneBreak => return Ok(Text::Broken),
                Fed::More if bytes > BYTES_MAX => return Err(Gone::Closed),
                Fed::More => {}
                Fed::End(length) => {
                    self.wire.unread(&piece[length..]);
                    return Ok(refusal.map_or_else(|| Text::Whole(mail.into(), room), Text::Refused));
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

/// What came after `DATA`.
enum Text<R> {
    Whole(Bytes, R),
    Refused(Refusal),
    /// There is no telling where it ends.
    Broken,
}

/// The last words to a client that doesn't go on, or can't.
fn farewell(gone: &Gone) -> Reply {
    match gone {
        Gone::Stopping => Reply::new(421, "4.3.2 the server is being stopped; try again"),
        Gone::NoLine => Reply::new(500, "5.5.2 a command is a line that ends with CR LF"),
        Gone::TooSlow | Gone::Closed => Reply::new(421, "4.4.2 that took too long; goodbye"),
    }
}

/// What a client is told of a refusal.
fn refused(refusal: &Refusal) -> Reply {
    let (code, status) = match refusal.reason {
        Reason::UnknownHook => (550, "5.1.1"),
        Reason::HookDisabled | Reason::HookDeleted => (550, "5.2.1"),
        Reason::Signature | Reason::Method | Reason::AddressNotAllowed | Reason::ChallengeFailed | Reason::NotHuman => {
            (550, "5.7.1")
        }
        Reason::BodyTooLarge => (552, "5.3.4"),
        Reason::RateLimited | Reason::OrgRateLimited | Reason::TooManyAtOnce => (450, "4.7.1"),
        Reason::Overloaded => (452, "4.3.1"),
        Reason::StoreUnavailable | Reason::CaptchaUnavailable => (451, "4.3.0"),
        Reason::BodyTooSlow | Reason::BodyIncomplete => (451, "4.4.2"),
        Reason::UnsupportedMediaType | Reason::MalformedJson | Reason::MalformedBody | Reason::NestingTooDeep => {
            (554, "5.6.0")
        }
    };
    Reply::new(code, format!("{status} {}", refusal.detail))
}
