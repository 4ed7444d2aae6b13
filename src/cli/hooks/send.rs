//! `hookflow hooks send HOOK FILE`: posts a file to a hook as a sender would.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use bytes::Bytes;
use serde_json::Value;

use super::shown::{printable, text};
use super::{Hook, HooksError, Named, get};
use crate::base::time::Timestamp;
use crate::cli::input;
use crate::cli::remote::{Server, explain};
use crate::cli::say;
use crate::content::FORM;
use crate::hook::{HookKind, Verification};
use crate::signature::{SignedRequest, UnsignedRequest};

/// Content types by file extension; other files are sent as bytes.
const CONTENT_TYPES: [(&str, &str); 9] = [
    ("json", "application/json"),
    ("form", FORM),
    ("urlencoded", FORM),
    ("xml", "application/xml"),
    ("eml", "message/rfc822"),
    ("txt", "text/plain; charset=utf-8"),
    ("csv", "text/csv; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("yaml", "application/yaml"),
];

#[derive(Debug, clap::Args)]
pub struct Send {
    #[command(flatten)]
    hook: Named,
    /// File with the body; `-` for standard input, sent as JSON
    file: PathBuf,
    /// Content type of the file, if its extension does not tell
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// File with the signing secret; defaults to the variable HOOKFLOW_HOOK_SECRET
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl Send {
    pub fn run(self, server: &Server) -> Result<(), HooksError> {
        let hook = self.hook.find(server)?;
        let body = read(&self.file)?;
        let content_type = self.content_type.clone().unwrap_or_else(|| content_type(&self.file).to_owned());
        let signed = self.sign(server, &hook, &content_type, body)?;
        let mut headers = vec![("content-type".to_owned(), content_type)];
        headers.extend(signed.headers);
        let began = Instant::now();
        let (status, answer) = server.post(&signed.path, &headers, signed.body)?;
        let json: Value = serde_json::from_str(&answer).unwrap_or_default();
        if status >= 400 {
            let reason = if json["errors"].is_array() { explain(&json, status) } else { answer };
            return Err(HooksError::Refused { status, reason: printable(&reason) });
        }
        say(&format!("{status} in {} ms\n", began.elapsed().as_millis()));
        report(server, &json, &answer)
    }

    /// Builds a request that the hook accepts. It goes to the server's address, but what is signed is the hook's own
    /// URL.
    fn sign(&self, server: &Server, hook: &Hook, content_type: &str, body: Bytes) -> Result<SignedRequest, HooksError> {
        let kind: HookKind = text(&hook.attributes["kind"]).parse().map_err(|_| HooksError::Verification)?;
        let verification = match &hook.attributes["verification"] {
            Value::Null => Verification::default_for(kind),
            written => Verification::read(written).map_err(|_| HooksError::Verification)?,
        };
        let url = text(&hook.attributes["url"]);
        let (origin, path) = url.split_at(url.find("/v1/hooks/").unwrap_or(url.len()));
        let plain = |headers| SignedRequest { path: path.to_owned(), headers, body: body.clone() };
        Ok(match &verification {
            Verification::Open => plain(Vec::new()),
            Verification::Key => plain(vec![("authorization".to_owned(), format!("Bearer {}", server.key))]),
            Verification::Signed(scheme) => {
                let key = scheme.key(&self.secret()?)?;
                let unsigned = UnsignedRequest { origin, path, content_type, body: body.clone() };
                scheme.sign(&key, &unsigned, Timestamp::now())?
            }
        })
    }

    fn secret(&self) -> Result<String, HooksError> {
        match (&self.secret_file, std::env::var("HOOKFLOW_HOOK_SECRET")) {
            (Some(file), _) => Ok(input::secret("", Some(file))?),
            (None, Ok(secret)) => Ok(secret),
            (None, Err(_)) => Err(HooksError::NoSecret),
        }
    }
}

pub(super) fn read(file: &Path) -> Result<Bytes, HooksError> {
    let read = if file == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(file)
    };
    read.map(Bytes::from).map_err(|source| HooksError::Read { path: file.display().to_string(), source })
}

fn content_type(file: &Path) -> &'static str {
    let end = file.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
    if file == Path::new("-") {
        return "application/json";
    }
    let known = CONTENT_TYPES.iter().find(|(known, _)| *known == end);
    known.map_or("application/octet-stream", |(_, content_type)| content_type)
}

/// Prints the links to the transaction and its runs, if the response names them.
fn report(server: &Server, json: &Value, answer: &str) -> Result<(), HooksError> {
    let Some(link) = json["data"]["links"]["self"].as_str().filter(|_| json["data"]["type"] == "transaction") else {
        // The hook has a response of its own.
        say(&format!("{}\n", printable(answer)));
        return Ok(());
    };
    say(&format!("transaction  {}{link}\n", server.url));
    let transaction = get(server, link)?;
    if transaction["meta"]["duplicates"]["count"].as_u64().is_some_and(|count| count > 0) {
        say("duplicate    this request duplicates an earlier one, with this transaction; nothing was started\n");
    }
    for run in transaction["relationships"]["runs"]["data"].as_array().into_iter().flatten() {
        say(&format!("run          {}/v1/runs/{}\n", server.url, text(&run["id"])));
    }
    Ok(())
}
