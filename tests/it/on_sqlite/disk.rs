//! A full disk, and a failing one: senders get an error, nothing acknowledged is lost, and `/readyz` says why.
//!
//! The full disk is a small file system in memory, which takes the rights to mount one; without them the test fails.
//! The failing disk is a limit on the size of files: a write past it is an I/O error to SQLite.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use super::server;
use crate::support::audit::{check_over_http, check_stored};
use crate::support::database::Look;
use crate::support::orders::Ledger;
use crate::support::random::Random;
use crate::support::{Server, ServerBuilder, wait_for};

/// A file system of its own, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> SmallDisk {
        std::fs::create_dir(&path).expect("a folder can be made");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]).arg(&path).output();
        let mounted = mounted.expect("mount can be started");
        let reason = String::from_utf8_lossy(&mounted.stderr).into_owned();
        assert!(mounted.status.success(), "this test has to mount a small file system, and may not: {reason}");
        SmallDisk(path)
    }

    /// Writes a file until there is no room left.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = File::create(&path).expect("a file can be made");
        for size in [65_536, 512, 1] {
            while file.write_all(&vec![b'x'; size]).is_ok() {}
        }
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// Posts orders until one is refused for want of a working disk; the number of those posted.
fn post_until_refused(server: &Server, ledger: &mut Ledger, prefix: &str) -> usize {
    let hook_url = server.hook_url("orders");
    let mut number = 0;
    wait_for("an order to be refused", || {
        number += 1;
        let status = ledger.post(server, &hook_url, &format!("{prefix}-{number}"), &format!("{number}@example.com"));
        assert!(matches!(status, Some(200 | 503)), "{status:?}: {}", server.errors());
        (status == Some(503)).then_some(number)
    })
}

fn reason_for_not_being_ready(server: &Server) -> String {
    let ready = server.get_without_key("/readyz").expect(503);
    ready["reason"].as_str().expect("there is a reason").to_owned()
}

/// Starts the server again, and audits the orders there and in its database.
fn check_everything(builder: ServerBuilder, database: &str, ledger: &Ledger) {
    let server = builder.start();
    server.wait_for_runs();
    check_over_http(&server, ledger, &mut Random::for_test("disk"));
    let directory = server.directory();
    assert!(server.stop().success());
    check_stored(Look::file(&directory.path().join(database)), ledger);
}

#[test]
fn a_full_disk_refuses_hooks_until_there_is_room_again() {
    let builder = server();
    let disk = SmallDisk::mount(builder.directory().join("disk"));
    let server = builder.arguments(&["--database-url", "sqlite:disk/hookflow.db"]).start();
    let (directory, hook_url) = (server.directory(), server.hook_url("orders"));
    let mut ledger = Ledger::default();
    assert_eq!(ledger.post(&server, &hook_url, "before", "test@example.com"), Some(200));
    server.wait_for_runs();

    let filler = disk.fill();
    post_until_refused(&server, &mut ledger, "full");
    // A small write may still find room, and the next larger one not.
    wait_for("the server to say that the disk is full", || {
        let answer = server.post_hook("orders", &serde_json::json!({ "orderId": "never" }));
        let is_refused = answer.status == 503 && answer.headers.contains_key("retry-after");
        assert!(is_refused || answer.status == 200, "{answer:?}");
        (is_refused && server.get_without_key("/readyz").text.contains("the disk is full")).then_some(())
    });

    std::fs::remove_file(filler).expect("the filler can be removed");
    // Nobody has to post for this: a balancer that asks here sends nothing before it is ready.
    wait_for("the server to be ready again", || (server.get_without_key("/readyz").status == 200).then_some(()));
    assert_eq!(ledger.post(&server, &hook_url, "after", "test@example.com"), Some(200));
    server.wait_for_runs();
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
    assert!(server.stop().success());
    let again = ServerBuilder::in_directory(directory).arguments(&["--database-url", "sqlite:disk/hookflow.db"]);
    check_everything(again, "disk/hookflow.db", &ledger);
}

#[test]
fn after_an_io_error_nothing_is_acknowledged_until_the_next_start() {
    // The shell ignores the signal that would end the program at the limit, so that the write fails instead.
    let limited = ["sh", "-c", "trap '' XFSZ; ulimit -f 8192; exec \"$@\"", "sh"];
    let server = server().wrapper(&limited).start();
    let directory = server.directory();
    let mut ledger = Ledger::default();
    let refused = post_until_refused(&server, &mut ledger, "limited");
    assert!(refused > 10, "the limit leaves room for some orders");
    let reason = reason_for_not_being_ready(&server);
    assert!(reason.contains("the database failed") && reason.contains("disk I/O error"), "{reason}");
    let acknowledged = ledger.acknowledged();
    let hook_url = server.hook_url("orders");
    for number in 0..20 {
        assert_eq!(ledger.post(&server, &hook_url, &format!("late-{number}"), "test@example.com"), Some(503));
    }
    assert_eq!(ledger.acknowledged(), acknowledged);
    assert!(!server.errors().contains("panicked"), "{}", server.errors());
    server.kill();
    check_everything(ServerBuilder::in_directory(directory), "hookflow.db", &ledger);
}
