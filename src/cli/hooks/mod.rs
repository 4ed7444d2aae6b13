//! `hookflow hooks …`: the hooks of a running server, what arrives at them, and trying them out.

mod listen;
mod manage;
mod save;
mod secrets;
mod send;
mod shown;

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use reqwest::Method;
use serde_json::Value;

use super::input::InputError;
use super::remote::{Remote, RemoteError, Server};
use crate::signature::{KeyError, SignError};

#[derive(Debug, clap::Args)]
pub struct Hooks {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the hooks
    List,
    /// Show a hook: its address, its settings, and what it refused
    Show {
        #[command(flatten)]
        hook: Named,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a hook, and print its address
    Create(manage::Create),
    /// Give a hook a new address; the old one is unknown from then on
    Rotate {
        #[command(flatten)]
        hook: Named,
    },
    /// Let a hook take requests
    Enable {
        #[command(flatten)]
        hook: Named,
    },
    /// Let a hook refuse all requests
    Disable {
        #[command(flatten)]
        hook: Named,
    },
    /// Store what arrives without starting any workflow, or start workflows again
    Capture {
        #[command(flatten)]
        hook: Named,
        state: Switch,
    },
    /// Add, list and delete the secrets that senders sign with
    #[command(subcommand)]
    Secret(secrets::Secret),
    /// List the newest requests that a hook refused, newest last
    Refusals(manage::Refusals),
    /// Print what arrives at a hook, as it comes in
    Listen(listen::Listen),
    /// Post a file to a hook, signed as the hook wants it
    Send(send::Send),
    /// Write what arrived into a file: as a payload for `hookflow try`, or as a test for `hookflow test`
    Save(save::Save),
}

/// A hook as it is named.
#[derive(Debug, clap::Args)]
struct Named {
    /// Its name or id; `KIND/NAME` where hooks of two kinds have the same name
    #[arg(value_name = "HOOK")]
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Switch {
    On,
    Off,
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum HooksError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("there is no hook `{0}`; `hookflow hooks list` lists them")]
    Unknown(String),
    #[error("hooks of several kinds are called `{name}`; write {choices}")]
    Ambiguous { name: String, choices: String },
    #[error("--settings is not a JSON object")]
    Settings,
    #[error("`{path}` can't be read")]
    Read { path: String, source: std::io::Error },
    #[error("`{path}` can't be written")]
    Write { path: String, source: std::io::Error },
    #[error("`{0}` is there already; --force writes over it")]
    Present(String),
    #[error("`{0}` is not called *.test.json, so `hookflow test` would not run it")]
    NoTest(String),
    #[error("nothing has arrived at `{0}`")]
    Nothing(String),
    #[error("this version of hookflow does not know how requests to this hook are verified")]
    Verification,
    #[error(
        "a request to this hook is signed with a secret: put it into HOOKFLOW_HOOK_SECRET, or name its file with --secret-file"
    )]
    NoSecret,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("the hook answered {status}: {reason}")]
    Refused { status: u16, reason: String },
}

impl Hooks {
    pub fn run(self) -> ExitCode {
        let done = self.remote.connect().map_err(HooksError::from).and_then(|server| self.command.run(&server));
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::fail(&error),
        }
    }
}

impl Command {
    fn run(self, server: &Server) -> Result<(), HooksError> {
        match self {
            Command::List => manage::list(server),
            Command::Show { hook, json } => manage::show(server, &hook, json),
            Command::Create(create) => create.run(server),
            Command::Rotate { hook } => manage::rotate(server, &hook),
            Command::Enable { hook } => manage::enable(server, &hook, true),
            Command::Disable { hook } => manage::enable(server, &hook, false),
            Command::Capture { hook, state } => manage::capture(server, &hook, state == Switch::On),
            Command::Secret(secret) => secret.run(server),
            Command::Refusals(refusals) => refusals.run(server),
            Command::Listen(listen) => listen.run(server),
            Command::Send(send) => send.run(server),
            Command::Save(save) => save.run(server),
        }
    }
}

/// A hook on the server.
struct Hook {
    name: String,
    /// Where it is changed: `/v1/hooks/<id>`.
    link: String,
    attributes: Value,
}

impl Hook {
    fn of(resource: &Value) -> Hook {
        let attributes = resource["attributes"].clone();
        Hook { name: shown::text(&attributes["name"]), link: shown::text(&resource["links"]["self"]), attributes }
    }
}

impl Named {
    /// The hook that is meant.
    fn find(&self, server: &Server) -> Result<Hook, HooksError> {
        let hooks = server.all("/v1/hooks")?;
        let spelt = |hook: &Value| {
            format!("{}/{}", shown::text(&hook["attributes"]["kind"]), shown::text(&hook["attributes"]["name"]))
        };
        let is = |hook: &&Value| {
            hook["id"] == self.name || hook["attributes"]["name"] == self.name || spelt(hook) == self.name
        };
        match hooks.iter().filter(is).collect::<Vec<_>>()[..] {
            [] => Err(HooksError::Unknown(self.name.clone())),
            [hook] => Ok(Hook::of(hook)),
            ref several => {
                let choices: Vec<String> = several.iter().map(|hook| format!("`{}`", spelt(hook))).collect();
                Err(HooksError::Ambiguous { name: self.name.clone(), choices: choices.join(" or ") })
            }
        }
    }
}

/// One resource.
fn get(server: &Server, path: &str) -> Result<Value, RemoteError> {
    Ok(server.send(Method::GET, path, None)?["data"].take())
}
