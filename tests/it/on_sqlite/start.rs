//! Starting on a file: a clear error for every reason not to.

use super::{bare, server};
use crate::support::ServerBuilder;
use crate::support::program::refusal;

#[test]
fn a_database_in_a_folder_that_does_not_exist_is_refused() {
    let builder = bare().arguments(&["--database-url", "sqlite:nowhere/hookflow.db"]);
    assert_eq!(
        refusal(builder),
        "error: the folder `nowhere` does not exist; create it, or choose another file with --database-url"
    );
}

#[test]
fn a_database_that_is_a_folder_is_refused() {
    let builder = bare().arguments(&["--database-url", "sqlite:workflows"]);
    let error = refusal(builder);
    assert!(error.starts_with("error: can't open the database `workflows` for writing: "), "{error}");
}

#[test]
fn a_database_in_a_folder_that_takes_no_files_is_refused() {
    let builder = bare().arguments(&["--database-url", "sqlite:/proc/hookflow.db"]);
    let error = refusal(builder);
    assert!(error.starts_with("error: can't open the database `/proc/hookflow.db` for writing: "), "{error}");
}

#[test]
fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let builder = bare();
    let path = builder.directory().join("hookflow.db");
    std::fs::write(&path, "Dear diary, today I wrote a file that is long enough to look like a database. ".repeat(100))
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    let directory = builder.shared_directory();
    assert_eq!(refusal(builder), "error: can't open the database `hookflow.db` for writing: file is not a database");
    assert_eq!(std::fs::read(directory.path().join("hookflow.db")).unwrap(), before);
}

#[test]
fn a_database_of_a_newer_version_is_refused_and_left_as_it_is() {
    let server = server().start();
    let directory = server.directory();
    assert!(server.stop().success());
    directory.execute("INSERT INTO __diesel_schema_migrations (version) VALUES ('29991231000001')");
    assert_eq!(
        refusal(ServerBuilder::in_directory(directory.clone())),
        "error: the database `hookflow.db` was written by a newer version of hookflow (migration 29991231000001 is \
         unknown here); start that version, or restore a backup"
    );
    directory.execute("DELETE FROM __diesel_schema_migrations WHERE version = '29991231000001'");
    ServerBuilder::in_directory(directory).start().get("/v1/hooks").expect(200);
}

#[test]
fn a_second_process_on_the_same_database_is_refused() {
    let server = server().start();
    assert_eq!(
        refusal(ServerBuilder::in_directory(server.directory())),
        "error: another hookflow process uses the database `hookflow.db`; stop it first, or choose another file \
         with --database-url"
    );
    server.get("/v1/hooks").expect(200);
}
