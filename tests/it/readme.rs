//! The commands of the README: each is executed, in order, and prints what the page says.

use std::process::Command;

use regex::Regex;

use crate::support::Server;
use crate::support::program::Said;

/// A command, and what the page says that it prints.
struct Example {
    command: String,
    output: String,
}

/// The examples in all blocks of console text: a command stands after `$ `, and goes on where a line ends with `\`.
fn examples(page: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut is_command = false;
    for block in page.split("```console\n").skip(1) {
        for line in block.split("\n```").next().unwrap().lines() {
            match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push(Example { command: command.into(), output: String::new() }),
                (None, Some(example)) if is_command => example.command += &format!("\n{line}"),
                (None, Some(example)) => example.output += line.trim_start(),
                (None, None) => panic!("{line} is printed by no command"),
            }
            is_command = line.ends_with('\\') && examples.last().is_some_and(|example| example.output.is_empty());
        }
    }
    examples
}

/// Text with every id, time, key and address replaced, since those differ each time.
fn without_variable_parts(text: &str) -> String {
    let variable = r"hf_[0-9a-f]{64}|[0-9a-f]{64}|[0-9a-f]{24}|\d{4}-\d\d-\d\dT[\d:.]+Z|127\.0\.0\.1:\d+";
    Regex::new(variable).unwrap().replace_all(text, "*").into_owned()
}

#[test]
fn every_command_of_the_readme_prints_what_the_page_says() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let server = Server::start();
    let mut examples = examples(&page).into_iter();

    let start = examples.next().unwrap();
    assert_eq!(start.command, "cargo run --release");
    let shown = start.output.rsplit_once("hookflow listens on").unwrap().1;
    let printed: String = server.output().lines().map(str::trim_start).collect();
    assert!(without_variable_parts(&printed).contains(&without_variable_parts(shown)), "{printed}");

    let mut executed = 0;
    for Example { command, output } in examples {
        // What the reader is to copy from the program's output.
        if command.starts_with("export ") {
            continue;
        }
        server.wait_for_runs();
        let runs = server.get("/v1/runs").expect(200);
        let run = |place: usize| runs["data"][place]["id"].as_str().unwrap_or_default();
        let mut shell = Command::new("sh");
        shell.args(["-c", &command.replace("127.0.0.1:8080", server.address())]);
        shell.env("KEY", &server.admin_key).env("HOOK", server.hook_url("orders"));
        shell.env("FIRST", run(1)).env("SECOND", run(0));
        let said = Said::new(&shell.output().unwrap());
        // The parts that stand between `…` follow each other in what the command prints.
        let printed = without_variable_parts(&said.output);
        let mut rest = printed.as_str();
        for part in without_variable_parts(&output).split('…') {
            let place = rest.find(part).unwrap_or_else(|| panic!("{command}\nprints no {part}\nin {rest}\n{said:?}"));
            rest = &rest[place + part.len()..];
        }
        executed += 1;
    }
    assert_eq!(executed, 6);
}
