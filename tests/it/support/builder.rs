//! How the servers of tests are started.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::{Value, json};

use super::database::Kind;
use super::postgres::TestDatabase;
use super::program::Said;
use super::server::{ADMIN_KEY, Server};
use super::workspace::Workspace;

/// How to start a server.
pub struct ServerBuilder {
    workspace: Arc<Workspace>,
    database_url: Option<String>,
    listen: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    wrapper: Vec<String>,
    admin_key: Option<String>,
}

impl ServerBuilder {
    /// A server in an empty folder, with the shipped bundle in `workflows/`.
    pub fn new() -> ServerBuilder {
        let builder = ServerBuilder::bare();
        builder.write_workflow("orders.json", &super::orders_bundle());
        builder
    }

    /// A server in an empty folder, with no workflow.
    pub fn bare() -> ServerBuilder {
        ServerBuilder::in_directory(Arc::new(Workspace::new()))
    }

    /// A server whose only workflow, `steps`, listens to the hook `orders` and has these steps; calls to this machine are
    /// allowed.
    pub fn with_steps(steps: Value) -> ServerBuilder {
        let bundle = json!({
            "hooks": [{ "name": "orders", "type": "form" }],
            "workflows": [super::workflow("steps", steps)],
        });
        let builder = ServerBuilder::bare();
        builder.write_workflow("bundle.json", &bundle.to_string());
        builder.environment("HOOKFLOW_OUTBOUND_ALLOW", "127.0.0.0/8")
    }

    /// A server in a folder that another one used before, with the database that it used.
    pub fn in_directory(workspace: Arc<Workspace>) -> ServerBuilder {
        ServerBuilder {
            workspace,
            database_url: None,
            listen: "127.0.0.1:0".into(),
            arguments: Vec::new(),
            environment: Vec::new(),
            wrapper: Vec::new(),
            admin_key: Some(ADMIN_KEY.into()),
        }
    }

    /// One more server on the database of another, in a folder of its own with the same workflows.
    pub fn node_beside(server: &Server) -> ServerBuilder {
        ServerBuilder::in_directory(Arc::new(server.directory().beside()))
    }

    /// Has the server use this kind of database, whatever this run of the tests is about.
    pub fn on(self, kind: Kind) -> ServerBuilder {
        self.change_workspace(|workspace| workspace.on(kind))
    }

    /// Has the server, and those that come after it in its folder, use this database.
    pub fn on_database(self, database: Arc<TestDatabase>) -> ServerBuilder {
        self.change_workspace(|workspace| workspace.on_database(database))
    }

    fn change_workspace(mut self, change: impl FnOnce(Workspace) -> Workspace) -> ServerBuilder {
        let workspace = Arc::into_inner(self.workspace).expect("no other server knows the folder yet");
        self.workspace = Arc::new(change(workspace));
        self
    }

    /// Sends this one server elsewhere for its database, or there by another way.
    pub fn database_url(mut self, url: &str) -> ServerBuilder {
        self.database_url = Some(url.to_owned());
        self
    }

    pub fn directory(&self) -> &Path {
        self.workspace.path()
    }

    /// The folder and the database, for a server that comes after this one.
    pub fn shared_directory(&self) -> Arc<Workspace> {
        self.workspace.clone()
    }

    /// Listens on this address instead of any that is free.
    pub fn listen(mut self, address: &str) -> ServerBuilder {
        self.listen = address.to_owned();
        self
    }

    pub fn write_workflow(&self, name: &str, text: &str) {
        std::fs::write(self.directory().join("workflows").join(name), text).expect("a file can be written");
    }

    /// Adds command line arguments.
    pub fn arguments(mut self, arguments: &[&str]) -> ServerBuilder {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    pub fn environment(mut self, name: &str, value: &str) -> ServerBuilder {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Starts the program through another one, such as `["sh", "-c", "…; exec \"$@\"", "sh"]`.
    pub fn wrapper(mut self, wrapper: &[&str]) -> ServerBuilder {
        self.wrapper = wrapper.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// Leaves the admin key to the server.
    pub fn without_admin_key(mut self) -> ServerBuilder {
        self.admin_key = None;
        self
    }

    fn command(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_hookflow").to_owned();
        let mut words = self.wrapper.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().expect("there is at least the program"));
        command.args(words).arg("serve").args(["--listen", &self.listen]).args(&self.arguments);
        command.current_dir(self.directory()).env_clear().env("PATH", std::env::var("PATH").unwrap_or_default());
        command.env("HOOKFLOW_LOG", "info");
        let database_url = self.database_url.clone().or_else(|| self.workspace.url_to_tell());
        command.envs(database_url.iter().map(|url| ("HOOKFLOW_DATABASE_URL", url)));
        command.envs(self.admin_key.iter().map(|key| ("HOOKFLOW_ADMIN_KEY", key)));
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Starts it, and waits until it is ready.
    pub fn start(self) -> Server {
        Server::spawn(self.command(), self.workspace, self.admin_key)
    }

    /// Starts it and expects it to end by itself; what it said, and its exit code.
    pub fn start_and_fail(self) -> Said {
        Said::new(&self.command().output().expect("the program starts"))
    }
}
