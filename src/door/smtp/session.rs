//! The state machine of one connection, without I/O.
//!
//! A command line goes in, and an action comes out. The caller looks up recipients. `H` is the representation of a
//! hook.
//!
//! Limits: [`RECIPIENTS_MAX`], [`ERRORS_MAX`], [`COMMANDS_MAX`].

use super::command::{Address, Command, not_ascii, parse};
use super::reply::Reply;

/// The most recipients of a mail.
pub const RECIPIENTS_MAX: usize = 100;
/// After this many 5xx replies the connection is closed.
pub const ERRORS_MAX: usize = 20;
/// The most commands without an accepted mail.
pub const COMMANDS_MAX: usize = 500;

/// What a connection offers.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The server's name.
    pub name: String,
    pub mail_bytes_max: usize,
    /// Whether STARTTLS is offered.
    pub starts_tls: bool,
}

/// What to do next.
#[derive(Debug, PartialEq)]
pub enum SessionAction {
    /// Send the reply.
    Reply(Reply),
    /// Send the reply and close the connection.
    Close(Reply),
    /// Send the reply and read the mail.
    Data(Reply),
    /// Send the reply and start TLS; the previous state is discarded.
    Tls(Reply),
}

/// The SMTP envelope of a mail.
#[derive(Debug, PartialEq)]
pub struct Envelope<H> {
    pub helo: String,
    /// `None` for a bounce.
    pub from: Option<String>,
    pub recipients: Vec<(H, Address)>,
}

/// The state of a connection.
pub struct Session<H> {
    offer: Offer,
    helo: Option<String>,
    mail: Option<Mail<H>>,
    errors: usize,
    /// Commands since the last accepted mail.
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

    /// Handles a command line; `find` returns the hook of a recipient, or the reply if there is none.
    pub fn take(&mut self, line: &[u8], find: impl FnOnce(&Address) -> Result<H, Reply>) -> SessionAction {
        self.commands += 1;
        let action = parse(line).and_then(|command| self.execute(command, find)).unwrap_or_else(SessionAction::Reply);
        match action {
            SessionAction::Close(reply) => SessionAction::Close(reply),
            _ if self.commands > COMMANDS_MAX => {
                SessionAction::Close(Reply::new(421, "4.7.0 too many commands; goodbye"))
            }
            SessionAction::Reply(reply) if reply.is_error() => self.count_error(reply),
            action => action,
        }
    }

    /// Sends the reply, or closes the connection after too many errors.
    fn count_error(&mut self, reply: Reply) -> SessionAction {
        self.errors += 1;
        match self.errors < ERRORS_MAX {
            true => SessionAction::Reply(reply),
            false => SessionAction::Close(Reply::new(421, "4.7.0 too many errors; goodbye")),
        }
    }

    fn execute(
        &mut self,
        command: Command,
        find: impl FnOnce(&Address) -> Result<H, Reply>,
    ) -> Result<SessionAction, Reply> {
        let reply = |code, line: &'static str| Ok(SessionAction::Reply(Reply::new(code, line)));
        match command {
            Command::Hello { name, is_extended } => {
                self.helo = Some(name);
                self.mail = None;
                Ok(SessionAction::Reply(if is_extended {
                    self.extensions()
                } else {
                    Reply::new(250, self.offer.name.clone())
                }))
            }
            Command::Mail { from, size_bytes, is_utf_8 } => {
                self.announce(from, size_bytes, is_utf_8)?;
                reply(250, "2.1.0 ok")
            }
            Command::Recipient(address) => {
                self.add(address, find)?;
                reply(250, "2.1.5 ok")
            }
            Command::Data => {
                let is_ready = self.mail.as_ref().is_some_and(|mail| !mail.recipients.is_empty());
                if !is_ready {
                    return Err(Reply::new(503, "5.5.1 no valid recipient; send MAIL and RCPT first"));
                }
                Ok(SessionAction::Data(Reply::new(354, "send the mail, ended by a line with a single dot")))
            }
            Command::Reset => {
                self.mail = None;
                reply(250, "2.0.0 ok")
            }
            Command::Nothing => reply(250, "2.0.0 ok"),
            Command::Verify => reply(252, "2.5.0 not verified; send a mail to find out"),
            Command::StartTls if self.offer.starts_tls => {
                (self.helo, self.mail, self.offer.starts_tls) = (None, None, false);
                Ok(SessionAction::Tls(Reply::new(220, "2.0.0 go ahead")))
            }
            Command::StartTls => Err(Reply::new(502, "5.5.1 command not implemented")),
            Command::Quit => Ok(SessionAction::Close(Reply::new(221, "2.0.0 goodbye"))),
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
            return Err(Reply::new(503, "5.5.1 send HELO or EHLO first"));
        }
        if self.mail.is_some() {
            return Err(Reply::new(503, "5.5.1 a mail was already started; RSET discards it"));
        }
        if size_bytes.is_some_and(|size| size > self.offer.mail_bytes_max as u64) {
            return Err(Reply::new(552, format!("5.3.4 the mail is larger than {} bytes", self.offer.mail_bytes_max)));
        }
        self.mail = Some(Mail { from, is_utf_8, recipients: Vec::new() });
        Ok(())
    }

    fn add(&mut self, address: Address, find: impl FnOnce(&Address) -> Result<H, Reply>) -> Result<(), Reply> {
        let mail = self.mail.as_mut().ok_or_else(|| Reply::new(503, "5.5.1 send MAIL first"))?;
        if !address.is_ascii() && !mail.is_utf_8 {
            return Err(not_ascii());
        }
        if mail.recipients.len() == RECIPIENTS_MAX {
            return Err(Reply::new(452, "4.5.3 too many recipients; send the mail to the others separately"));
        }
        mail.recipients.push((find(&address)?, address));
        Ok(())
    }

    /// The envelope of the mail that follows; `None` if there was no MAIL command.
    pub fn take_envelope(&mut self) -> Option<Envelope<H>> {
        let helo = self.helo.clone()?;
        self.mail.take().map(|Mail { from, recipients, .. }| Envelope { helo, from, recipients })
    }

    /// A mail was accepted: the counts of commands and errors start over.
    pub fn mail_accepted(&mut self) {
        (self.commands, self.errors) = (0, 0);
    }
}
