//! `hookflow hooks …`: manages, inspects and tests the hooks of a running server.

mod listen;
mod manage;
mod run;
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
    /// List all hooks
    List,
    /// Show a hook's address, settings and refusals
    Show {
        #[command(flatten)]
        hook: Named,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Create a hook and print its address
    Create(manage::Create),
    /// Give a hook a new address; the old one stops working
    Rotate {
        #[command(flatten)]
        hook: Named,
    },
    /// Enable a hook
    Enable {
        #[command(flatten)]
        hook: Named,
    },
    /// Disable a hook, so that it refuses all requests
    Disable {
        #[command(flatten)]
        hook: Named,
    },
    /// Turn capturing on or off: a capturing hook stores requests without starting workflows
    Capture {
        #[command(flatten)]
        hook: Named,
        state: Switch,
    },
    /// Add, list and delete a hook's signing secrets
    #[command(subcommand)]
    Secret(secrets::Secret),
    /// List the latest refused requests of a hook, newest last
    Refusals(manage::Refusals),
    /// Accept a refused request that was kept whole, and run it
    Accept {
        #[command(flatten)]
        hook: Named,
        /// Id of the refusal, from `hookflow hooks refusals --json`
        refusal: String,
    },
    /// Run a transaction with the workflows that listen now, or all of a hook that could not be read
    Run(run::Run),
    /// Print requests as they arrive at a hook
    Listen(listen::Listen),
    /// Post a file to a hook, signed as the hook requires
    Send(send::Send),
    /// Save a received request as a payload for `hookflow try`, or as a test for `hookflow test`
    Save(save::Save),
}

/// A hook given on the command line.
#[derive(Debug, clap::Args)]
struct Named {
    /// Name or id of the hook; `KIND/NAME` if hooks of two kinds share the name
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
    #[error("unknown hook `{0}`; `hookflow hooks list` lists all")]
    Unknown(String),
    #[error("several hooks are named `{name}`; use {choices}")]
    Ambiguous { name: String, choices: String },
    #[error("`{0}` is not the id of a transaction; to run those of a hook, add --problem")]
    NoTransaction(String),
    #[error("`{0}` is not the id of a refusal")]
    NoRefusal(String),
    #[error("`{0}` is not JSON")]
    NotJson(String),
    #[error("{failed} of {all} transactions could not be run")]
    NotRun { failed: usize, all: usize },
    #[error("--settings is not a JSON object")]
    Settings,
    #[error("`{path}` cannot be read")]
    Read { path: String, source: std::io::Error },
    #[error("`{path}` cannot be written")]
    Write { path: String, source: std::io::Error },
    #[error("`{0}` already exists; use --force to overwrite it")]
    Present(String),
    #[error("`{0}` does not end in .test.json, so `hookflow test` would not run it")]
    NoTest(String),
    #[error("the hook `{0}` has no transactions")]
    Nothing(String),
    #[error("this version of hookflow does not support the hook's verification scheme")]
    Verification,
    #[error("requests to this hook must be signed: set HOOKFLOW_HOOK_SECRET or use --secret-file")]
    NoSecret,
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error(transparent)]
    Sign(#[from] SignError),
    #[error("the hook responded with status {status}: {reason}")]
    Refused { status: u16, reason: String },
}

impl Hooks {
    pub fn run(self) -> ExitCode {
        let result = self.remote.connect().map_err(HooksError::from).and_then(|server| self.command.run(&server));
        match result {
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
            Command::Accept { hook, refusal } => run::accept(server, &hook, &refusal),
            Command::Run(run) => run.run(server),
            Command::Listen(listen) => listen.run(server),
            Command::Send(send) => send.run(server),
            Command::Save(save) => save.run(server),
        }
    }
}

/// A hook on the server.
struct Hook {
    name: String,
    /// Its URL path: `/v1/hooks/<id>`.
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
    /// Finds the hook on the server.
    fn find(&self, server: &Server) -> Result<Hook, HooksError> {
        let hooks = server.all("/v1/hooks")?;
        let qualified_name = |hook: &Value| {
            format!("{}/{}", shown::text(&hook["attributes"]["kind"]), shown::text(&hook["attributes"]["name"]))
        };
        let matches = |hook: &&Value| {
            hook["id"] == self.name || hook["attributes"]["name"] == self.name || qualified_name(hook) == self.name
        };
        match hooks.iter().filter(matches).collect::<Vec<_>>()[..] {
            [] => Err(HooksError::Unknown(self.name.clone())),
            [hook] => Ok(Hook::of(hook)),
            ref several => {
                let choices: Vec<String> = several.iter().map(|hook| format!("`{}`", qualified_name(hook))).collect();
                Err(HooksError::Ambiguous { name: self.name.clone(), choices: choices.join(" or ") })
            }
        }
    }
}

/// Gets one resource.
fn get(server: &Server, path: &str) -> Result<Value, RemoteError> {
    Ok(server.send(Method::GET, path, None)?["data"].take())
}
