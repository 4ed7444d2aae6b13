//! Test files: `orders.test.json` beside `orders.json`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::base::time::Timestamp;
use crate::dry_run::{Answers, DryRunError, Given, Script};

/// The time of cases that set none: 2026-01-01T00:00:00Z.
const NOW_DEFAULT: Timestamp = Timestamp(1_767_225_600_000_000);

/// Cases for one workflow. Top-level fields apply to all cases that do not override them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct TestFile {
    #[serde(rename = "$schema", default)]
    _schema: Option<String>,
    /// The workflow's name; optional if the folder has only one.
    #[serde(default)]
    workflow: Option<String>,
    #[serde(default)]
    now: Option<Timestamp>,
    #[serde(default)]
    variables: Map<String, Value>,
    #[serde(default)]
    given: Given,
    #[serde(default)]
    answers: Map<String, Value>,
    pub(super) cases: Vec<Case>,
}

/// One dry run and its expectations.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Case {
    pub(super) name: String,
    #[serde(default)]
    workflow: Option<String>,
    #[serde(default)]
    now: Option<Timestamp>,
    #[serde(default)]
    payload: Value,
    /// Added to the file's variables.
    #[serde(default)]
    variables: Map<String, Value>,
    /// Added to the file's objects.
    #[serde(default)]
    given: Given,
    /// Added to the file's responses, and override them by step.
    #[serde(default)]
    answers: Map<String, Value>,
    pub(super) expect: Map<String, Value>,
}

/// Why a test file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("`{}` cannot be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{}:{}:{}: {}", path.display(), error.line(), error.column(), message(error))]
    Json { path: PathBuf, error: serde_json::Error },
    #[error("{}: `cases` is empty", .0.display())]
    Empty(PathBuf),
}

/// The error without its position, which is shown separately.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rfind(" at line ").map_or(text.clone(), |end| text[..end].to_owned())
}

impl TestFile {
    pub(super) fn read(path: &Path) -> Result<TestFile, ReadError> {
        let text = std::fs::read_to_string(path).map_err(|source| ReadError::Read { path: path.to_owned(), source })?;
        let read = serde_json::from_str(&text).map_err(|error| ReadError::Json { path: path.to_owned(), error });
        read.and_then(|file: TestFile| match file.cases.is_empty() {
            true => Err(ReadError::Empty(path.to_owned())),
            false => Ok(file),
        })
    }

    /// The script of a case.
    pub(super) fn script(&self, case: &Case) -> Result<Script, DryRunError> {
        let merged = |own: &Map<String, Value>, more: &Map<String, Value>| {
            let mut merged = own.clone();
            merged.extend(more.clone());
            merged
        };
        let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let variables = merged(&self.variables, &case.variables);
        Ok(Script {
            workflow: case.workflow.clone().or_else(|| self.workflow.clone()),
            payload: case.payload.clone(),
            now: case.now.or(self.now).unwrap_or(NOW_DEFAULT),
            variables: variables.into_iter().map(|(name, value)| (name, text(value))).collect(),
            given: self.given.clone().and(case.given.clone()),
            answers: Answers::read(&merged(&self.answers, &case.answers))?,
            lists_objects: case.expect.contains_key("objects"),
        })
    }
}
