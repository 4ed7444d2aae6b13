//! `hookflow check FILES…`

use std::path::PathBuf;
use std::process::ExitCode;

use crate::actions;
use crate::base::time::Timestamp;
use crate::catalog::files::{FileText, TEST_ENDING, read_file, read_folder};
use crate::catalog::load::{CheckedFiles, check_files};
use crate::hook::Settings;
use crate::workflow::{Bundle, HookDraft, KnownNames, Severity};

#[derive(Debug, clap::Args)]
pub struct Check {
    /// Workflow files, or folders with `*.json` files
    #[arg(required = true, value_name = "FILES")]
    paths: Vec<PathBuf>,
    /// Treat warnings as errors
    #[arg(long)]
    strict: bool,
}

impl Check {
    pub fn run(self) -> ExitCode {
        let files = match self.read() {
            Ok(files) => files,
            Err(error) => return super::fail(&error),
        };
        let CheckedFiles { files: checked, reports } = check_files(&files, &actions::known(KnownNames::default()));
        let mut text: String = reports.iter().map(|(_, report)| format!("{}\n\n", report.trim_end())).collect();
        let errors = reports.iter().filter(|(severity, _)| *severity == Severity::Error).count();
        let warnings = reports.len() - errors;
        let counts =
            [super::count(files.len(), "file"), super::count(errors, "error"), super::count(warnings, "warning")];
        text.push_str(&checked.iter().map(|file| due_times(&file.bundle)).collect::<String>());
        text.push_str(&checked.iter().map(|file| needed_secrets(&file.bundle)).collect::<String>());
        text.push_str(&format!("{}: {}, {}\n", counts[0], counts[1], counts[2]));
        super::say(&text);
        match errors > 0 || (self.strict && warnings > 0) {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        }
    }

    /// Reads the workflow files; test files are left to `hookflow test`.
    fn read(&self) -> Result<Vec<FileText>, crate::catalog::files::FilesError> {
        let mut files = Vec::new();
        let is_test = |path: &&PathBuf| path.to_string_lossy().ends_with(TEST_ENDING);
        for path in self.paths.iter().filter(|path| !is_test(path)) {
            match path.is_dir() {
                true => files.extend(read_folder(path)?),
                false => files.push(read_file(path)),
            }
        }
        Ok(files)
    }
}

/// The hooks that need a secret, which files can't contain.
fn needed_secrets(bundle: &Bundle) -> String {
    let line = |hook: &HookDraft| {
        let settings = Settings::read(hook.kind, &hook.settings).ok()?;
        let scheme = settings.verification.scheme().filter(|scheme| !scheme.has_published_keys())?;
        let name = &hook.name;
        Some(format!(
            "{name} verifies requests ({}) and needs a secret: hookflow hooks secret add {name}\n",
            scheme.name()
        ))
    };
    bundle.hooks.iter().filter_map(line).collect()
}

/// The next due times of scheduled workflows, since cron patterns are easy to get wrong.
fn due_times(bundle: &Bundle) -> String {
    let workflows = bundle.workflows.iter().map(|draft| &draft.workflow);
    let line = |(name, next): (&str, Vec<Timestamp>)| {
        let next = next.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        format!("{name} runs next at {next}\n")
    };
    let scheduled = workflows.filter_map(|workflow| {
        let schedule = workflow.trigger.schedule.as_ref()?;
        Some((workflow.name.as_str(), schedule.upcoming(Timestamp::now(), 3)))
    });
    scheduled.map(line).collect()
}
