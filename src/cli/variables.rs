//! `hookflow variables set|list|delete`: variables on a running server.

use std::io::{IsTerminal, Read};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::remote::{Remote, RemoteError};

#[derive(Debug, clap::Args)]
pub struct Variables {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set a variable to what is read from standard input, or from a file; a line break at the end is left out
    Set {
        /// Its name; for an imported workflow, the id that it uses
        name: String,
        /// The id or name of the workflow that alone can use it; all can if not given
        #[arg(long, value_name = "WORKFLOW")]
        workflow: Option<String>,
        /// The file that holds the value
        #[arg(long, value_name = "FILE")]
        value_file: Option<PathBuf>,
        #[command(flatten)]
        remote: Remote,
    },
    /// List the variables; values are never shown
    List {
        #[command(flatten)]
        remote: Remote,
    },
    /// Delete a variable
    Delete {
        /// Its id or name
        name: String,
        #[command(flatten)]
        remote: Remote,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum VariablesError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("the value can't be read")]
    Value(#[source] std::io::Error),
    #[error("there is no variable `{0}`; `hookflow variables list` lists them")]
    Unknown(String),
    #[error("several variables are called `{0}`; name one by its id, which `hookflow variables list` shows")]
    Ambiguous(String),
}

impl Variables {
    pub fn run(self) -> ExitCode {
        let done = match self.command {
            Command::Set { name, workflow, value_file, remote } => set(&remote, &name, workflow, value_file),
            Command::List { remote } => list(&remote),
            Command::Delete { name, remote } => delete(&remote, &name),
        };
        match done {
            Ok(said) => {
                super::say(&said);
                ExitCode::SUCCESS
            }
            Err(error) => super::fail(&error),
        }
    }
}

fn set(remote: &Remote, name: &str, workflow: Option<String>, file: Option<PathBuf>) -> Result<String, VariablesError> {
    let value = match file {
        Some(path) => std::fs::read_to_string(path),
        None => read_input(name),
    };
    let value = value.map_err(VariablesError::Value)?;
    let value = value.strip_suffix('\n').map_or(value.as_str(), |value| value.strip_suffix('\r').unwrap_or(value));
    let answer = remote.send(
        Method::POST,
        "/v1/variables",
        Some(&json!({ "name": name, "value": value, "workflow": workflow })),
    )?;
    Ok(format!("{name} is set ({})\n", answer["data"]["id"].as_str().unwrap_or_default()))
}

/// One line from a terminal, everything from elsewhere.
fn read_input(name: &str) -> std::io::Result<String> {
    let mut value = String::new();
    if std::io::stdin().is_terminal() {
        eprint!("Value of {name}: ");
        std::io::stdin().read_line(&mut value)?;
    } else {
        std::io::stdin().read_to_string(&mut value)?;
    }
    Ok(value)
}

fn list(remote: &Remote) -> Result<String, VariablesError> {
    let line = |variable: &Value| {
        let attributes = &variable["attributes"];
        let workflow = variable["relationships"]["workflow"]["data"]["id"].as_str();
        let owner = workflow.map_or_else(|| "all workflows".to_owned(), |id| format!("workflow {id}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        format!(
            "{}  {}  {owner}, set {}\n",
            text(&variable["id"]),
            text(&attributes["name"]),
            text(&attributes["updatedAt"])
        )
    };
    Ok(variables(remote)?.iter().rev().map(line).collect())
}

fn delete(remote: &Remote, name: &str) -> Result<String, VariablesError> {
    let variables = variables(remote)?;
    let is = |variable: &&Value| variable["id"] == name || variable["attributes"]["name"] == name;
    let mut found = variables.iter().filter(is);
    let variable = found.next().ok_or_else(|| VariablesError::Unknown(name.to_owned()))?;
    if found.next().is_some() {
        return Err(VariablesError::Ambiguous(name.to_owned()));
    }
    let id = variable["id"].as_str().unwrap_or_default();
    remote.send(Method::DELETE, &format!("/v1/variables/{id}"), None)?;
    Ok(format!("{name} is deleted\n"))
}

fn variables(remote: &Remote) -> Result<Vec<Value>, RemoteError> {
    let mut answer = remote.send(Method::GET, "/v1/variables", None)?;
    Ok(match answer["data"].take() {
        Value::Array(variables) => variables,
        _ => Vec::new(),
    })
}
