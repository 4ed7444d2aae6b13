//! Parses command lines of RFC 5321, with the parameters of the offered extensions.
//!
//! Limit: [`ADDRESS_BYTES_MAX`].

use super::reply::Reply;

/// The longest address or client name, in bytes.
const ADDRESS_BYTES_MAX: usize = 320;

/// A client's command.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// The client's name, and whether it supports extensions.
    Hello {
        name: String,
        is_extended: bool,
    },
    /// The sender; `None` for a bounce.
    Mail {
        from: Option<String>,
        size_bytes: Option<u64>,
        is_utf_8: bool,
    },
    Recipient(Address),
    Data,
    Reset,
    Nothing,
    Verify,
    StartTls,
    Quit,
}

/// The address of a recipient.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    pub local: String,
    /// Empty if there is none.
    pub domain: String,
}

impl Address {
    pub fn is_ascii(&self) -> bool {
        self.local.is_ascii() && self.domain.is_ascii()
    }
}

/// Parses a line without its line break.
pub fn parse(line: &[u8]) -> Result<Command, Reply> {
    let line = std::str::from_utf8(line).ok().filter(|line| !line.chars().any(char::is_control));
    let line = line.ok_or_else(|| Reply::new(500, "5.5.2 invalid characters in command"))?;
    let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
    let rest = rest.trim();
    match verb.to_ascii_uppercase().as_str() {
        "HELO" => hello(rest, false),
        "EHLO" => hello(rest, true),
        "MAIL" => mail(rest),
        "RCPT" => recipient(rest),
        "DATA" => alone(rest, Command::Data),
        "RSET" => alone(rest, Command::Reset),
        "STARTTLS" => alone(rest, Command::StartTls),
        "QUIT" => alone(rest, Command::Quit),
        "NOOP" => Ok(Command::Nothing),
        "VRFY" => Ok(Command::Verify),
        "EXPN" | "HELP" | "AUTH" | "BDAT" | "ETRN" | "TURN" => Err(Reply::new(502, "5.5.1 command not implemented")),
        _ => Err(Reply::new(500, "5.5.2 unknown command")),
    }
}

fn syntax(expected: &'static str) -> Reply {
    Reply::new(501, expected)
}

fn alone(rest: &str, command: Command) -> Result<Command, Reply> {
    if rest.is_empty() { Ok(command) } else { Err(syntax("5.5.4 this command takes no parameters")) }
}

fn hello(name: &str, is_extended: bool) -> Result<Command, Reply> {
    match name.is_empty() || name.len() > ADDRESS_BYTES_MAX {
        true => Err(syntax("5.5.4 expected a client name")),
        false => Ok(Command::Hello { name: name.to_owned(), is_extended }),
    }
}

fn mail(rest: &str) -> Result<Command, Reply> {
    let expected = || syntax("5.5.4 expected MAIL FROM:<address>");
    let (from, parameters) = path(rest, "FROM:").ok_or_else(expected)?;
    let (mut size_bytes, mut is_utf_8) = (None, false);
    for parameter in parameters.split_ascii_whitespace() {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        match (name.to_ascii_uppercase().as_str(), value.to_ascii_uppercase().as_str()) {
            ("SIZE", digits) => {
                let size = digits.parse().map_err(|_| syntax("5.5.4 expected SIZE=bytes"))?;
                size_bytes = Some(size);
            }
            ("BODY", "7BIT" | "8BITMIME") => {}
            ("SMTPUTF8", "") => is_utf_8 = true,
            _ => return Err(Reply::new(555, "5.5.4 unknown parameter")),
        }
    }
    if !from.is_ascii() && !is_utf_8 {
        return Err(not_ascii());
    }
    Ok(Command::Mail { from: Some(from.to_owned()).filter(|from| !from.is_empty()), size_bytes, is_utf_8 })
}

fn recipient(rest: &str) -> Result<Command, Reply> {
    let expected = || syntax("5.5.4 expected RCPT TO:<address>");
    let (to, parameters) = path(rest, "TO:").filter(|(to, _)| !to.is_empty()).ok_or_else(expected)?;
    if !parameters.is_empty() {
        return Err(Reply::new(555, "5.5.4 unknown parameter"));
    }
    let (local, domain) = to.rsplit_once('@').unwrap_or((to, ""));
    Ok(Command::Recipient(Address { local: local.to_owned(), domain: domain.to_owned() }))
}

/// Refuses an address that needs SMTPUTF8 in a mail that does not declare it.
pub fn not_ascii() -> Reply {
    Reply::new(553, "5.6.7 a non-ASCII address requires the parameter SMTPUTF8")
}

/// The address between `<` and `>` after this keyword, without a source route, and the rest of the line.
fn path<'a>(rest: &'a str, keyword: &str) -> Option<(&'a str, &'a str)> {
    let (found, rest) = rest.split_at_checked(keyword.len())?;
    let rest = rest.trim_start().strip_prefix('<').filter(|_| found.eq_ignore_ascii_case(keyword))?;
    let (mut is_quoted, mut is_escaped) = (false, false);
    let end = rest.find(|letter| {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '>' => return !is_quoted,
            _ => {}
        }
        false
    })?;
    let (path, parameters) = (&rest[..end], &rest[end + 1..]);
    // Source routes (`@a,@b:`) have been obsolete for decades.
    let address = if path.starts_with('@') { path.split_once(':')?.1 } else { path };
    let is_apart = parameters.is_empty() || parameters.starts_with(' ');
    (is_apart && address.len() <= ADDRESS_BYTES_MAX).then(|| (address, parameters.trim()))
}
