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
    #[arg(long, global = true, env = "HOOKFLOW_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    server: String,
    /// An API key with the role org.admin; better put into the variable than into the flag, which other users of the
    /// machine can see
    #[arg(long, global = true, env = "HOOKFLOW_API_KEY", hide_env_values = true, value_name = "KEY")]
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
    #[error("the server answered {0}")]
    Unavailable(u16),
    #[error("{0}")]
    Refused(String),
    #[error("the answer of `{0}` is not JSON; is that a hookflow server?")]
    NotJson(String),
}

impl Remote {
    /// Gets ready to send requests.
    ///
    /// # Errors
    /// If there is no key, or this machine can't send requests.
    pub fn connect(&self) -> Result<Server, RemoteError> {
        let key = self.key.as_deref().map(str::trim).filter(|key| !key.is_empty()).ok_or(RemoteError::NoKey)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RemoteError::Runtime)?;
        // Fails only where another part of the process has named one, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = self.server.trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder().build();
        let client = client.map_err(|error| RemoteError::Unreachable(url.clone(), error.without_url()))?;
        Ok(Server { url, key: key.to_owned(), client, runtime })
    }
}

/// A running server, as requests are sent to it by a command.
pub struct Server {
    /// Without a slash at the end.
    pub url: String,
    pub key: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Sends a request; the JSON of the answer, null if it has none.
    ///
    /// # Errors
    /// [`RemoteError`]; what the server says is in [`RemoteError::Refused`], one problem a line.
    pub fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, RemoteError> {
        let mut request = self.request(method, path).timeout(TIMEOUT);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let (status, json) = self.wait(self.exchange(request))?;
        if (200..300).contains(&status) { Ok(json) } else { Err(RemoteError::Refused(explain(&json, status))) }
    }

    /// All entries of a list, over all its pages.
    ///
    /// # Errors
    /// Those of the requests.
    pub fn all(&self, path: &str) -> Result<Vec<Value>, RemoteError> {
        let mut entries = Vec::new();
        let mut next = Some(path.to_owned());
        while let Some(path) = next {
            let mut answer = self.send(Method::GET, &path, None)?;
            if let Value::Array(page) = answer["data"].take() {
                entries.extend(page);
            }
            next = answer["links"]["next"].as_str().map(str::to_owned);
        }
        Ok(entries)
    }

    /// Posts something as a sender of hooks does, who has no key; the status of the answer, and its body.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn post(
        &self,
        path: &str,
        headers: &[(String, String)],
        body: bytes::Bytes,
    ) -> Result<(u16, String), RemoteError> {
        // A hook may send its sender on to a page, which is not for us.
        let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(TIMEOUT).build();
        let client = client.map_err(|error| self.unreachable(error))?;
        let request = client.post(format!("{}{path}", self.url)).body(body);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        self.wait(async {
            let answer = request.send().await.map_err(|error| self.unreachable(error))?;
            let status = answer.status().as_u16();
            Ok((status, answer.text().await.map_err(|error| self.unreachable(error))?))
        })
    }

    /// A request with the key, which nobody has sent yet.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    /// Waits for something that concerns the server.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// The status of the answer to a request, and its JSON.
    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<(u16, Value), RemoteError> {
        let answer =
            request.header("accept", "application/json").send().await.map_err(|error| self.unreachable(error))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| self.unreachable(error))?;
        let json = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        Ok((status, json.map_err(|_| RemoteError::NotJson(self.url.clone()))?))
    }

    /// The error for a request that got no answer.
    pub fn unreachable(&self, error: reqwest::Error) -> RemoteError {
        RemoteError::Unreachable(self.url.clone(), error.without_url())
    }
}

/// The problems that an error answer lists, one a line.
pub fn explain(answer: &Value, status: u16) -> String {
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
