//! `hookflow hooks save`: saves a received request as a payload for `hookflow try`, or as a test for `hookflow test`.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::shown::text;
use super::{Hook, HooksError, Named, get};
use crate::base::id::Id;
use crate::cli::remote::Server;
use crate::cli::say;

#[derive(Debug, clap::Args)]
pub struct Save {
    /// Hook whose latest transaction to save, or id of a transaction
    #[arg(value_name = "HOOK|TRANSACTION")]
    what: String,
    /// Write the payload to this file
    #[arg(long, value_name = "FILE", required_unless_present = "test")]
    payload: Option<PathBuf>,
    /// Write a test with the payload to this file; its name must end in .test.json
    #[arg(long, value_name = "FILE")]
    test: Option<PathBuf>,
    /// Overwrite existing files
    #[arg(long)]
    force: bool,
}

impl Save {
    pub fn run(self, server: &Server) -> Result<(), HooksError> {
        if let Some(test) = self.test.as_ref().filter(|test| !test.to_string_lossy().ends_with(".test.json")) {
            return Err(HooksError::NoTest(test.display().to_string()));
        }
        let transaction = self.find(server)?;
        if let Some(file) = &self.payload {
            self.write(file, &transaction["attributes"]["data"])?;
        }
        if let Some(file) = &self.test {
            self.write(file, &test(server, &transaction)?)?;
        }
        Ok(())
    }

    fn find(&self, server: &Server) -> Result<Value, HooksError> {
        if self.what.parse::<Id>().is_ok()
            && let Ok(transaction) = get(server, &format!("/v1/transactions/{}", self.what))
        {
            return Ok(transaction);
        }
        let hook = Named { name: self.what.clone() }.find(server)?;
        let newest = get(server, &format!("{}/transactions?pageSize=1", hook.link))?;
        newest.get(0).cloned().ok_or(HooksError::Nothing(hook.name))
    }

    fn write(&self, file: &Path, content: &Value) -> Result<(), HooksError> {
        let path = file.display().to_string();
        if !self.force && file.exists() {
            return Err(HooksError::Present(path));
        }
        std::fs::write(file, format!("{content:#}\n"))
            .map_err(|source| HooksError::Write { path: path.clone(), source })?;
        say(&format!("wrote {path}\n"));
        Ok(())
    }
}

/// A test file with one case: the received payload and, if the run has ended, its result.
fn test(server: &Server, transaction: &Value) -> Result<Value, HooksError> {
    let hook = get(server, &format!("/v1/hooks/{}", text(&transaction["relationships"]["hook"]["data"]["id"])))?;
    let hook = Hook::of(&hook);
    let run = transaction["relationships"]["runs"]["data"].get(0).and_then(|run| run["id"].as_str());
    let run = run.map(|run| get(server, &format!("/v1/runs/{run}"))).transpose()?;
    let created_at = text(&transaction["attributes"]["createdAt"]);
    let mut file = Map::new();
    file.extend(workflow(server, &hook, run.as_ref())?.map(|workflow| ("workflow".to_owned(), workflow)));
    file.insert("now".into(), json!(created_at));
    let case = json!({
        "name": format!("request to {} on {created_at}", hook.name),
        "payload": transaction["attributes"]["data"],
        "expect": expectation(run.as_ref()),
    });
    file.insert("cases".into(), json!([case]));
    Ok(Value::Object(file))
}

/// The workflow that ran, or else the only one that listens to the hook; a folder with one workflow needs no name.
fn workflow(server: &Server, hook: &Hook, run: Option<&Value>) -> Result<Option<Value>, HooksError> {
    if let Some(run) = run {
        return Ok(Some(run["attributes"]["workflow"].clone()));
    }
    let workflows = server.all("/v1/workflows")?;
    let event = |workflow: &Value| workflow["attributes"]["document"]["trigger"]["eventName"].clone();
    let listening: Vec<&Value> =
        workflows.iter().filter(|workflow| event(workflow) == hook.attributes["eventName"]).collect();
    Ok(match listening[..] {
        [workflow] => Some(workflow["attributes"]["name"].clone()),
        _ => None,
    })
}

/// The status and the path of a completed run; without one, only that the run should complete.
fn expectation(run: Option<&Value>) -> Value {
    let ended = run.filter(|run| run["attributes"]["status"] == "completed");
    let Some(run) = ended else { return json!({ "status": "completed" }) };
    let steps = run["attributes"]["steps"].as_array().into_iter().flatten();
    let path: Vec<&Value> = steps.map(|step| &step["id"]).collect();
    json!({ "status": "completed", "path": path })
}
