//! Starting: what is shown, and a clear error for every reason not to start.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::support::program::{hookflow, refusal};
use crate::support::{Server, ServerBuilder, ids, wait_for};

#[test]
fn the_first_start_shows_a_command_that_posts_to_the_hook() {
    let server = Server::start();
    let output = server.output();
    let start = output.find("curl ").expect("a command is shown");
    let command = output[start..].trim();
    let done = std::process::Command::new("sh").args(["-c", command]).output().expect("a shell runs");
    let answer: Value = serde_json::from_slice(&done.stdout).expect("the server answers the command in JSON");
    assert_eq!(answer["data"]["type"], "transaction");
    server.wait_for_runs();
    let orders = server.get("/v1/customers/email=test@example.com/timeline").expect(200);
    assert_eq!(ids(&orders).len(), 1);
}

#[test]
fn a_port_in_use_is_reported_and_nothing_is_created() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let builder = ServerBuilder::bare().listen(&address);
    let directory = builder.shared_directory();
    let expected = format!(
        "error: the address {address} is in use by another program; stop it, or listen elsewhere with --listen"
    );
    assert_eq!(refusal(builder), expected);
    assert!(directory.is_untouched());
}

#[test]
fn a_database_url_with_a_typo_is_refused_and_no_file_is_made() {
    for (url, message) in [
        (
            "sqllite:orders.db",
            "unknown scheme `sqllite:`; did you mean `sqlite:`?; write `sqlite:PATH` or `postgres://USER@HOST/DATABASE`",
        ),
        ("orders.db", "`orders.db` has no scheme; for a file of that name, write `sqlite:orders.db`"),
        ("sqlite:", "`sqlite:` must be followed by the path of a file, as in `sqlite:hookflow.db`"),
        ("sqlite::memory:", "`:memory:` would lose all data when the process ends; use a file"),
    ] {
        let builder = ServerBuilder::bare().arguments(&["--database-url", url]);
        let directory = builder.shared_directory();
        let said = builder.start_and_fail();
        assert_eq!(said.code, Some(2), "{said:?}");
        let expected = format!("error: invalid value '{url}' for '--database-url <URL>': {message}");
        assert!(said.errors.contains(&expected), "{said:?}");
        let files: Vec<_> =
            std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(files, ["workflows"]);
    }
}

#[test]
fn unknown_flags_and_values_are_refused_with_a_suggestion() {
    let folder = tempfile::TempDir::new().unwrap();
    for (arguments, expected) in [
        (&["serve", "--listn", "127.0.0.1:0"][..], "a similar argument exists: '--listen'"),
        (&["chek", "workflows"], "'check'"),
        (&["serve", "--listen", "here"], "invalid value 'here' for '--listen <ADDRESS>'"),
        (&["serve", "--public-url", "hooks.example.com"], "such as `https://hooks.example.com`"),
        (&["serve", "--public-url", "https://example.com?a"], "such as `https://hooks.example.com`"),
        (&["serve", "--body-limit-bytes", "0"], "invalid value '0' for '--body-limit-bytes <BYTES>'"),
        (&["serve", "--log-format", "xml"], "[possible values: text, json]"),
    ] {
        let said = hookflow(folder.path(), arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}");
        assert!(said.errors.contains(expected), "{arguments:?}: {}", said.errors);
    }
}

#[test]
fn an_invalid_allow_list_is_refused() {
    assert_eq!(
        refusal(ServerBuilder::bare().arguments(&["--outbound-allow", "10.0.0.0/33"])),
        "error: --outbound-allow is not valid: `10.0.0.0/33` is not an IP address, a range such as 10.0.0.0/8, a host name or a \
         pattern such as *.example.com"
    );
}

#[test]
fn a_named_folder_of_workflows_must_exist() {
    let error = refusal(ServerBuilder::bare().arguments(&["--workflows", "nowhere"]));
    assert!(error.starts_with("error: the folder `nowhere` can't be read: "), "{error}");
    let builder = ServerBuilder::bare();
    std::fs::remove_dir(builder.directory().join("workflows")).unwrap();
    let server = builder.start();
    server.wait_for_log("the folder `workflows` does not exist");
}

#[test]
fn the_log_can_be_written_as_json() {
    let server = ServerBuilder::new().arguments(&["--log-format", "json", "--log", "hookflow=debug"]).start();
    server.run_order(&json!({ "email": "ann@example.com" }));
    let line = wait_for("the run to be logged", || {
        let log = server.errors();
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("each line is JSON"));
        lines.into_iter().find(|line| line["message"] == "run completed")
    });
    assert_eq!(line["level"], "debug");
    assert!(line["run_id"].is_string() && line["time"].is_string(), "{line}");
}

#[test]
fn a_log_that_can_not_be_written_stops_nothing() {
    let server = ServerBuilder::new().wrapper(&["sh", "-c", "exec \"$@\" 2>/dev/full", "sh"]).start();
    let run = server.run_order(&json!({ "email": "ann@example.com" }));
    assert_eq!(run["attributes"]["status"], "completed");
}
