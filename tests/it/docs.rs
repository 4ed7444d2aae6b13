//! The pages of the documentation: their links lead somewhere, and the table of limits agrees with the source.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use hookflow::door::Reason;
use hookflow::http::errors::Code;
use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All pages: those at the top and those in `docs`, each with its text outside of code blocks.
fn pages() -> BTreeMap<PathBuf, String> {
    let files =
        |folder: &Path| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    let paths = files(root()).into_iter().chain(files(&root().join("docs")));
    let pages = paths.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    pages.map(|path| (path.clone(), without_code_blocks(&std::fs::read_to_string(path).unwrap()))).collect()
}

fn without_code_blocks(page: &str) -> String {
    let mut is_code = false;
    let lines = page.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The anchors of a page: what its headings are linked by.
fn anchors(page: &str) -> BTreeSet<String> {
    let headings = page.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let anchor = |heading: &str| {
        let kept = heading.chars().filter(|char| char.is_alphanumeric() || ['-', '_', ' '].contains(char));
        kept.collect::<String>().to_lowercase().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_between_pages_leads_somewhere() {
    let pages = pages();
    let link = Regex::new(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)").unwrap();
    let mut links = 0;
    let mut broken = Vec::new();
    for (path, text) in &pages {
        for found in link.captures_iter(text) {
            let (file, anchor) = (&found[1], found.get(2).map(|anchor| anchor.as_str()));
            if file.starts_with("http") {
                continue;
            }
            links += 1;
            let target = if file.is_empty() { path.clone() } else { path.parent().unwrap().join(file) };
            let target = target.canonicalize().unwrap_or(target);
            let leads_somewhere = match (pages.get(&target), anchor) {
                (Some(page), Some(anchor)) => anchors(page).contains(anchor),
                (_, _) => target.exists(),
            };
            if !leads_somewhere {
                broken.push(format!("{}: {}", path.display(), &found[0]));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(links > 150, "only {links} links were found");
}

/// All numbers in a file or in a folder's files, without comments. A hexadecimal one counts as itself and as one more,
/// since it tends to be the largest number instead of how many there are.
fn numbers_in(path: &Path) -> BTreeSet<u64> {
    if path.is_dir() {
        return std::fs::read_dir(path).unwrap().flat_map(|entry| numbers_in(&entry.unwrap().path())).collect();
    }
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let text = Regex::new(r"(?m)^\s*//.*$").unwrap().replace_all(&text, "").replace('_', "");
    let hexadecimal = Regex::new(r"0x([0-9A-Fa-f]+)").unwrap();
    let largest = hexadecimal.captures_iter(&text).filter_map(|found| u64::from_str_radix(&found[1], 16).ok());
    let decimal = Regex::new(r"\b\d+").unwrap();
    let plain = decimal.find_iter(&text).filter_map(|found| found.as_str().parse().ok());
    largest.map(|number| number.saturating_add(1)).chain(plain).collect()
}

#[test]
fn the_table_of_error_codes_is_that_of_the_source() {
    let page = std::fs::read_to_string(root().join("docs/http-api.md")).unwrap();
    let row = Regex::new(r"(?m)^\| (\d{3}) \| `([a-z_]+)` \|").unwrap();
    let documented: BTreeSet<(u16, String)> =
        row.captures_iter(&page).map(|row| (row[1].parse().unwrap(), row[2].to_owned())).collect();
    let codes = Code::ALL.map(|code| (code.row().0, code.row().1.to_owned()));
    assert_eq!(documented, BTreeSet::from(codes));
}

#[test]
fn the_reasons_of_refusals_are_those_of_the_source() {
    let page = std::fs::read_to_string(root().join("docs/operation.md")).unwrap();
    let list = page.split("The reasons are ").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list");
    let name = Regex::new("`([a-z_]+)`").unwrap();
    let documented: BTreeSet<&str> = name.captures_iter(list).map(|name| name.extract::<1>().1[0]).collect();
    assert_eq!(documented, BTreeSet::from(Reason::ALL.map(|(_, name)| name)));
}

#[test]
fn the_numbers_in_the_table_of_limits_are_in_the_files_that_it_names() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).unwrap();
    let table = page.split_once("| what | limit | where |\n").unwrap().1;
    let rows: Vec<&str> = table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 60, "{}", rows.len());
    let number = Regex::new(r"(\d[\d,]*)(?: (s|KiB|MiB)\b)?").unwrap();
    let mut wrong = Vec::new();
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").collect();
        let [_, limit, files] = cells[..] else { panic!("three cells in {row}") };
        let files = files.split('`').skip(1).step_by(2);
        let in_files: BTreeSet<u64> = files.flat_map(|file| numbers_in(&root().join("src").join(file))).collect();
        for found in number.captures_iter(limit) {
            let value: u64 = found[1].replace(',', "").parse().unwrap();
            let scale = match found.get(2).map(|unit| unit.as_str()) {
                Some("s") => 1_000,
                Some("KiB") => 1_024,
                Some("MiB") => 1_048_576,
                _ => 1,
            };
            if !in_files.contains(&value) && !in_files.contains(&(value * scale)) {
                wrong.push(format!("{} is not in {row}", &found[0]));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
