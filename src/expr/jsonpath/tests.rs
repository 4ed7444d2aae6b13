use serde_json::{Value, json};

use super::*;

fn scope() -> Scope {
    let mut scope = Scope::new();
    scope.set_step(
        "1",
        json!({
            "items": [{ "sku": "a", "n": 1 }, { "sku": "b", "n": 2 }, { "sku": "b", "n": 2 }],
            "grid": [[1, 2], [3]],
            "it's \"x\"": { "@k": 7 },
            "words": "text",
        }),
    );
    scope
}

fn select(path: &str) -> Value {
    Value::Array(JsonPath::compile(path).unwrap().select(&scope()).unwrap())
}

#[test]
fn selects_values() {
    for (path, expected) in [
        ("$.steps.1.items[*].sku", json!(["a", "b", "b"])),
        ("$.steps['1'].items[0].sku", json!(["a"])),
        ("$.steps[\"1\"].items.*.n", json!([1, 2, 2])),
        ("$..sku", json!(["a", "b", "b"])),
        ("$..items..n", json!([1, 2, 2])),
        ("$..[1]", json!([{ "sku": "b", "n": 2 }, [3], 2])),
        ("$.steps.1.grid[0][1]", json!([2])),
        ("$.steps.1.grid[*][0]", json!([1, 3])),
        ("$.steps.1.grid[0:1][*]", json!([1, 2])),
        ("$.steps.1.items[1:].n", json!([2, 2])),
        ("$.steps.1.items[:1].n", json!([1])),
        ("$.steps.1.items[:].n", json!([1, 2, 2])),
        ("$.steps.1.items[::-2].n", json!([2, 1])),
        ("$.steps.1.items[-1].sku", json!(["b"])),
        ("$.steps.1.items[ 2, 0 ] .n", json!([2, 1])),
        ("$.steps.1['words', 'none']", json!(["text"])),
        ("$.steps.1['it\\'s \"x\"']['\\u0040k']", json!([7])),
        ("$.steps.1.items[9]", json!([])),
        ("$.steps.1[0]", json!([])),
        ("$.steps.1.words[0]", json!([])),
        ("$.steps.1.missing[*].x", json!([])),
        ("$.steps.1.items[?(@.n == 2 && @.sku == 'b')].n", json!([2, 2])),
        ("$.steps.1.items[?@.n == 2].n", json!([2, 2])),
        ("$.steps.1.items[?@.x <= @.y].n", json!([1, 2, 2])),
        ("$.steps.1.items[?@.n<2||@.sku=='b'].n", json!([1, 2, 2])),
        ("$.steps.1.items[?!(@.n > 1 || @.x)].n", json!([1])),
        ("$.steps.1.items[?@.sku == $.steps.1.items[0].sku].n", json!([1])),
        ("$.steps.1.items[?(@.sku)][?(@ == 'a')]", json!(["a"])),
        ("$.steps.1.grid[?(@[1] == 2)][0]", json!([1])),
        ("$.steps.1.grid[?length(@) == 1][0]", json!([3])),
        ("$.steps.1.grid[?count(@.*) == 2][0]", json!([1])),
        ("$.steps.1.items[?match(@.sku, '[bc]')].n", json!([2, 2])),
        ("$.steps.1[?search(@, 'ex')]", json!(["text"])),
        ("$.steps.*.words", json!(["text"])),
    ] {
        assert_eq!(select(path), expected, "{path}");
    }
}

#[test]
fn mistakes_have_a_reason() {
    for (path, reason) in [
        ("$. a", "column 3: expected a name"),
        ("$.steps.a ", "column 10: expected `.`"),
        ("$.steps[01]", "without leading zeros"),
        ("$.steps[0 1]", "expected `]` or `,`"),
        ("$.steps['a\\x']", "`\\x` is not an escape"),
        ("$.steps['a", "closing quote is missing"),
        ("$.steps.", "expected a name"),
        ("$.steps[?(@.a", "expected `)`"),
        ("$.steps[?@.a = 1]", "expected `]` or `,`"),
        ("$.steps[?@.a == x]", "a quoted text, `true`"),
        ("$.steps[?@.* == 1]", "use `count` or `value`"),
        ("$.steps[?1]", "a value is not a test"),
        ("$.steps[?lenth(@) == 1]", "unknown function `lenth`; did you mean `length`?"),
        ("$.steps[?length(@, 1) == 1]", "`length` takes 1 argument, not 2"),
        ("$.steps[?match(@, 'a') == true]", "can't be compared"),
        ("$.stps[*]", "cannot start with `stps`"),
        ("$.steps[99999999999999999999]", "is not an index"),
    ] {
        let message = JsonPath::compile(path).unwrap_err().message;
        assert!(message.contains(reason), "{path}: {message}");
    }
    assert!(JsonPath::compile(&format!("$.steps{}", ".a".repeat(64))).is_err());
    assert!(JsonPath::compile(&format!("$[?{}@{}]", "(".repeat(1000), ")".repeat(1000))).is_err());
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
fn results_and_work_are_limited() {
    let mut scope = Scope::new();
    scope.set_step("1", json!(vec![0; RESULTS_MAX + 1]));
    let error = |path: &str| JsonPath::compile(path).unwrap().select(&scope).unwrap_err().to_string();
    assert_eq!(error("$.steps.1[*]"), "the JSONPath `/#$.steps.1[*]` selects 10001 values; the limit is 10000");
    for path in ["$.steps.1[?count($..*) == 1]", "$..[?$..[?$..*]]", "$.steps.1[?search('a', $.steps.1[0])]"] {
        let started = std::time::Instant::now();
        let result = JsonPath::compile(path).unwrap().select(&scope);
        // Generous, because tests run unoptimised and in parallel.
        assert!(started.elapsed().as_secs() < 5, "{path}");
        let error = result.unwrap_err().to_string();
        assert_eq!(error, format!("the JSONPath `/#{path}` looks at more than 1000000 values"));
    }
}

/// Selectors that are combined to paths; the last ones are invalid.
const SELECTORS: [&str; 63] = [
    ".a",
    ".*",
    "..a",
    "..*",
    "['a']",
    "[\"b c\"]",
    "[0]",
    "[-1]",
    "[9]",
    "[-9]",
    "[1:]",
    "[:-1]",
    "[::2]",
    "[::-1]",
    "[5:0:-2]",
    "[0:2:0]",
    "[-2:]",
    "[*]",
    "[0,1]",
    "['a','d']",
    "[0, *, 'a']",
    "[ 1 ]",
    "..[0]",
    "..[?@.a]",
    " .a",
    "[?@]",
    "[?@.a]",
    "[?!@.a]",
    "[?(@.a)]",
    "[?@.a==1]",
    "[?@.a == 1.0]",
    "[?@.a!=1]",
    "[?@.a<2]",
    "[?@>='b']",
    "[?@.a && @.d]",
    "[?@.a || @.d && @.x]",
    "[?!(@.a && @.d)]",
    "[?@.a==@.d]",
    "[?@.x==@.y]",
    "[?@==$[0]]",
    "[?@==null]",
    "[?@==true]",
    "[?@=='\\u00e9\\n']",
    "[?@[0]==1]",
    "[?@.*]",
    "[?@..a]",
    "[?length(@)>1]",
    "[?length(@.a)==1]",
    "[?count(@.*)>1]",
    "[?value(@..a)==1]",
    "[?match(@,'[a-c]+')]",
    "[?search(@,'b')]",
    "[?!match(@,'.')]",
    "[?@<3,?@=='abc']",
    "[?@.a==-0]",
    "[?@[?@>1]]",
    "[01]",
    "[?1]",
    "[?@.*==1]",
    "[?match(@,1)==1]",
    "[",
    ".",
    "[?@.a==]",
];

/// Every path of up to two selectors has the same meaning as in serde_json_path, another implementation of RFC 9535.
/// The number of paths is stated in `docs/language.md`.
#[test]
fn paths_agree_with_another_implementation() {
    let documents = [
        json!({ "a": 1, "b c": { "a": [1, 2, { "a": null }] }, "d": "abc", "é": [true, "é\n"] }),
        json!([1, "abc", [1, [2, 3], { "a": 1 }], { "a": 1.0, "d": 1 }, { "a": { "a": 2 }, "d": [] }, null, "", true, 3]),
    ];
    let empty = [""];
    let (mut paths, mut differences) = (0, Vec::new());
    for first in SELECTORS {
        for second in empty.iter().chain(&SELECTORS) {
            let path = format!("${first}{second}");
            let (ours, theirs) = (parse::query(&path), serde_json_path::JsonPath::parse(&path));
            let agree = match (&ours, &theirs) {
                (Ok(ours), Ok(theirs)) => documents.iter().all(|document| {
                    let meter = Meter::with_limit(VISITS_MAX, None, None);
                    let found = Walk { root: document, meter: &meter }.select(ours, document).unwrap();
                    found == theirs.query(document).all()
                }),
                (ours, theirs) => ours.is_ok() == theirs.is_ok(),
            };
            paths += 1;
            if !agree {
                differences.push(path);
            }
        }
    }
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/language.md")).unwrap();
    let stated = format!("the same meaning as in serde_json_path in {} of {paths} cases", paths - differences.len());
    assert!(page.contains(&stated), "state it if there are more than before: {stated}; these differ: {differences:?}");
}
