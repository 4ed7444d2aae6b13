//! `hookflow import FILE`

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::Value;

use crate::actions;
use crate::catalog::files::{FileText, FilesError, read_file, read_folder};
use crate::workflow::import::{Imported, LocalHook, Mappings, VariableUse, import};
use crate::workflow::{KnownNames, Severity, Source};

#[derive(Debug, clap::Args)]
pub struct Import {
    /// Exported workflow, workflow record from the API, or app with hooks, klasses and workflows
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Map a foreign hook to a local one: `ID=NAME`, or `ID=form/NAME` if the kind differs; repeatable
    #[arg(long, value_name = "FOREIGN=LOCAL", value_parser = hook_pair)]
    map_hook: Vec<(String, LocalHook)>,
    /// Map a foreign workflow that a step runs to a local one; repeatable
    #[arg(long, value_name = "ID=NAME", value_parser = pair)]
    map_workflow: Vec<(String, String)>,
    /// Rename a variable, which otherwise keeps its id as its name; repeatable
    #[arg(long, value_name = "ID=NAME", value_parser = pair)]
    map_variable: Vec<(String, String)>,
    /// Folder to write the file to, or `-` for standard output; declarations in the folder's other files are known
    #[arg(long, value_name = "DIR", default_value = "-")]
    out: PathBuf,
    /// Files or folders with declarations that the workflows need, such as klasses; repeatable
    #[arg(long, value_name = "FILES")]
    with: Vec<PathBuf>,
    /// Write the file even if parts of it are not supported
    #[arg(long)]
    partial: bool,
    /// Replace an existing file of the same name
    #[arg(long)]
    force: bool,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
enum ImportError {
    #[error("`{name}` {reason}")]
    Unreadable { name: String, reason: String },
    #[error("`{}` exists and differs; use --force to replace it", .0.display())]
    Exists(PathBuf),
    #[error("`{}` cannot be written", path.display())]
    Write { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Files(#[from] FilesError),
}

impl Import {
    pub fn run(self) -> ExitCode {
        match self.import() {
            Ok(code) => code,
            Err(error) => super::fail(&error),
        }
    }

    fn import(&self) -> Result<ExitCode, ImportError> {
        let FileText { name, text } = read_file(&self.file);
        let text = text.map_err(|reason| ImportError::Unreadable { name: name.clone(), reason })?;
        let mappings = Mappings {
            hooks: self.map_hook.iter().cloned().collect(),
            workflows: self.map_workflow.iter().cloned().collect(),
            variables: self.map_variable.iter().cloned().collect(),
        };
        let siblings = self.siblings()?;
        let sources: Vec<Source<'_>> = (siblings.iter())
            .filter_map(|file| Some(Source { file: &file.name, text: file.text.as_deref().ok()? }))
            .collect();
        let known = actions::known(KnownNames::default());
        let imported = import(&Source { file: &name, text: &text }, &mappings, &sources, &known);
        let errors = imported.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        let written = match &imported.document {
            Some(document) if errors == 0 || self.partial => Some(self.write(document)?),
            _ => None,
        };
        self.print(&report(&imported, &text, errors, written.as_deref()));
        Ok(if written.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn is_to_stdout(&self) -> bool {
        self.out == Path::new("-")
    }

    /// The output file: the export's name with the extension `json`.
    fn target(&self) -> PathBuf {
        self.out.join(self.file.file_stem().unwrap_or_default()).with_extension("json")
    }

    /// The other files in the output folder, and those of `--with`.
    fn siblings(&self) -> Result<Vec<FileText>, ImportError> {
        let mut files = Vec::new();
        for path in &self.with {
            match path.is_dir() {
                true => files.extend(read_folder(path)?),
                false => files.push(read_file(path)),
            }
        }
        if !self.is_to_stdout() && self.out.is_dir() {
            let target = self.target().display().to_string();
            files.extend(read_folder(&self.out)?.into_iter().filter(|file| file.name != target));
        }
        if let Some(FileText { name, text: Err(reason) }) = files.iter().find(|file| file.text.is_err()) {
            return Err(ImportError::Unreadable { name: name.clone(), reason: reason.clone() });
        }
        Ok(files)
    }

    /// Writes the file and returns its name.
    fn write(&self, document: &Value) -> Result<String, ImportError> {
        let text = format!("{document:#}\n");
        if self.is_to_stdout() {
            super::say(&text);
            return Ok("standard output".to_owned());
        }
        let path = self.target();
        let existing = std::fs::read_to_string(&path).ok();
        if path.exists() && existing.as_ref() != Some(&text) && !self.force {
            return Err(ImportError::Exists(path));
        }
        let written = std::fs::create_dir_all(&self.out).and_then(|()| std::fs::write(&path, text));
        match written {
            Ok(()) => Ok(format!("`{}`", path.display())),
            Err(source) => Err(ImportError::Write { path, source }),
        }
    }

    /// Prints the report to the stream that the file does not use.
    fn print(&self, report: &str) {
        match self.is_to_stdout() {
            true => drop(std::io::stderr().write_all(report.as_bytes())),
            false => super::say(report),
        }
    }
}

fn report(imported: &Imported, text: &str, errors: usize, written: Option<&str>) -> String {
    let mut report: String =
        imported.diagnostics.iter().map(|found| format!("{}\n", found.render(Some(text)))).collect();
    report.push_str(&variables(&imported.variables));
    let warnings = imported.diagnostics.len() - errors;
    report.push_str(&format!("{}, {}; ", super::count(errors, "error"), super::count(warnings, "warning")));
    report.push_str(&match written {
        Some(name) => format!("written to {name}\n"),
        None if imported.document.is_some() => "nothing was written; use --partial to write it anyway\n".to_owned(),
        None => "nothing was written\n".to_owned(),
    });
    report
}

fn variables(variables: &BTreeMap<String, VariableUse>) -> String {
    let mut text = String::new();
    for (name, VariableUse { workflows, pointer }) in variables {
        let workflows = workflows.iter().cloned().collect::<Vec<_>>().join("`, `");
        text.push_str(&format!(
            "variable `{name}` is used by `{workflows}`, first at {pointer}; to set it:\n    hookflow variables set {name}\n\n"
        ));
    }
    text
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((foreign, local)) if !foreign.is_empty() && !local.is_empty() => {
            Ok((foreign.to_owned(), local.to_owned()))
        }
        _ => Err("expected two names separated by `=`".to_owned()),
    }
}

fn hook_pair(text: &str) -> Result<(String, LocalHook), String> {
    let (foreign, local) = pair(text)?;
    let hook = match local.split_once('/') {
        None => LocalHook { kind: None, name: local },
        Some((kind, name)) => {
            let kind = kind.parse().map_err(|error: crate::hook::InvalidHookKind| error.to_string())?;
            LocalHook { kind: Some(kind), name: name.to_owned() }
        }
    };
    Ok((foreign, hook))
}
