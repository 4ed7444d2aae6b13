use serde_json::json;

use super::*;

fn select(path: &str) -> Value {
    let data = json!({ "steps": { "1": {
        "items": [{ "sku": "a", "n": 1 }, { "sku": "b", "n": 2 }, { "sku": "b", "n": 2 }],
        "grid": [[1, 2], [3]],
        "it's \"x\"": { "@k": 7 },
        "words": "text"
    } } });
    Value::Array(JsonPath::compile(path).unwrap().select(&data).unwrap())
}

#[test]
fn selects_values() {
    for (path, expected) in [
        ("$.steps.1.items[*].sku", json!(["a", "b", "b"])),
        ("$.steps['1'].items[0].sku", json!(["a"])),
        ("$.steps[\"1\"].items.*.n", json!([1, 2, 2])),
        ("$..sku", json!(["a", "b", "b"])),
        ("$.steps.1.grid[0][1]", json!([2])),
        ("$.steps.1.grid[*][0]", json!([1, 3])),
        ("$.steps.1.grid[0:1][*]", json!([1, 2])),
        ("$.steps.1.items[1:].n", json!([2, 2])),
        ("$.steps.1.items[:1].n", json!([1])),
        ("$.steps.1.items[:].n", json!([1, 2, 2])),
        ("$.steps.1.items[9]", json!([])),
        ("$.steps.1[0]", json!([])),
        ("$.steps.1.words[0]", json!([])),
        ("$.steps.1.missing[*].x", json!([])),
        ("$.steps.1.items[?(@.n == 2 && @.sku == 'b')].n", json!([2, 2])),
        ("$.steps.1.items[?(@.n<2||@.sku=='b')].n", json!([1, 2, 2])),
        ("$.steps.1.items[?(@.sku)][?(@ == 'a')]", json!(["a"])),
        ("$.steps.1.grid[?(@[1] == 2)][0]", json!([1])),
        ("$.steps.*.words", json!(["text"])),
    ] {
        assert_eq!(select(path), expected, "{path}");
    }
}

#[test]
fn rejects_unsupported_syntax() {
    for (path, reason) in [
        ("$ .a", "column 2: expected `.`"),
        ("$.steps .a", "expected `.`"),
        ("$.steps[ 0]", "spaces are not allowed"),
        ("$.steps[0,1]", "unions are not supported"),
        ("$.steps['a','b']", "unions are not supported"),
        ("$.steps[-1]", "negative indexes"),
        ("$.steps[0:1:2]", "slices with a step"),
        ("$.steps['a\\n']", "escapes"),
        ("$.steps['a", "closing quote is missing"),
        ("$..a..b", "only one `..`"),
        ("$..[0]", "expected a name"),
        ("$.steps.", "expected a name"),
        ("$.steps[?(@[0,1])]", "unions are not supported"),
        ("$.steps[?(@.a", "expected `)`"),
        ("$.stps[*]", "cannot start with `stps`"),
        ("$.steps[99999999999]", "at most 9 digits"),
    ] {
        let message = JsonPath::compile(path).unwrap_err().message;
        assert!(message.contains(reason), "{path}: {message}");
    }
    assert!(JsonPath::compile(&format!("$.steps{}", ".a".repeat(64))).is_err());
}

#[test]
fn paths_have_subjects() {
    let subject = |path: &str| JsonPath::compile(path).unwrap().subject();
    let step = |id: &str| Some(Subject::Step(id.to_owned()));
    assert_eq!(subject("$.steps.1.x"), step("1"));
    assert_eq!(subject("$['steps']['a b']"), step("a b"));
    assert_eq!(subject("$.steps[\"2\"][*]"), step("2"));
    assert_eq!(subject("$.variables.key"), Some(Subject::Variable("key".to_owned())));
    assert_eq!((subject("$.steps[*].x"), subject("$..x"), subject("$.error.code")), (None, None, None));
    assert!(JsonPath::compile("$._env.orgId").unwrap_err().help.is_some());
}

#[test]
fn too_many_results_are_an_error() {
    let data = json!({ "steps": { "1": vec![0; RESULTS_MAX + 1] } });
    let error = JsonPath::compile("$.steps.1[*]").unwrap().select(&data).unwrap_err();
    assert_eq!(error.to_string(), "the JSONPath `/#$.steps.1[*]` selects 10001 values; the limit is 10000");
}
