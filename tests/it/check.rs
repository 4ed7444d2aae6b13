//! `hookflow check`: what it says of files, as a compiler would, and its exit code.

use std::fs::write;

use tempfile::TempDir;

use crate::support::orders_bundle;
use crate::support::program::{Said, hookflow};

/// A file with every kind of mistake, shared with the checker's own tests.
const MISTAKES: &str = include_str!("../../src/workflow/fixtures/mistakes.json");

fn folder() -> TempDir {
    TempDir::new().expect("a temporary folder can be made")
}

/// What `check` says of one file.
fn check(text: impl AsRef<[u8]>, arguments: &[&str]) -> Said {
    let folder = folder();
    write(folder.path().join("file.json"), text).expect("a file can be written");
    hookflow(folder.path(), &[&["check", "file.json"], arguments].concat())
}

#[test]
fn every_kind_of_mistake_is_shown_at_its_place() {
    let said = check(MISTAKES, &[]);
    assert_eq!(said.code, Some(1));
    assert_eq!(said.errors, "");
    insta::assert_snapshot!(said.output);
}

#[test]
fn a_file_without_mistakes_passes() {
    let said = check(orders_bundle(), &["--strict"]);
    assert_eq!((said.code, said.output.as_str()), (Some(0), "1 file: 0 errors, 0 warnings\n"));
}

#[test]
fn the_files_of_a_folder_are_checked_together() {
    let folder = folder();
    let mut bundle: serde_json::Value = serde_json::from_str(&orders_bundle()).unwrap();
    let workflow = bundle["workflows"][0].take();
    bundle.as_object_mut().unwrap().remove("workflows");
    std::fs::create_dir(folder.path().join("all")).unwrap();
    write(folder.path().join("all/declarations.json"), bundle.to_string()).unwrap();
    write(folder.path().join("all/workflow.json"), workflow.to_string()).unwrap();
    let said = hookflow(folder.path(), &["check", "all"]);
    assert_eq!((said.code, said.output.as_str()), (Some(0), "2 files: 0 errors, 0 warnings\n"));
    let said = hookflow(folder.path(), &["check", "all/workflow.json"]);
    assert_eq!(said.code, Some(1));
    assert!(said.output.contains("error: unknown klass `order`\n"), "{}", said.output);
}

#[test]
fn a_text_that_can_not_be_stored_is_shown_at_its_place() {
    let said = check(
        r#"{"hooks": [{"name": "x", "type": "form", "title": "\u0000", "description": "a\u0000"}],
            "klasses": [{"name": "y", "displayName": "\u0000"}]}"#,
        &[],
    );
    assert_eq!(said.code, Some(1));
    assert_eq!(said.output.matches("error: contains the character U+0000, which can't be stored\n").count(), 3);
    let places = ["/hooks/0/title", "/hooks/0/description", "/klasses/0/displayName"];
    assert!(places.iter().all(|place| said.output.contains(place)), "{}", said.output);
}

#[test]
fn a_warning_fails_the_check_only_if_it_is_strict() {
    let lonely = r#"{"name": "x", "trigger": {"id": "1", "eventName": "hooks.form.nobody.receive", "transitions":
      [{"target": "2", "condition": {"op": "true", "values": [true]}}]}, "steps": [{"id": "2"}]}"#;
    let (lenient, strict) = (check(lonely, &[]), check(lonely, &["--strict"]));
    assert_eq!((lenient.code, strict.code), (Some(0), Some(1)));
    assert_eq!(lenient.output, strict.output);
    insta::assert_snapshot!(lenient.output);
}

#[test]
fn a_syntax_error_is_shown_at_its_place() {
    let said = check("{\n  \"workflows\": [,]\n}\n", &[]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.output);
}

#[test]
fn a_file_that_is_missing_or_not_text_is_an_error_beside_those_of_others() {
    let folder = folder();
    write(folder.path().join("latin1.json"), b"{\"name\": \"caf\xE9\"}").unwrap();
    write(folder.path().join("broken.json"), "[").unwrap();
    let said = hookflow(folder.path(), &["check", "missing.json", "latin1.json", "broken.json"]);
    assert_eq!(said.code, Some(1));
    insta::assert_snapshot!(said.output);
}

#[test]
fn a_folder_without_files_has_no_problems() {
    let folder = folder();
    let said = hookflow(folder.path(), &["check", "."]);
    assert_eq!((said.code, said.output.as_str()), (Some(0), "0 files: 0 errors, 0 warnings\n"));
}

#[test]
fn check_without_files_shows_how_it_is_used() {
    let said = hookflow(folder().path(), &["check"]);
    assert_eq!(said.code, Some(2));
    assert!(said.errors.contains("Usage: hookflow check"), "{}", said.errors);
}

#[test]
fn control_characters_of_a_file_do_not_reach_the_terminal() {
    let said = check("{\"work\u{9b}31mflows\": [], \"\\u001b[31m\": 1}", &[]);
    assert_eq!(said.code, Some(1));
    assert!(!said.output.chars().any(|character| character.is_control() && character != '\n'), "{:?}", said.output);
}
