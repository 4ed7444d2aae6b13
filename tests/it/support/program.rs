//! The program without a server to talk to: commands, and starts that fail.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::ServerBuilder;

/// What a command said, and its exit code.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub output: String,
    pub errors: String,
}

impl Said {
    pub fn new(output: &Output) -> Said {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), output: text(&output.stdout), errors: text(&output.stderr) }
    }
}

/// Runs the program in a folder, with nothing in its environment.
pub fn hookflow(directory: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hookflow"));
    Said::new(&command.args(arguments).current_dir(directory).env_clear().output().expect("the program starts"))
}

/// Runs a command to its end, with this as its standard input.
pub fn run_with_input(mut command: Command, input: &str) -> Said {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("its input is piped");
    // It may end without reading all.
    let _ = stdin.write_all(input.as_bytes());
    drop(stdin);
    Said::new(&child.wait_with_output().expect("it can be waited for"))
}

/// What a server that can't start says.
#[track_caller]
pub fn refusal(builder: ServerBuilder) -> String {
    let Said { code, errors, .. } = builder.start_and_fail();
    assert_eq!(code, Some(1), "{errors}");
    let error = errors.lines().last().expect("it says something").to_owned();
    assert!(error.starts_with("error: "), "{errors}");
    error
}
