//! `hookflow hooks run TRANSACTION`, `hookflow hooks run HOOK --problem REASON` and `hookflow hooks accept`: runs for
//! requests that started none on arrival.

use std::path::PathBuf;

use reqwest::Method;
use serde_json::{Map, Value, json};

use super::shown::text;
use super::{HooksError, Named};
use crate::base::id::Id;
use crate::cli::remote::Server;
use crate::cli::say;

#[derive(Debug, clap::Args)]
pub struct Run {
    /// Id of the transaction; with --problem, the hook's name or id
    #[arg(value_name = "TRANSACTION|HOOK")]
    subject: String,
    /// Run all transactions of the hook whose body can't be read for this reason
    #[arg(long, value_name = "REASON", conflicts_with = "data")]
    problem: Option<String>,
    /// Read the body under this content type
    #[arg(long, value_name = "TYPE", conflicts_with = "data")]
    content_type: Option<String>,
    /// JSON file with the payload, in place of what the body says; `-` for standard input
    #[arg(long, value_name = "FILE")]
    data: Option<PathBuf>,
    /// Name or id of the workflow to run; all that listen if omitted
    #[arg(long, value_name = "WORKFLOW")]
    workflow: Option<String>,
}

impl Run {
    pub fn run(self, server: &Server) -> Result<(), HooksError> {
        let mut input = Map::new();
        let texts = [("workflow", &self.workflow), ("contentType", &self.content_type), ("problem", &self.problem)];
        input.extend(texts.into_iter().filter_map(|(name, text)| Some((name.to_owned(), json!(text.as_ref()?)))));
        if self.problem.is_some() {
            return self.run_many(server, input);
        }
        if let Some(path) = &self.data {
            let bytes = super::send::read(path)?;
            let data = serde_json::from_slice(&bytes).map_err(|_| HooksError::NotJson(path.display().to_string()))?;
            input.insert("data".to_owned(), data);
        }
        let id: Id = self.subject.parse().map_err(|_| HooksError::NoTransaction(self.subject.clone()))?;
        let runs = server.send(Method::POST, &format!("/v1/transactions/{id}/run"), Some(&Value::Object(input)))?;
        for run in runs["data"].as_array().into_iter().flatten() {
            let workflow = text(&run["attributes"]["workflow"]);
            say(&format!("run  {}{}  {workflow}\n", server.url, text(&run["links"]["self"])));
        }
        Ok(())
    }

    /// Runs transactions until the server finds no more.
    fn run_many(&self, server: &Server, mut input: Map<String, Value>) -> Result<(), HooksError> {
        let hook = Named { name: self.subject.clone() }.find(server)?;
        let path = format!("{}/transactions/run", hook.link);
        let (mut all, mut failed) = (0, 0);
        loop {
            let answer = server.send(Method::POST, &path, Some(&Value::Object(input.clone())))?;
            let Some(transactions) = answer["data"].as_array().filter(|list| !list.is_empty()) else { break };
            for transaction in transactions {
                let (id, attributes) = (text(&transaction["id"]), &transaction["attributes"]);
                all += 1;
                failed += usize::from(attributes["error"].is_string());
                let runs = attributes["runs"].as_array().map_or(0, Vec::len);
                let outcome =
                    attributes["error"].as_str().map_or_else(|| crate::cli::count(runs, "run"), str::to_owned);
                say(&format!("{id}  {outcome}\n"));
                input.insert("after".to_owned(), json!(id));
            }
        }
        if failed == 0 { Ok(()) } else { Err(HooksError::NotRun { failed, all }) }
    }
}

/// Accepts a refused request.
pub fn accept(server: &Server, hook: &Named, refusal: &str) -> Result<(), HooksError> {
    let hook = hook.find(server)?;
    let refusal: Id = refusal.parse().map_err(|_| HooksError::NoRefusal(refusal.to_owned()))?;
    let answer = server.send(Method::POST, &format!("{}/refusals/{refusal}/accept", hook.link), None)?;
    say(&format!("transaction  {}{}\n", server.url, text(&answer["data"]["links"]["self"])));
    Ok(())
}
