//! `hookflow variables set|list|delete`: variables on a running server.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use reqwest::Method;
use serde_json::{Value, json};

use super::input::{self, InputError};
use super::remote::{Remote, RemoteError, Server};

#[derive(Debug, clap::Args)]
pub struct Variables {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    remote: Remote,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Set a variable to a value read from standard input or a file; a trailing line break is removed
    Set {
        /// Name of the variable; for an imported workflow, the id it uses
        name: String,
        /// Id or name of the only workflow that can use the variable; all workflows if omitted
        #[arg(long, value_name = "WORKFLOW")]
        workflow: Option<String>,
        /// File with the value
        #[arg(long, value_name = "FILE")]
        value_file: Option<PathBuf>,
    },
    /// List the variables, without their values
    List,
    /// Delete a variable
    Delete {
        /// Id or name of the variable
        name: String,
    },
}

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
enum VariablesError {
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error(transparent)]
    Input(#[from] InputError),
    #[error("unknown variable `{0}`; `hookflow variables list` lists all")]
    Unknown(String),
    #[error("several variables are named `{0}`; use the id, which `hookflow variables list` shows")]
    Ambiguous(String),
}

impl Variables {
    pub fn run(self) -> ExitCode {
        let result = self.remote.connect().map_err(VariablesError::from).and_then(|server| match self.command {
            Command::Set { name, workflow, value_file } => set(&server, &name, workflow, value_file),
            Command::List => list(&server),
            Command::Delete { name } => delete(&server, &name),
        });
        match result {
            Ok(output) => {
                super::say(&output);
                ExitCode::SUCCESS
            }
            Err(error) => super::fail(&error),
        }
    }
}

fn set(server: &Server, name: &str, workflow: Option<String>, file: Option<PathBuf>) -> Result<String, VariablesError> {
    let value = input::secret(&format!("Value of {name}"), file.as_deref())?;
    let answer = server.send(
        Method::POST,
        "/v1/variables",
        Some(&json!({ "name": name, "value": value, "workflow": workflow })),
    )?;
    Ok(format!("{name} is set ({})\n", answer["data"]["id"].as_str().unwrap_or_default()))
}

fn list(server: &Server) -> Result<String, VariablesError> {
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
    Ok(variables(server)?.iter().rev().map(line).collect())
}

fn delete(server: &Server, name: &str) -> Result<String, VariablesError> {
    let variables = variables(server)?;
    let matches = |variable: &&Value| variable["id"] == name || variable["attributes"]["name"] == name;
    let mut found = variables.iter().filter(matches);
    let variable = found.next().ok_or_else(|| VariablesError::Unknown(name.to_owned()))?;
    if found.next().is_some() {
        return Err(VariablesError::Ambiguous(name.to_owned()));
    }
    let id = variable["id"].as_str().unwrap_or_default();
    server.send(Method::DELETE, &format!("/v1/variables/{id}"), None)?;
    Ok(format!("{name} is deleted\n"))
}

fn variables(server: &Server) -> Result<Vec<Value>, RemoteError> {
    let mut answer = server.send(Method::GET, "/v1/variables", None)?;
    Ok(match answer["data"].take() {
        Value::Array(variables) => variables,
        _ => Vec::new(),
    })
}
