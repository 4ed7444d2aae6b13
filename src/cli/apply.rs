//! `hookflow apply DIR`: makes a running server match a folder.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use super::plan::{Plan, Step, StepKind};
use super::remote::{Remote, RemoteError, Server};
use super::say;
use super::state::State;
use crate::catalog::files::{FilesError, read_folder};
use crate::catalog::load::{CheckedFiles, check_files};
use crate::workflow::Severity;

#[derive(Debug, clap::Args)]
pub struct Apply {
    /// Folder of workflow files
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
    /// Show the changes without making them
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Delete hooks and workflows that no file declares
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    remote: Remote,
}

/// Why the server was not changed, or only in part.
#[derive(Debug, thiserror::Error)]
enum ApplyError {
    #[error(transparent)]
    Files(#[from] FilesError),
    #[error("the folder `{}` has no workflow files; nothing was changed", .0.display())]
    NoFiles(PathBuf),
    #[error("the files have errors; nothing was changed")]
    Invalid,
    #[error(transparent)]
    Remote(#[from] RemoteError),
    #[error("standard input is not a terminal; use --yes to apply without confirmation")]
    NoTerminal,
    #[error("failed to change {what}; later changes were skipped")]
    Step { what: String, source: RemoteError },
}

impl Apply {
    pub fn run(self) -> ExitCode {
        match self.apply() {
            Ok(code) => code,
            Err(error) => super::fail(&error),
        }
    }

    fn apply(&self) -> Result<ExitCode, ApplyError> {
        let files = read_folder(&self.folder)?;
        if files.is_empty() {
            return Err(ApplyError::NoFiles(self.folder.clone()));
        }
        let server = self.remote.connect()?;
        let state = State::read(&server)?;
        let CheckedFiles { files: checked, reports } = check_files(&files, &state.known());
        reports.iter().for_each(|(_, report)| eprintln!("{}\n", report.trim_end()));
        if reports.iter().any(|(severity, _)| *severity == Severity::Error) {
            return Err(ApplyError::Invalid);
        }
        let bundles: Vec<_> = checked.into_iter().map(|file| file.bundle).collect();
        let plan = Plan::of(&bundles, &state, self.prune);
        say(&describe(&plan));
        if plan.steps.is_empty() || self.dry_run {
            return Ok(ExitCode::SUCCESS);
        }
        if !self.yes && !confirm()? {
            say("Nothing was changed.\n");
            return Ok(ExitCode::FAILURE);
        }
        plan.steps.iter().try_for_each(|step| apply_step(&server, step))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn apply_step(server: &Server, step: &Step) -> Result<(), ApplyError> {
    let sent = server.send(step.method.clone(), &step.path, step.body.as_ref());
    sent.map_err(|source| ApplyError::Step { what: step.what.clone(), source })?;
    let done = match step.kind {
        StepKind::Add => "added",
        StepKind::Change => "changed",
        StepKind::Delete => "deleted",
    };
    say(&format!("{}: {done}\n", step.what));
    Ok(())
}

fn describe(plan: &Plan) -> String {
    let mut text = String::new();
    for Step { kind, what, details, .. } in &plan.steps {
        let sign = match kind {
            StepKind::Add => '+',
            StepKind::Change => '~',
            StepKind::Delete => '-',
        };
        text.push_str(&format!("{sign} {what}\n"));
        details.lines().for_each(|line| text.push_str(&format!("    {line}\n")));
    }
    if !plan.left.is_empty() {
        text.push_str(&format!("On the server but in no file, left unchanged: {}\n", plan.left.join(", ")));
    }
    let count = |kind: StepKind| plan.steps.iter().filter(|step| step.kind == kind).count();
    text.push_str(&match plan.steps.is_empty() {
        true => "The server matches the folder.\n".to_owned(),
        false => format!(
            "{} to add, {} to change, {} to delete\n",
            count(StepKind::Add),
            count(StepKind::Change),
            count(StepKind::Delete)
        ),
    });
    text
}

/// Asks the user for confirmation.
fn confirm() -> Result<bool, ApplyError> {
    if !std::io::stdin().is_terminal() {
        return Err(ApplyError::NoTerminal);
    }
    say("Change the server? [y/N] ");
    let mut answer = String::new();
    let read = std::io::stdin().read_line(&mut answer);
    Ok(read.is_ok() && matches!(answer.trim(), "y" | "Y" | "yes"))
}
