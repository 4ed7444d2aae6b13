//! Any text is a workflow file, or gets errors that have a place; what is accepted can be run, and exports are imported.
#![no_main]

use hookflow::catalog::Snapshot;
use hookflow::workflow::{Source, check};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let source = Source { file: "fuzz.json", text };
    let checked = check(&[source], &Snapshot::known_to_nobody());
    for diagnostic in &checked.diagnostics {
        assert!(!diagnostic.message.is_empty());
        assert!(diagnostic.line > 0 && diagnostic.column > 0, "no place: {diagnostic:?}");
        assert!(!diagnostic.render(Some(text)).is_empty());
    }
});
