//! The command line: the arguments and exit code of each command.

mod apply;
mod check;
mod export;
mod hooks;
mod import;
mod input;
mod migrate_store;
mod plan;
mod remote;
mod schema;
mod state;
mod test;
mod try_workflow;
mod variables;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{Common, Serve};
use crate::observe::logging;
use crate::store::chain;

/// Takes hooks from external systems and runs workflows on them.
#[derive(Debug, Parser)]
#[command(name = "hookflow", version, about, args_conflicts_with_subcommands = true)]
pub struct CommandLine {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default command)
    Serve(Serve),
    /// Check workflow files and report errors with their positions; exits with 1 if there are any
    Check(check::Check),
    /// Make a running server match a folder of workflow files; shows the differences first
    Apply(apply::Apply),
    /// Write the hooks, klasses and workflows of a running server into a folder that `hookflow apply` can read
    Export(export::Export),
    /// Convert a workflow or app exported from Kustomer into a workflow file, and report what is not supported
    Import(import::Import),
    /// Print the JSON Schema of workflow files, for editors
    Schema(schema::Schema),
    /// Run a workflow without a server and show its path, with the input and output of each step; changes nothing and
    /// sends nothing
    Try(try_workflow::Try),
    /// Run the test files in a folder of workflows; exits with 1 if a case fails, and 2 if a file is invalid
    Test(test::Test),
    /// Set, list and delete variables on a running server
    Variables(variables::Variables),
    /// Create, change, inspect and test the hooks of a running server
    Hooks(hooks::Hooks),
    /// Copy a SQLite database to an empty PostgreSQL database and compare both; resumes an interrupted copy
    MigrateStore(migrate_store::MigrateStore),
}

/// Runs the command given by the arguments.
pub fn run() -> ExitCode {
    let line = CommandLine::parse();
    logging::start(&line.common.log, line.common.log_format);
    match line.command.unwrap_or(Command::Serve(line.serve)) {
        Command::Serve(settings) => serve(settings),
        Command::Check(check) => check.run(),
        Command::Apply(apply) => apply.run(),
        Command::Export(export) => export.run(),
        Command::Import(import) => import.run(),
        Command::Schema(schema) => schema.run(),
        Command::Try(dry_run) => dry_run.run(),
        Command::Test(test) => test.run(),
        Command::Variables(variables) => variables.run(),
        Command::Hooks(hooks) => hooks.run(),
        Command::MigrateStore(migrate) => migrate.run(),
    }
}

fn serve(settings: Serve) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(crate::serve::serve(settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

/// Prints to standard output and flushes. A closed pipe, as with `| head`, is not an error.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
}

/// Prints why the command failed, in one line.
fn fail(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("error: {}", chain(error));
    ExitCode::FAILURE
}

/// `1 file`, `2 files`.
fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
