//! A real hookflow process on a database of its own, and a client for it.

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use reqwest::blocking::{Client, RequestBuilder};
use serde_json::Value;

use super::audit::all_pages;
use super::program::{Said, run_with_input};
use super::transcript::Transcript;
use super::workspace::Workspace;
use super::{ServerBuilder, description, wait_for};

/// The admin key of every server that a test starts.
pub const ADMIN_KEY: &str = "test-admin-key-0123456789abcdef";

/// An HTTP answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("not JSON ({error}): {}", self.text))
    }

    /// The body as JSON, once the status is the expected one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// A client that keeps connections open. It takes any certificate; what servers show is for the tests about that.
pub fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder().no_proxy().timeout(super::PATIENCE).danger_accept_invalid_certs(true);
    // Before the server closes them: a request that meets that moment has no answer.
    builder.pool_idle_timeout(Duration::from_secs(2)).build().expect("a client can be made")
}

/// A running server; killed when dropped.
pub struct Server {
    pub base_url: String,
    pub admin_key: String,
    child: Child,
    workspace: Arc<Workspace>,
    output: Transcript,
    errors: Transcript,
    client: Client,
}

impl Server {
    pub fn start() -> Server {
        ServerBuilder::new().start()
    }

    /// Starts this command, and waits until the server is ready.
    pub(super) fn spawn(mut command: Command, workspace: Arc<Workspace>, admin_key: Option<String>) -> Server {
        let (output, errors) = (Transcript::new(), Transcript::new());
        command.stdout(output.stdio()).stderr(errors.stdio());
        let child = command.spawn().expect("the program starts");
        let (base_url, admin_key, client) = (String::new(), admin_key.unwrap_or_default(), client());
        let mut server = Server { base_url, admin_key, child, workspace, output, errors, client };
        server.wait_until_ready();
        server
    }

    fn wait_until_ready(&mut self) {
        let line = wait_for("the server to say where it listens", || {
            if let Some(status) = self.child.try_wait().expect("the child can be asked") {
                panic!("the server ended with {status}: {}", self.errors());
            }
            self.output().lines().find(|line| line.contains("listens on http")).map(str::to_owned)
        });
        self.base_url = line[line.find("http").unwrap()..].trim().to_owned();
        wait_for("the server to be ready", || (self.get_without_key("/readyz").status == 200).then_some(()));
        if self.admin_key.is_empty() {
            let shown = self.output();
            self.admin_key = shown.split_whitespace().find(|word| word.starts_with("hf_")).unwrap_or("").to_owned();
        }
    }

    /// The folder it runs in and its database, for a server that comes after it.
    pub fn directory(&self) -> Arc<Workspace> {
        self.workspace.clone()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.workspace.path().join(name)
    }

    /// Where it listens: `127.0.0.1:4711`.
    pub fn address(&self) -> &str {
        self.base_url.split_once("://").map_or(&self.base_url, |(_, address)| address)
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it printed so far.
    pub fn output(&self) -> String {
        self.output.text()
    }

    /// What it logged so far.
    pub fn errors(&self) -> String {
        self.errors.text()
    }

    /// Waits until it has logged this; what it logged so far.
    pub fn wait_for_log(&self, text: &str) -> String {
        wait_for(text, || Some(self.errors()).filter(|log| log.contains(text)))
    }

    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = method.parse().expect("a method");
        let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", self.base_url) };
        self.client.request(method, url)
    }

    /// A call with the admin key and, unless it is null, a JSON body.
    pub fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let request = self.request(method, path).bearer_auth(&self.admin_key);
        send(if body.is_null() { request } else { request.json(&body) })
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, Value::Null)
    }

    /// Creates a resource, with the admin key.
    pub fn create(&self, path: &str, document: Value) -> Value {
        self.call("POST", path, document).expect(201)["data"].take()
    }

    pub fn get_without_key(&self, path: &str) -> Answer {
        send(self.request("GET", path))
    }

    /// Runs a command of the program against this server, with the admin key in its environment and this input.
    pub fn command(&self, arguments: &[&str], input: &str) -> Said {
        run_with_input(self.program(arguments), input)
    }

    /// A command of the program against this server, not yet started.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hookflow"));
        command.args(arguments).current_dir(self.workspace.path()).env_clear();
        command.env("HOOKFLOW_SERVER", &self.base_url).env("HOOKFLOW_API_KEY", &self.admin_key);
        command
    }

    /// A hook by name.
    pub fn hook(&self, name: &str) -> Value {
        let hooks = self.get("/v1/hooks").expect(200);
        let hook = hooks["data"].as_array().unwrap().iter().find(|hook| hook["attributes"]["name"] == name);
        hook.unwrap_or_else(|| panic!("no hook {name}")).clone()
    }

    /// The address of a hook.
    pub fn hook_url(&self, name: &str) -> String {
        self.hook(name)["attributes"]["url"].as_str().unwrap().to_owned()
    }

    /// A workflow by name.
    pub fn workflow(&self, name: &str) -> Value {
        let workflows = self.get("/v1/workflows").expect(200);
        let mut found = workflows["data"].as_array().unwrap().iter();
        found.find(|found| found["attributes"]["name"] == name).unwrap_or_else(|| panic!("no workflow {name}")).clone()
    }

    /// Posts JSON to a hook by name, without a key.
    pub fn post_hook(&self, name: &str, payload: &Value) -> Answer {
        send(self.request("POST", &self.hook_url(name)).json(payload))
    }

    /// Posts JSON to the hook `orders`, and waits for the run that it starts to end; the run with its steps.
    pub fn run_order(&self, payload: &Value) -> Value {
        let transaction = self.post_hook("orders", payload).expect(200);
        let transaction = self.get(transaction["data"]["links"]["self"].as_str().unwrap()).expect(200);
        let run = &transaction["data"]["relationships"]["runs"]["data"][0]["id"];
        self.wait_for_run(run.as_str().expect("a run was started"), |status| !is_open(status))
    }

    /// Waits until the run's status is as asked; the run with its steps.
    pub fn wait_for_run(&self, id: &str, is_reached: impl Fn(&str) -> bool) -> Value {
        wait_for("the run", || {
            let run = self.get(&format!("/v1/runs/{id}")).expect(200)["data"].take();
            is_reached(run["attributes"]["status"].as_str().unwrap()).then_some(run)
        })
    }

    /// Waits until a run waits to call again; the run.
    pub fn wait_for_retry(&self) -> Value {
        wait_for("a run to wait", || {
            let waiting = self.get("/v1/runs?status=waiting").expect(200);
            let run = self.get(waiting["data"].get(0)?["links"]["self"].as_str()?).expect(200)["data"].take();
            // It also waits for its turn, before its first call.
            let steps = run["attributes"]["steps"].as_array().expect("a run has steps");
            steps.iter().any(|step| step["attempts"][0]["retryAt"].is_string()).then_some(run)
        })
    }

    /// Waits until no run is open, and returns all runs, newest first (at most 500).
    pub fn wait_for_runs(&self) -> Vec<Value> {
        wait_for("the runs to end", || {
            let open = ["queued", "running", "waiting"].iter().any(|status| {
                let page = self.get(&format!("/v1/runs?status={status}&pageSize=1")).expect(200);
                !page["data"].as_array().unwrap().is_empty()
            });
            // One that changed its status between two of these questions was missed; one that has ended stays so.
            let ended = |run: &Value| !is_open(run["attributes"]["status"].as_str().unwrap());
            (!open && all_pages(self, "/v1/runs?pageSize=500").iter().all(ended)).then_some(())
        });
        self.get("/v1/runs?pageSize=500").expect(200)["data"].as_array().unwrap().clone()
    }

    /// The step entries of a run.
    pub fn steps(&self, run: &Value) -> Vec<Value> {
        let path = format!("/v1/runs/{}/steps", run["id"].as_str().unwrap());
        self.get(&path).expect(200)["data"].as_array().unwrap().clone()
    }

    /// Stops it as a supervisor would, and waits for its end.
    pub fn stop(mut self) -> ExitStatus {
        if self.child.try_wait().expect("the child can be asked").is_none() {
            self.signal("TERM");
        }
        wait_for("the server to stop", || self.child.try_wait().expect("the child can be asked"))
    }

    /// Kills it on the spot.
    pub fn kill(mut self) {
        self.child.kill().expect("the child can be killed");
        self.child.wait().expect("the child ends");
    }

    /// Sends a signal by name: `TERM`, `STOP`, `CONT`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.pid().to_string()).status();
        assert!(sent.expect("kill runs").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a run of this status has more to do.
pub fn is_open(status: &str) -> bool {
    matches!(status, "queued" | "running" | "waiting")
}

/// Sends a request; a failure to get an answer is a failure of the test, and so is an answer that is not described.
#[track_caller]
pub fn send(request: RequestBuilder) -> Answer {
    let (client, request) = request.build_split();
    let request = request.expect("a request can be built");
    let (method, path) = (request.method().to_string(), request.url().path().to_owned());
    let response = client.execute(request).expect("the server answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let answer = Answer { status, headers, text: response.text().expect("the body is read") };
    description::check(&method, &path, &answer);
    answer
}
