//! Settings of the mail server.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use crate::secrets::sensitive::MASK;

/// The mail server and the default sender.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct MailSettings {
    /// Mail server: `smtps://USER:PASSWORD@HOST`, `smtp://…?tls=required` for STARTTLS, or `smtp://HOST:PORT` without
    /// TLS. Prefer the environment variable: other users can see flags
    #[arg(long, env = "HOOKFLOW_SMTP_URL", hide_env_values = true, value_name = "URL")]
    pub smtp_url: Option<SmtpUrl>,
    /// Default sender of mails, such as `Shop <shop@example.com>`
    #[arg(long, env = "HOOKFLOW_MAIL_FROM", value_name = "ADDRESS")]
    pub mail_from: Option<String>,
}

/// The URL of a mail server, which may hold a password and is masked in debug output. It is validated on connecting.
#[derive(Clone)]
pub struct SmtpUrl(String);

impl SmtpUrl {
    /// The URL itself.
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
