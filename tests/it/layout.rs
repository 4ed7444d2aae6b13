//! The layout of the source is the architecture: folders of `src` import each other in one direction only.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use regex::Regex;

/// Which folders each folder imports, with one file that does.
type Imports = BTreeMap<String, BTreeMap<String, PathBuf>>;

#[test]
fn folders_of_the_source_import_each_other_in_one_direction() {
    let imports = read_imports(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(imports.len() > 15, "only {} folders were found", imports.len());
    assert!(
        imports["engine"].contains_key("store"),
        "the engine imports the store, so the imports were not read right"
    );
    let circle = find_circle(&imports).map(|circle| describe(&circle, &imports));
    assert!(circle.is_none(), "{}", circle.unwrap_or_default());
}

/// The map in `docs/architecture.md` has all rooms, and says of none that it uses what it does not import.
#[test]
fn the_map_says_what_rooms_import() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let imports = read_imports(&root.join("src"));
    let text = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    let row = Regex::new(r"(?m)^\| `([a-z_]+)/`.*\|([^|]*)\|$").unwrap();
    let name = Regex::new("`([a-z_]+)`").unwrap();
    let mut rooms = BTreeSet::new();
    for found in row.captures_iter(&text) {
        let room = found[1].to_owned();
        for used in
            name.captures_iter(&found[2]).map(|used| used[1].to_owned()).filter(|used| imports.contains_key(used))
        {
            assert!(imports[&room].contains_key(&used), "{room} does not import {used}");
        }
        rooms.insert(room);
    }
    let all: BTreeSet<String> = imports.into_keys().collect();
    assert_eq!(rooms, all, "rooms in the map, and folders of src");
}

#[test]
fn a_circle_is_found_and_described() {
    let import = |to: &str, file: &str| (to.to_owned(), PathBuf::from(file));
    let imports = Imports::from([
        ("api".to_owned(), BTreeMap::from([import("door", "api/hooks.rs"), import("base", "api/mod.rs")])),
        ("door".to_owned(), BTreeMap::from([import("base", "door/mod.rs"), import("http", "door/receive.rs")])),
        ("http".to_owned(), BTreeMap::from([import("api", "http/errors.rs")])),
    ]);
    let circle = find_circle(&imports).expect("api, door and http import each other");
    let described = describe(&circle, &imports);
    assert_eq!(
        described,
        "folders of src import each other in a circle:\n\
         api imports door in api/hooks.rs\ndoor imports http in door/receive.rs\nhttp imports api in http/errors.rs\n"
    );
}

fn read_imports(src: &Path) -> Imports {
    let mut imports = Imports::new();
    let path = Regex::new(r"\bcrate::(?:\{([^}]*)\}|([a-z_]+))").unwrap();
    let comment = Regex::new(r"(?m)^\s*//.*$").unwrap();
    for file in rust_files(src) {
        let relative = file.strip_prefix(src).unwrap();
        let mut components = relative.components();
        let (Some(folder), Some(_)) = (components.next(), components.next()) else { continue };
        let folder = folder.as_os_str().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let text = comment.replace_all(&text, "");
        let targets = imports.entry(folder.clone()).or_default();
        for found in path.captures_iter(&text) {
            let group = found.get(1).or(found.get(2)).unwrap().as_str();
            for name in group.split(',').filter_map(|name| name.trim().split("::").next()) {
                if src.join(name).is_dir() && name != folder && !name.is_empty() {
                    targets.entry(name.to_owned()).or_insert_with(|| relative.to_owned());
                }
            }
        }
    }
    imports
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// The first circle in alphabetical order, from one of its folders to the last before that one again.
fn find_circle(imports: &Imports) -> Option<Vec<String>> {
    fn visit(folder: &str, imports: &Imports, trail: &mut Vec<String>, done: &mut BTreeSet<String>) -> bool {
        if let Some(start) = trail.iter().position(|earlier| earlier == folder) {
            trail.drain(..start);
            return true;
        }
        if done.contains(folder) {
            return false;
        }
        trail.push(folder.to_owned());
        for target in imports.get(folder).into_iter().flat_map(BTreeMap::keys) {
            if visit(target, imports, trail, done) {
                return true;
            }
        }
        trail.pop();
        done.insert(folder.to_owned());
        false
    }
    let (mut trail, mut done) = (Vec::new(), BTreeSet::new());
    imports.keys().any(|folder| visit(folder, imports, &mut trail, &mut done)).then_some(trail)
}

fn describe(circle: &[String], imports: &Imports) -> String {
    let mut text = "folders of src import each other in a circle:\n".to_owned();
    for (index, folder) in circle.iter().enumerate() {
        let next = &circle[(index + 1) % circle.len()];
        text.push_str(&format!("{folder} imports {next} in {}\n", imports[folder][next].display()));
    }
    text
}
