//! `hookflow test PATHS…`: runs the test files in folders of workflows.
//!
//! All workflow files of a folder are loaded into one runner; each case of its `*.test.json` files is a dry run of its
//! own. Exit codes: 0 if all cases pass, 1 if one fails, 2 if a file cannot be read or is invalid.

mod file;
mod junit;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use super::say;
use super::try_workflow::read_workflows;
use crate::catalog::files::{FilesError, TEST_ENDING};
use crate::dry_run::expect::{self, Mismatch};
use crate::dry_run::{Runner, RunnerError};
use crate::store::chain;
use file::{Case, ReadError, TestFile};

#[derive(Debug, clap::Args)]
pub struct Test {
    /// Test files, or folders with `*.test.json` files next to their workflows
    #[arg(default_value = "workflows", value_name = "PATHS")]
    paths: Vec<PathBuf>,
    /// Run only cases whose names contain this text
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// Also write a JUnit report to this file
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
}

/// Why the tests cannot be run.
#[derive(Debug, thiserror::Error)]
enum TestError {
    #[error("`{}` cannot be read", path.display())]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("no test files in {}; their names must end in `{TEST_ENDING}`", .0.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", "))]
    None(Vec<PathBuf>),
    #[error(transparent)]
    File(#[from] ReadError),
    #[error(transparent)]
    Workflows(#[from] FilesError),
    #[error(transparent)]
    Runner(#[from] RunnerError),
    #[error("no case has a name with `{0}`")]
    NoCase(String),
    #[error("the report cannot be written to `{}`: {reason}", path.display())]
    Report { path: PathBuf, reason: String },
}

/// The result of a case.
struct Verdict {
    file: String,
    case: String,
    took: Duration,
    /// The path of the run, for failure reports.
    path: String,
    failure: Option<Failed>,
}

enum Failed {
    /// The result differs from the expectation.
    Mismatches(Vec<Mismatch>),
    /// The dry run failed to start.
    Error(String),
}

impl Test {
    pub fn run(self) -> ExitCode {
        match self.verdicts() {
            Ok(verdicts) => {
                let failed = verdicts.iter().filter(|verdict| verdict.failure.is_some()).count();
                let passed = verdicts.len() - failed;
                say(&format!("\n{}: {passed} passed, {failed} failed\n", super::count(verdicts.len(), "case")));
                if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
            }
            Err(error) => {
                eprintln!("error: {}", chain(&error));
                ExitCode::from(2)
            }
        }
    }

    fn verdicts(&self) -> Result<Vec<Verdict>, TestError> {
        let mut verdicts = Vec::new();
        for path in self.files()? {
            let test = TestFile::read(&path)?;
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let runner = Runner::open(&read_workflows(folder)?, None)?;
            for case in test.cases.iter().filter(|case| self.is_wanted(case)) {
                let verdict = judge(&runner, &test, case, &path);
                say(&shown(&verdict));
                verdicts.push(verdict);
            }
        }
        if let (Some(wanted), true) = (&self.case, verdicts.is_empty()) {
            return Err(TestError::NoCase(wanted.clone()));
        }
        if let Some(path) = &self.junit {
            let report = junit::report(&verdicts).map_err(|error| error.to_string());
            let written = report.and_then(|text| std::fs::write(path, text).map_err(|error| error.to_string()));
            written.map_err(|reason| TestError::Report { path: path.clone(), reason })?;
        }
        Ok(verdicts)
    }

    fn is_wanted(&self, case: &Case) -> bool {
        self.case.as_ref().is_none_or(|text| case.name.contains(text.as_str()))
    }

    fn files(&self) -> Result<Vec<PathBuf>, TestError> {
        let mut files = Vec::new();
        for path in &self.paths {
            if !path.is_dir() {
                files.push(path.clone());
                continue;
            }
            let refuse = |source| TestError::Folder { path: path.clone(), source };
            for entry in std::fs::read_dir(path).map_err(refuse)? {
                let path = entry.map_err(refuse)?.path();
                if path.to_string_lossy().ends_with(TEST_ENDING) {
                    files.push(path);
                }
            }
        }
        files.sort();
        if files.is_empty() { Err(TestError::None(self.paths.clone())) } else { Ok(files) }
    }
}

fn judge(runner: &Runner, test: &TestFile, case: &Case, path: &Path) -> Verdict {
    let began = Instant::now();
    let mut taken = String::new();
    let outcome = test.script(case).and_then(|script| runner.dry_run(&script));
    let failure = match outcome {
        Err(error) => Some(Failed::Error(chain(&error))),
        Ok(dry_run) => {
            taken = expect::path(&dry_run.runs[0]).join(" → ");
            match expect::compare(&case.expect, &dry_run) {
                Err(message) => Some(Failed::Error(message)),
                Ok(mismatches) if mismatches.is_empty() => None,
                Ok(mismatches) => Some(Failed::Mismatches(mismatches)),
            }
        }
    };
    let (file, case) = (path.display().to_string(), case.name.clone());
    Verdict { file, case, took: began.elapsed(), path: taken, failure }
}

fn shown(verdict: &Verdict) -> String {
    let head = format!("{}: {}", verdict.file, verdict.case);
    match &verdict.failure {
        None => format!("ok    {head}\n"),
        Some(failed) => format!("FAIL  {head}\n{}", failed.explained(&verdict.path)),
    }
}

impl Failed {
    fn explained(&self, path: &str) -> String {
        match self {
            Failed::Error(message) => format!("      {message}\n"),
            Failed::Mismatches(mismatches) => {
                let lines = mismatches.iter().map(|Mismatch { pointer, expected, found }| {
                    format!("      {pointer}\n        expected  {expected}\n        found     {found}\n")
                });
                format!("{}      the path was {path}\n", lines.collect::<String>())
            }
        }
    }
}
