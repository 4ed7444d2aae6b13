//! `hookflow schema [FILE]`

use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::Value;

use crate::schema;

#[derive(Debug, clap::Args)]
pub struct Schema {
    /// Workflow file whose step ids to complete as targets
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

/// Why no schema can be generated for a file.
#[derive(Debug, thiserror::Error)]
enum SchemaError {
    #[error("`{}` cannot be read", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("`{}` is not valid JSON; run `hookflow check` for the position", path.display())]
    Json { path: PathBuf, source: serde_json::Error },
}

impl Schema {
    pub fn run(self) -> ExitCode {
        let document = match self.file.map(read).transpose() {
            Ok(document) => document,
            Err(error) => return super::fail(&error),
        };
        let text = format!("{:#}\n", schema::workflow_file(document.as_ref()));
        super::say(&text);
        ExitCode::SUCCESS
    }
}

fn read(path: PathBuf) -> Result<Value, SchemaError> {
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(source) => return Err(SchemaError::Read { path, source }),
    };
    serde_json::from_str(&text).map_err(|source| SchemaError::Json { path, source })
}
