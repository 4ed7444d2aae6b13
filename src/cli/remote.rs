//! Access to a running server, for commands that use its HTTP API.

use std::time::Duration;

use reqwest::Method;
use serde_json::Value;

/// Timeout of a request.
const TIMEOUT: Duration = Duration::from_secs(60);

/// The server and the API key.
#[derive(Clone, Debug, clap::Args)]
pub struct Remote {
    /// URL of the server
    #[arg(long, global = true, env = "HOOKFLOW_SERVER", default_value = "http://127.0.0.1:8080", value_name = "URL")]
    server: String,
    /// API key with the role org.admin. Prefer the environment variable: other users can see flags
    #[arg(long, global = true, env = "HOOKFLOW_API_KEY", hide_env_values = true, value_name = "KEY")]
    key: Option<String>,
}

/// Why a request to the server failed.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    #[error("no API key; set HOOKFLOW_API_KEY to the admin key printed at the first start")]
    NoKey,
    #[error("cannot reach `{0}`; is the server running? Use --server for another URL")]
    Unreachable(String, #[source] reqwest::Error),
    #[error("cannot start the runtime for requests")]
    Runtime(#[source] std::io::Error),
    #[error("the server responded with status {0}")]
    Unavailable(u16),
    #[error("{0}")]
    Refused(String),
    #[error("the response from `{0}` is not JSON; is it a hookflow server?")]
    NotJson(String),
}

impl Remote {
    /// Prepares for sending requests.
    ///
    /// # Errors
    /// If there is no key, or no HTTP client can be created.
    pub fn connect(&self) -> Result<Server, RemoteError> {
        let key = self.key.as_deref().map(str::trim).filter(|key| !key.is_empty()).ok_or(RemoteError::NoKey)?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RemoteError::Runtime)?;
        // An error means that the process already has a provider, which is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = self.server.trim_end_matches('/').to_owned();
        let client = reqwest::Client::builder().build();
        let client = client.map_err(|error| RemoteError::Unreachable(url.clone(), error.without_url()))?;
        Ok(Server { url, key: key.to_owned(), client, runtime })
    }
}

/// A connection to a running server.
pub struct Server {
    /// Without a trailing slash.
    pub url: String,
    pub key: String,
    client: reqwest::Client,
    runtime: tokio::runtime::Runtime,
}

impl Server {
    /// Sends a request; returns the JSON of the response, or null if it has no body.
    ///
    /// # Errors
    /// [`RemoteError`]; [`RemoteError::Refused`] holds the server's error details, one per line.
    pub fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, RemoteError> {
        let mut request = self.request(method, path).timeout(TIMEOUT);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let (status, json) = self.wait(self.exchange(request))?;
        if (200..300).contains(&status) { Ok(json) } else { Err(RemoteError::Refused(explain(&json, status))) }
    }

    /// All entries of a list, over all pages.
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

    /// Posts to a hook as a sender would, without the API key; returns the status and the body of the response.
    ///
    /// # Errors
    /// If there is no response.
    pub fn post(
        &self,
        path: &str,
        headers: &[(String, String)],
        body: bytes::Bytes,
    ) -> Result<(u16, String), RemoteError> {
        // A hook may redirect its senders to a page, which is not followed here.
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

    /// A request with the API key, not yet sent.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url)).bearer_auth(&self.key)
    }

    /// Blocks until the future completes.
    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Sends a request; returns the status and the JSON of the response.
    async fn exchange(&self, request: reqwest::RequestBuilder) -> Result<(u16, Value), RemoteError> {
        let answer =
            request.header("accept", "application/json").send().await.map_err(|error| self.unreachable(error))?;
        let status = answer.status().as_u16();
        let text = answer.text().await.map_err(|error| self.unreachable(error))?;
        let json = if text.is_empty() { Ok(Value::Null) } else { serde_json::from_str(&text) };
        Ok((status, json.map_err(|_| RemoteError::NotJson(self.url.clone()))?))
    }

    /// The error for a request without a response.
    pub fn unreachable(&self, error: reqwest::Error) -> RemoteError {
        RemoteError::Unreachable(self.url.clone(), error.without_url())
    }
}

/// The error details of a response, one per line.
pub fn explain(answer: &Value, status: u16) -> String {
    let problems = answer["errors"].as_array().map(Vec::as_slice).unwrap_or_default();
    let line = |problem: &Value| {
        let detail = problem["detail"].as_str().or(problem["title"].as_str()).unwrap_or("no details");
        match problem["source"]["pointer"].as_str() {
            Some(pointer) if !pointer.is_empty() => format!("{pointer}: {detail}"),
            _ => detail.to_owned(),
        }
    };
    let lines: Vec<String> = problems.iter().map(line).collect();
    if lines.is_empty() { format!("the server responded with status {status}") } else { lines.join("\n       ") }
}
