//! `hookflow try WORKFLOW --payload FILE`: dry-runs one workflow and shows what it does.

use std::fmt::Write as _;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::base::time::Timestamp;
use crate::catalog::files::{FileText, FilesError, read_file, read_folder};
use crate::config::Database;
use crate::dry_run::expect::path;
use crate::dry_run::{Answers, DryRun, DryRunError, FinishedRun, Given, Runner, RunnerError, Script};
use crate::store::DatabaseUrl;
use crate::store::RunStatus;

/// The most characters of a value in a line.
const SHOWN_CHARACTERS_MAX: usize = 400;

#[derive(Debug, clap::Args)]
pub struct Try {
    /// Workflow file, or folder of files
    #[arg(value_name = "WORKFLOW")]
    path: PathBuf,
    /// Name of the workflow to run, if there are several
    #[arg(long, value_name = "NAME")]
    workflow: Option<String>,
    /// JSON file with the input: a hook's payload, a callable workflow's inputs, or another event's payload; `-` for
    /// standard input
    #[arg(long, value_name = "FILE")]
    payload: Option<PathBuf>,
    /// JSON file with responses to external calls, by step id: `{"call": {"status": 200, "body": {}}}`; other calls get
    /// status 200 and `{}`
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// Set a variable; repeatable
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,
    /// Time at which the payload arrives, such as `2026-01-31T12:00:00Z`; defaults to now
    #[arg(long, value_name = "MOMENT", value_parser = moment)]
    now: Option<Timestamp>,
    /// Database whose objects the steps can find; it is not changed. A SQLite file must not be in use by a server
    #[arg(long, value_name = "URL")]
    database_url: Option<DatabaseUrl>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    pair.map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "expected NAME=VALUE".to_owned())
}

fn moment(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse(text).ok_or_else(|| "expected a time such as 2026-01-31T12:00:00Z".to_owned())
}

/// Why the dry run could not start.
#[derive(Debug, thiserror::Error)]
pub(super) enum TryError {
    #[error("`{}` cannot be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{}` is not valid JSON", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
    #[error("`{}` must be an object with responses by step id", .0.display())]
    Answers(PathBuf),
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error(transparent)]
    DryRun(#[from] DryRunError),
}

impl Try {
    pub fn run(self) -> ExitCode {
        let dry_run = match self.dry_run() {
            Ok(dry_run) => dry_run,
            Err(error) => return super::fail(&error),
        };
        let text = if self.json { format!("{:#}\n", as_json(&dry_run)) } else { as_text(&dry_run) };
        super::say(&text);
        let is_completed = dry_run.runs[0].run.status == RunStatus::Completed;
        if is_completed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn dry_run(&self) -> Result<DryRun, TryError> {
        let files = read_workflows(&self.path)?;
        let payload = self.payload.as_deref().map(read_json).transpose()?.unwrap_or_default();
        let answers = self.answers.as_deref().map(|path| match read_json(path)? {
            Value::Object(answers) => Ok(answers),
            _ => Err(TryError::Answers(path.to_owned())),
        });
        let answers = Answers::read(&answers.transpose()?.unwrap_or_default())?;
        let database = self.database_url.clone().map(Database::from);
        let runner = Runner::open(&files, database.as_ref())?;
        let script = Script {
            workflow: self.workflow.clone(),
            payload,
            now: self.now.unwrap_or_else(Timestamp::now),
            variables: self.variables.clone(),
            given: Given::default(),
            answers: answers.or_empty(),
            lists_objects: false,
        };
        Ok(runner.dry_run(&script)?)
    }
}

/// The workflow files at a path.
pub(super) fn read_workflows(path: &Path) -> Result<Vec<FileText>, FilesError> {
    if path.is_dir() { read_folder(path) } else { Ok(vec![read_file(path)]) }
}

fn read_json(path: &Path) -> Result<Value, TryError> {
    let text = if path == Path::new("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|source| TryError::Read { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| TryError::Json { path: path.to_owned(), source })
}

fn as_json(dry_run: &DryRun) -> Value {
    let run = |run: &FinishedRun| {
        json!({
            "workflow": run.run.workflow_name,
            "event": run.run.event,
            "status": run.run.status.to_string(),
            "path": path(run),
            "steps": run.steps,
            "output": run.run.output,
            "error": run.run.error,
        })
    };
    let call = |call: &crate::dry_run::MadeCall| json!({ "step": call.step, "attempt": call.attempt, "call": call.summary, "assumed": call.assumed });
    json!({
        "runs": dry_run.runs.iter().map(run).collect::<Vec<_>>(),
        "calls": dry_run.calls.iter().map(call).collect::<Vec<_>>(),
        "endedAt": dry_run.ended_at,
    })
}

fn as_text(dry_run: &DryRun) -> String {
    let mut text = String::new();
    for (index, run) in dry_run.runs.iter().enumerate() {
        show_run(&mut text, run, index > 0);
    }
    for call in &dry_run.calls {
        let assumed = if call.assumed { "; assumed the response 200 and {}, which --answers can override" } else { "" };
        text += &format!("not sent: {} (step {}, attempt {}){assumed}\n", call.summary, call.step, call.attempt);
    }
    text
}

fn show_run(text: &mut String, run: &FinishedRun, is_started: bool) {
    let started = if is_started { "\nstarted by this run: " } else { "" };
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{started}{} ({})\n", run.run.workflow_name, run.run.event);
    for step in &run.steps {
        show_step(text, step);
    }
    let _ = match &run.run.error {
        Some(error) => writeln!(text, "{}: {} ({})", run.run.status, error.message, error.code),
        None => writeln!(text, "{}: {}", run.run.status, path(run).join(" → ")),
    };
    if let Some(output) = &run.run.output {
        let _ = writeln!(text, "response: {}", shown(output));
    }
}

fn show_step(text: &mut String, step: &Value) {
    let word = |name: &str| step[name].as_str().unwrap_or_default();
    let name = step["name"].as_str().map(|name| format!("  {name}")).unwrap_or_default();
    let action = step["action"].as_str().map(|action| format!("  {action}")).unwrap_or_default();
    let _ = writeln!(text, "{}{action}{name}: {}", word("id"), word("status"));
    if step["input"].as_object().is_some_and(|input| !input.is_empty()) {
        let _ = writeln!(text, "    input   {}", shown(&step["input"]));
    }
    if !step["output"].is_null() {
        let _ = writeln!(text, "    output  {}", shown(&step["output"]));
    }
    if let Some(message) = step["error"]["message"].as_str() {
        let _ = writeln!(text, "    error   {message} ({})", step["error"]["code"].as_str().unwrap_or_default());
    }
    for note in step["notes"].as_array().into_iter().flatten() {
        let _ = writeln!(
            text,
            "    note    {} {}",
            note["pointer"].as_str().unwrap_or_default(),
            note["message"].as_str().unwrap_or_default()
        );
    }
    for transition in step["transitions"].as_array().into_iter().flatten() {
        show_transition(text, transition);
    }
    text.push('\n');
}

fn show_transition(text: &mut String, transition: &Value) {
    let target = transition["target"].as_str().unwrap_or_default();
    let label = transition["name"].as_str().map(|name| format!(" \"{name}\"")).unwrap_or_default();
    let condition = || {
        let values =
            transition["values"].as_array().map(|values| values.iter().map(shown).collect::<Vec<_>>().join(", "));
        match transition["op"].as_str().unwrap_or_default() {
            "true" if transition["values"] == json!([true]) => "always".to_owned(),
            op => format!("{op} {}", values.unwrap_or_default()),
        }
    };
    let _ = match transition["result"].as_bool() {
        Some(true) => writeln!(text, "    → {target}{label} ({})", condition()),
        Some(false) => writeln!(text, "    not {target}{label} ({})", condition()),
        None => Ok(()),
    };
}

/// A value as one line.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARACTERS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
