//! The program without a server to talk to: commands, starts that fail, and the database that a server left.

use std::path::Path;
use std::process::Command;

use diesel::connection::SimpleConnection;
use diesel::{Connection as _, SqliteConnection};

use super::ServerBuilder;

/// What a command said, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

/// Runs the program in a folder, with nothing in its environment.
pub fn hookflow(directory: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookflow"));
    let done = command.args(arguments).current_dir(directory).env_clear().output().expect("the program starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: done.status.code(), output: text(&done.stdout), errors: text(&done.stderr) }
}

/// What a server that can't start says.
#[track_caller]
pub fn refusal(builder: ServerBuilder) -> String {
    let (code, said) = builder.start_and_fail();
    assert_eq!(code, Some(1), "{said}");
    let error = said.lines().last().expect("it says something").to_owned();
    assert!(error.starts_with("error: "), "{said}");
    error
}

/// Runs SQL on the database of a server that is not running.
pub fn execute(directory: &Path, sql: &str) {
    let path = directory.join("hookflow.db");
    let mut connection = SqliteConnection::establish(path.to_str().unwrap()).expect("the database can be opened");
    connection.batch_execute(sql).expect("the SQL is right");
}
