//! The command line: what each command takes, and its exit code.

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
    /// Run the server; this is what `hookflow` alone does
    Serve(Serve),
    /// Check workflow files, and say what is wrong with them and where; exit code 1 if anything is
    Check(check::Check),
    /// Make a running server match a folder of workflow files; what differs is shown first
    Apply(apply::Apply),
    /// Write the hooks, klasses and workflows of a running server into a folder, for `hookflow apply` to read back
    Export(export::Export),
    /// Turn a workflow or app exported from Kustomer into a file, and say what of it is not supported
    Import(import::Import),
    /// Print the JSON Schema of workflow files, for editors
    Schema(schema::Schema),
    /// Rehearse a workflow without a server, and show the path that it takes with each step's input and output; nothing is
    /// changed and nothing is sent
    Try(try_workflow::Try),
    /// Run the test files beside workflows; exit code 1 if a case fails, 2 if a file can't be used
    Test(test::Test),
    /// Set, list and delete the variables of a running server
    Variables(variables::Variables),
    /// Make and change the hooks of a running server, see what arrives at them and what they refuse, and try them out
    Hooks(hooks::Hooks),
    /// Copy everything from a SQLite database to an empty PostgreSQL database, and compare both; goes on where it was
    /// interrupted
    MigrateStore(migrate_store::MigrateStore),
}

/// Runs the command that the arguments name.
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
        Command::Try(rehearsal) => rehearsal.run(),
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

/// Prints to standard output at once. A closed pipe, as behind `| head`, is no failure.
fn say(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush());
}

/// Tells why the command failed, in one line.
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
