//! How much has to be built before the first hook: the crates behind hookflow, counted.

use std::collections::BTreeSet;
use std::process::Command;

/// How many crates a release build compiles, hookflow itself included. Each costs everyone who builds hookflow time, and is
/// code to be trusted: lower this number with every crate that goes, and raise it only with a reason in the commit.
const CRATES: usize = 336;

#[test]
fn no_crate_comes_in_unnoticed() {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"])
        .args(["--target", "x86_64-unknown-linux-gnu"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo can be run");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8_lossy(&tree.stdout);
    let names = text.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
    let crates: BTreeSet<String> = names.filter(|name| !name.is_empty()).collect();
    assert_eq!(
        crates.len(),
        CRATES,
        "the number of crates has changed; `cargo tree --edges normal,build --duplicates` shows what came twice. If the \
         change is meant, write the new number here"
    );
}
