//! Executes the mapping table in `docs/http-api.md`.

use bytes::Bytes;
use serde_json::Value;

use super::{Content, Notes};

const PAGE: &str = include_str!("../../docs/http-api.md");

#[test]
fn the_documented_mapping_holds() {
    let table = PAGE.split_once("| content type | body | `data` |\n").unwrap().1;
    let rows: Vec<&str> = table.lines().skip(1).take_while(|line| line.starts_with('|')).collect();
    assert!(rows.len() >= 20, "{rows:?}");
    for row in rows {
        // A cell is a code span, or empty.
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(|cell| cell.trim().trim_matches('`')).collect();
        let [content_type, body, expected] = cells[..] else { panic!("three cells in {row}") };
        let content = Content::of((!content_type.is_empty()).then_some(content_type), None).unwrap();
        let body = Bytes::from(body.replace("\\r\\n", "\r\n"));
        let data = content.read(&body, &mut Notes::default()).unwrap_or_else(|error| panic!("{row}: {error}"));
        assert_eq!(data, serde_json::from_str::<Value>(expected).unwrap(), "{row}");
    }
}
