//! Which mail server to use.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::secrets::sensitive::MASK;

/// The mail server, and the sender of mails that name none.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct MailSettings {
    /// The mail server: `smtps://USER:PASSWORD@HOST`, or `smtp://…?tls=required` for STARTTLS, or `smtp://HOST:PORT` without
    /// TLS; a password is better put into the variable than into the flag, which other users of the machine can see
    #[arg(long, env = "HOOKFLOW_SMTP_URL", hide_env_values = true, value_name = "URL")]
    pub smtp_url: Option<SmtpUrl>,
    /// The sender of mails that name none, such as `Shop <shop@example.com>`
    #[arg(long, env = "HOOKFLOW_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
}

/// The address of a mail server, which may hold a password: printing it for debugging gives a mask. What it says is judged by
/// whoever connects.
#[derive(Clone)]
pub struct SmtpUrl(String);

impl SmtpUrl {
    /// The address itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for SmtpUrl {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<SmtpUrl, Infallible> {
        Ok(SmtpUrl(text.to_owned()))
    }
}

impl fmt::Debug for SmtpUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(MASK)
    }
}
