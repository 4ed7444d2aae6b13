//! PostgreSQL's programs: where they are, and who may run them.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// What a folder has to hold to be of use.
const NEEDED: [&str; 4] = ["initdb", "pg_basebackup", "pg_ctl", "postgres"];
/// The newest PostgreSQL of this machine.
pub struct Programs {
    folder: PathBuf,
    pub version: u32,
    /// PostgreSQL refuses to be run by root.
    as_postgres: bool,
}

impl Programs {
    /// # Panics
    /// If PostgreSQL is not installed; the message says what to install.
    pub fn found() -> &'static Programs {
        static FOUND: OnceLock<Programs> = OnceLock::new();
        FOUND.get_or_init(|| {
            let folder = folder().unwrap_or_else(|| {
                panic!(
                    "these tests need a PostgreSQL server, and neither pg_config nor /usr/lib/postgresql leads to one: \
                     install Debian's package `postgresql`, or run tests/install-tools"
                )
            });
            let said = Command::new(folder.join("postgres")).arg("--version").output().expect("PostgreSQL can be run");
            let said = String::from_utf8_lossy(&said.stdout).into_owned();
            let number = said.split(|character: char| !character.is_ascii_digit()).find(|word| !word.is_empty());
            let version = number.and_then(|number| number.parse().ok());
            let version = version.unwrap_or_else(|| panic!("PostgreSQL tells no version: {said}"));
            let as_postgres = std::fs::metadata("/proc/self").expect("there is /proc").uid() == 0;
            Programs { folder, version, as_postgres }
        })
    }

    /// The words that start a program as a user whom PostgreSQL accepts.
    pub fn words(&self, program: &str) -> Vec<PathBuf> {
        let user: &[&str] = if self.as_postgres { &["runuser", "-u", "postgres", "--"] } else { &[] };
        user.iter().map(PathBuf::from).chain([self.folder.join(program)]).collect()
    }

    /// A program to be started in a folder, with nothing of the tests' environment.
    pub fn command(&self, program: &str, directory: &Path) -> Command {
        let words = self.words(program);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(directory).env_clear();
        command.env("PATH", std::env::var("PATH").unwrap_or_default()).env("LC_ALL", "C.UTF-8");
        command
    }

    /// Gives a folder to the user who runs the programs.
    pub fn own(&self, directory: &Path) {
        if self.as_postgres {
            run(Command::new("chown").arg("postgres").arg(directory));
        }
    }
}

fn folder() -> Option<PathBuf> {
    let told = Command::new("pg_config").arg("--bindir").output().ok();
    let told = told.map(|told| PathBuf::from(String::from_utf8_lossy(&told.stdout).trim()));
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut installed: Vec<PathBuf> = installed.map(|version| version.path()).collect();
    let version = |path: &PathBuf| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    installed.sort_by_key(version);
    let folders = told.into_iter().chain(installed.into_iter().rev().map(|version| version.join("bin")));
    // pg_config is also installed for those who only want to connect.
    folders.into_iter().find(|folder| NEEDED.iter().all(|program| folder.join(program).is_file()))
}

/// # Panics
/// When it fails; the message is what it said.
#[track_caller]
pub fn run(command: &mut Command) {
    try_run(command).unwrap_or_else(|said| panic!("{said}"));
}

/// What it said, if it fails.
pub fn try_run(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| format!("{command:?} can't be started: {error}"))?;
    let said = || format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    if output.status.success() { Ok(()) } else { Err(said()) }
}
