//! What may follow what: the state of one connection, without any input or output.
//!
//! A line goes in, and an answer comes out that says what to do next. Whether a recipient exists is for whoever calls to
//! say. `H` is what stands for a hook.
//!
//! Limits: [`RECIPIENTS_MAX`], [`ERRORS_MAX`], [`COMMANDS_MAX`].

use super::command::{Address, Command, not_ascii, parse};
use super::reply::Reply;

/// How many recipients a mail may have.
pub const RECIPIENTS_MAX: usize = 100;
/// After how many answers of 5xx a connection is closed.
pub const ERRORS_MAX: usize = 20;
/// How many commands a client may give without a mail being taken.
pub const COMMANDS_MAX: usize = 500;

/// What a connection offers.
#[derive(Clone, Debug)]
pub struct Offer {
    /// How the server calls itself.
    pub name: String,
    pub mail_bytes_max: usize,
    /// Whether TLS can be begun.
    pub starts_tls: bool,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum Answer {
    Say(Reply),
    /// Say it, and close the connection.
    Close(Reply),
    /// Say it, and take the mail.
    Data(Reply),
    /// Say it, and begin TLS; all that was said before is forgotten.
    Tls(Reply),
}

/// A mail that was announced.
#[derive(Debug, PartialEq)]
pub struct Announced<H> {
    pub helo: String,
    /// None if it is a report that nobody should answer.
    pub from: Option<String>,
    pub recipients: Vec<(H, Address)>,
}

/// The state of a connection.
pub struct Session<H> {
    offer: Offer,
    helo: Option<String>,
    mail: Option<Mail<H>>,
    errors: usize,
    /// Since a mail was taken.
    commands: usize,
}

struct Mail<H> {
    from: Option<String>,
    is_utf_8: bool,
    recipients: Vec<(H, Address)>,
}

impl<H> Session<H> {
    pub fn new(offer: Offer) -> Session<H> {
        Session { offer, helo: None, mail: None, errors: 0, commands: 0 }
    }

    pub fn greeting(&self) -> Reply {
        Reply::new(220, format!("{} ESMTP", self.offer.name))
    }

    /// Takes a command line; `find` says which hook a recipient is, or why there is none.
    pub fn take(&mut self, line: &[u8], find: impl FnOnce(&Address) -> Result<H, Reply>) -> Answer {
        self.commands += 1;
        let answer = parse(line).and_then(|command| self.follow(command, find)).unwrap_or_else(Answer::Say);
        match answer {
            Answer::Close(reply) => Answer::Close(reply),
            _ if self.commands > COMMANDS_MAX => Answer::Close(Reply::new(421, "4.7.0 too many commands; goodbye")),
            Answer::Say(reply) if reply.is_fault() => self.blame(reply),
            answer => answer,
        }
    }

    /// The answer, or the last one.
    fn blame(&mut self, reply: Reply) -> Answer {
        self.errors += 1;
        match self.errors < ERRORS_MAX {
            true => Answer::Say(reply),
            false => Answer::Close(Reply::new(421, "4.7.0 too many faults; goodbye")),
        }
    }

    fn follow(&mut self, command: Command, find: impl FnOnce(&Address) -> Result<H, Reply>) -> Result<Answer, Reply> {
        let say = |code, line: &'static str| Ok(Answer::Say(Reply::new(code, line)));
        match command {
            Command::Hello { name, is_extended } => {
                self.helo = Some(name);
                self.mail = None;
                Ok(Answer::Say(if is_extended { self.extensions() } else { Reply::new(250, self.offer.name.clone()) }))
            }
            Command::Mail { from, size_bytes, is_utf_8 } => {
                self.announce(from, size_bytes, is_utf_8)?;
                say(250, "2.1.0 ok")
            }
            Command::Recipient(address) => {
                self.add(address, find)?;
                say(250, "2.1.5 ok")
            }
            Command::Data => {
                let is_ready = self.mail.as_ref().is_some_and(|mail| !mail.recipients.is_empty());
                if !is_ready {
                    return Err(Reply::new(503, "5.5.1 no recipient was taken; first MAIL, then RCPT"));
                }
                Ok(Answer::Data(Reply::new(354, "the mail, and a line with a dot at its end")))
            }
            Command::Reset => {
                self.mail = None;
                say(250, "2.0.0 ok")
            }
            Command::Nothing => say(250, "2.0.0 ok"),
            Command::Verify => say(252, "2.5.0 that will be seen when there is a mail for it"),
            Command::StartTls if self.offer.starts_tls => {
                (self.helo, self.mail, self.offer.starts_tls) = (None, None, false);
                Ok(Answer::Tls(Reply::new(220, "2.0.0 go ahead")))
            }
            Command::StartTls => Err(Reply::new(502, "5.5.1 this command is not offered")),
            Command::Quit => Ok(Answer::Close(Reply::new(221, "2.0.0 goodbye"))),
        }
    }

    fn extensions(&self) -> Reply {
        let size = format!("SIZE {}", self.offer.mail_bytes_max);
        let mut lines = vec![self.offer.name.clone().into(), "PIPELINING".into(), size.into(), "8BITMIME".into()];
        lines.extend(["SMTPUTF8".into(), "ENHANCEDSTATUSCODES".into()]);
        lines.extend(self.offer.starts_tls.then(|| "STARTTLS".into()));
        Reply { code: 250, lines }
    }

    fn announce(&mut self, from: Option<String>, size_bytes: Option<u64>, is_utf_8: bool) -> Result<(), Reply> {
        if self.helo.is_none() {
            return Err(Reply::new(503, "5.5.1 first HELO or EHLO"));
        }
        if self.mail.is_some() {
            return Err(Reply::new(503, "5.5.1 a mail was begun already; RSET gives it up"));
        }
        if size_bytes.is_some_and(|size| size > self.offer.mail_bytes_max as u64) {
            return Err(Reply::new(552, format!("5.3.4 the mail is larger than {} bytes", self.offer.mail_bytes_max)));
        }
        self.mail = Some(Mail { from, is_utf_8, recipients: Vec::new() });
        Ok(())
    }

    fn add(&mut self, address: Address, find: impl FnOnce(&Address) -> Result<H, Reply>) -> Result<(), Reply> {
        let mail = self.mail.as_mut().ok_or_else(|| Reply::new(503, "5.5.1 first MAIL"))?;
        if !address.is_ascii() && !mail.is_utf_8 {
            return Err(not_ascii());
        }
        if mail.recipients.len() == RECIPIENTS_MAX {
            return Err(Reply::new(452, "4.5.3 too many recipients; send the mail again to the others"));
        }
        mail.recipients.push((find(&address)?, address));
        Ok(())
    }

    /// The mail that comes now; none if none was announced.
    pub fn announced(&mut self) -> Option<Announced<H>> {
        let helo = self.helo.clone()?;
        self.mail.take().map(|Mail { from, recipients, .. }| Announced { helo, from, recipients })
    }

    /// The mail was taken: the client does what it is here for.
    pub fn taken(&mut self) {
        (self.commands, self.errors) = (0, 0);
    }
}
