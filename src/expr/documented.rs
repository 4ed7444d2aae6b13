//! Executes `docs/language.md`: every example evaluates to the documented result, and every operation is documented.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::base::time::Timestamp;

const PAGE: &str = include_str!("../../docs/language.md");

/// A table row: cells by column name.
type Row = BTreeMap<String, String>;

/// The rows of all tables on the page.
fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut columns: Vec<String> = Vec::new();
    for line in PAGE.lines() {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            columns.clear();
            continue;
        };
        let cells: Vec<String> = split_cells(cells);
        if columns.is_empty() {
            columns = cells;
        } else if !cells.iter().all(|cell| cell.starts_with("---")) {
            assert_eq!(columns.len(), cells.len(), "{line}");
            rows.push(columns.iter().cloned().zip(cells).collect());
        }
    }
    rows
}

/// Splits a line into cells at `|`, except at `\|`.
fn split_cells(line: &str) -> Vec<String> {
    const BAR: &str = "\u{0}";
    line.replace("\\|", BAR).split('|').map(|cell| cell.trim().replace(BAR, "|")).collect()
}

/// The code spans in a cell.
fn codes(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

fn scope() -> Scope {
    let start = PAGE.find("```json\n").unwrap() + "```json\n".len();
    let block = &PAGE[start..start + PAGE[start..].find("```").unwrap()];
    let data: Value = serde_json::from_str(block).unwrap();
    let mut scope = Scope::new();
    for (id, output) in data["steps"].as_object().unwrap() {
        scope.set_step(id, output.clone());
    }
    for (id, variable) in data["variables"].as_object().unwrap() {
        let text = |name: &str| variable[name].as_str().unwrap();
        scope.set_variable(id, text("name"), text("value").to_owned());
    }
    scope.set_error(data["error"].clone());
    let org = "6b03d5485cfbd68cca000001".parse().unwrap();
    scope.set_environment(Environment { org, workflow: org, run: org, app_version: "0.1.0" });
    scope.set_moment(Timestamp::parse("2024-02-29T12:00:00Z").unwrap(), 1);
    scope
}

#[test]
fn every_example_has_the_documented_result() {
    let mut wrong = Vec::new();
    let mut examples = 0;
    for row in rows() {
        let Some(cell) = row.get("example") else { continue };
        let example = codes(cell).pop().unwrap_or_else(|| panic!("no example: {row:?}"));
        examples += 1;
        let expression = Expr::compile(&json!(example)).unwrap_or_else(|faults| panic!("{example}: {faults:?}"));
        let value = expression.resolve_json(&scope(), "", &mut Vec::new());
        let value = value.unwrap_or_else(|error| panic!("{example}: {error}"));
        let result = value.map_or("nothing".to_owned(), |value| format!("`{value}`"));
        if result != row["gives"] {
            wrong.push(format!("{example}\n  is {result}\n  documented as {}", row["gives"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(examples > 120, "{examples}");
}

#[test]
fn every_operation_is_documented() {
    let on_page: BTreeMap<String, Row> =
        rows().into_iter().filter_map(|row| Some((codes(row.get("operation")?).remove(0), row))).collect();
    let usages: Vec<String> = operations::all().map(|operation| operation.usage()).collect();
    let missing: Vec<_> = usages.iter().filter(|usage| !on_page.contains_key(*usage)).collect();
    let unknown: Vec<_> = on_page.keys().filter(|usage| !usages.contains(usage)).collect();
    assert!(missing.is_empty() && unknown.is_empty(), "missing: {missing:?}, unknown: {unknown:?}");
    for operation in operations::all() {
        let row = &on_page[&operation.usage()];
        assert_eq!(codes(&row["also"]), operation.aliases, "{}", operation.name);
        // The example must use the operation, by any of its names.
        let mut names = operation.aliases.iter().chain([&operation.name]);
        assert!(names.any(|name| row["example"].contains(name)), "{}", operation.name);
    }
}
