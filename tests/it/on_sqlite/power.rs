//! The power is cut while orders come in: what was acknowledged is on the disk.
//!
//! The database lies on a small ext4 file system in a file. The server is stopped in its tracks, and then the file system
//! is shut down as it is, without writing anything that is still only in memory; mounted again, it holds what a machine
//! would find after its power came back. This finds a missing flush, which killing the process does not. It takes the
//! rights to mount a file system; without them the test fails. `HOOKFLOW_TEST_ROUNDS` asks for more rounds than three.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::server;
use crate::crash::rounds;
use crate::support::audit::{check_over_http, check_stored};
use crate::support::database::Look;
use crate::support::orders::{Ledger, Load};
use crate::support::random::Random;
use crate::support::{Server, ServerBuilder, wait_for};

const ROUNDS: usize = 3;
const CONNECTIONS: usize = 8;
const CUSTOMERS: usize = 150;
const DATABASE: &str = "disk/hookflow.db";
/// EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: from now on nothing reaches the disk, not even the journal.
const CUT: &str = r#"open(my $disk, "<", $ARGV[0]) or die $!; my $how = pack("L", 2);
    defined(ioctl($disk, 0x8004587D, $how)) or die $!"#;

/// A file system in a file, unmounted when dropped.
struct Disk {
    image: PathBuf,
    folder: PathBuf,
}

impl Disk {
    fn make(directory: &Path) -> Disk {
        let disk = Disk { image: directory.join("disk.img"), folder: directory.join("disk") };
        std::fs::create_dir(&disk.folder).expect("a folder can be made");
        let image = std::fs::File::create(&disk.image).expect("a file can be made");
        image.set_len(256 << 20).expect("a file can be made large");
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&disk.image));
        disk.mount();
        disk
    }

    fn mount(&self) {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.folder));
    }

    fn cut_power(&self) {
        run(Command::new("perl").args(["-e", CUT]).arg(self.folder.join("hookflow.db")));
    }

    fn unmount(&self) {
        wait_for("the disk to be let go", || {
            Command::new("umount")
                .arg(&self.folder)
                .output()
                .expect("umount can be started")
                .status
                .success()
                .then_some(())
        });
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).output();
    }
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Stops the process in its tracks; returns when all of its threads stand.
fn freeze(server: &Server) {
    server.signal("STOP");
    let tasks = format!("/proc/{}/task", server.pid());
    wait_for("every thread to stand", || {
        let threads = std::fs::read_dir(&tasks).expect("the process is there").flatten();
        let stands = |stat: String| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('T'));
        threads
            .map(|thread| std::fs::read_to_string(thread.path().join("stat")))
            .all(|stat| stat.is_ok_and(stands))
            .then_some(())
    });
}

#[test]
fn nothing_acknowledged_is_lost_when_the_power_is_cut() {
    let mut random = Random::for_test("power");
    let mut ledger = Ledger::default();
    let builder = server();
    let disk = Disk::make(builder.directory());
    let mut server = builder.arguments(&["--database-url", &format!("sqlite:{DATABASE}")]).start();
    for round in 0..rounds(ROUNDS) {
        let wanted = random.within(100..1_500);
        let load = Load::start(&server, CONNECTIONS, CUSTOMERS, &mut random);
        load.wait_for_acknowledged(wanted);
        freeze(&server);
        disk.cut_power();
        let directory = server.directory();
        server.kill();
        let acknowledged = load.finish(&mut ledger);
        println!("round {round}: the power was cut after {acknowledged} acknowledged orders");
        disk.unmount();
        disk.mount();
        let again = ServerBuilder::in_directory(directory);
        server = again.arguments(&["--database-url", &format!("sqlite:{DATABASE}")]).start();
    }
    server.wait_for_runs();
    check_over_http(&server, &ledger, &mut random);
    let directory = server.directory();
    assert!(server.stop().success());
    check_stored(Look::file(&directory.path().join(DATABASE)), &ledger);
}
