//! A running server, for commands that work over its HTTP interface.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

/// How long one request may take.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Which server, and who asks.
#[derive(Clone, Debug, clap::Args)]
pub struct Remote {
    /// The server's address
    #[arg(long, env = "HOOKFLOW_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    server: String,
    /// An API key with the role org.admin; better put into the variable than into the flag, which other users of the
    /// machine can see
    #[arg(long, env = "HOOKFLOW_API_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

/// Why a server did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("no API key was given; set HOOKFLOW_API_KEY to the admin key that was shown at first start")]
    NoKey,
    #[error("`{0}` can't be reached; is the server running there? --server names another one")]
    Unreachable(String, #[source] reqwest::Error),
    #[error("the runtime for requests can't be started")]
    Runtime(#[source] std::io::Error),
    #[error("{0}")]
    Refused(String),
    #[error("the answer of `{0}` is not JSON; is that a hookflow server?")]
    NotJson(String),
}

impl Remote {
    /// Sends a request; the JSON of the answer, null if it has none.
    ///
    /// # Errors
    /// [`RemoteError`]; what the server says is in [`RemoteError::Refused`], one problem a line.
    pub fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, RemoteError> {
        let key = self.key.as_deref().map(str::trim).filter(|key| !key.is_empty()).ok_or(RemoteError::NoKey)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.map_err(RemoteError::Runtime)?.block_on(self.exchange(key, method, path, body))
    }

    async fn exchange(
        &self,
        key: &str,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, RemoteError> {
        let unreachable = |error: reqwest::Error| RemoteError::Unreachable(self.server.clone(), error.without_url());
        // Fails only where another part of the process has named one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(TIMEOUT).build().map_err(unreachable)?;
        let url = format!("{}{path}", self.server.trim_end_matches('/'));
        let mut request = client.request(method, url).bearer_auth(key).header("accept", "application/json");
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.map_err(unreachable)?;
        let status = answer.status();
        let text = answer.text().await.map_err(unreachable)?;
        let not_json = || RemoteError::NotJson(self.server.clone());
        let json: Value =
            if text.is_empty() { Value::Null } else { serde_json::from_str(&text).map_err(|_| not_json())? };
        if status.is_success() { Ok(json) } else { Err(RemoteError::Refused(explain(&json, status.as_u16()))) }
    }
}

/// The problems that an error answer lists, one a line.
fn explain(answer: &Value, status: u16) -> String {
    let problems = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |problem: &Value| {
        let detail = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("no reason was given");
        match problem["source"]["pointer"].as_str() {
            Some(pointer) if !pointer.is_empty() => format!("{pointer}: {detail}"),
            _ => detail.to_owned(),
        }
    };
    let lines: Vec<String> = problems.iter().map(line).collect();
    if lines.is_empty() { format!("the server answered {status}") } else { lines.join("\n       ") }
}
