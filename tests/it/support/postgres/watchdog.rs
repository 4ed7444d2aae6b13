//! What removes a cluster after the test process has ended, be it by SIGKILL.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::programs::Programs;

/// Reads from a pipe that nobody writes to and that closes with the test process, and then cleans up. Signals that end
/// the tests are meant for the tests.
const SCRIPT: &str = r#"
    trap '' HUP INT TERM
    cat
    directory=$1
    shift
    "$@" stop --mode immediate --pgdata "$directory/data"
    rm -rf "$directory"
"#;

/// A shell that waits for the end; dropping this is one.
pub struct Watchdog(Child);

impl Watchdog {
    pub fn start(directory: &Path) -> Watchdog {
        let mut command = Command::new("sh");
        command.args(["-c", SCRIPT, "sh"]).arg(directory).args(Programs::found().words("pg_ctl"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").process_group(0);
        Watchdog(command.spawn().expect("a shell can be started"))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}
