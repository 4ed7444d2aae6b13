use proptest::prelude::*;
use serde_json::json;

use super::*;

fn scope() -> Scope {
    let mut scope = Scope::new();
    scope.set_step(
        "1",
        json!({ "attributes": { "data": { "email": "a@b.c", "total": "12.5", "items": [{ "sku": "x" }] } } }),
    );
    scope.set_step("2", json!({ "id": "abc", "nothing": null }));
    scope
}

fn resolve(value: Value) -> (Option<Value>, Vec<(String, String)>) {
    let mut notes = Vec::new();
    let result = Expr::compile(&value).unwrap().resolve(&scope(), "/params", &mut notes).unwrap();
    (result, notes.into_iter().map(|note| (note.pointer, note.expression)).collect())
}

#[test]
fn every_form_resolves() {
    for (value, expected) in [
        (json!("/#steps.2.id"), json!("abc")),
        (json!("/#steps.2.nothing"), json!(null)),
        (json!("/#steps.1.attributes.data.items"), json!([{ "sku": "x" }])),
        (json!("/#$.steps.1.attributes.data.items[*].sku"), json!(["x"])),
        (json!("/#$.steps.9[*]"), json!([])),
        (json!("/#fn:parseFloat,steps.1.attributes.data.total"), json!(12.5)),
        (json!("Order {{{steps.2.id}}}"), json!("Order abc")),
        (json!("Order /#steps.2.id"), json!("Order /#steps.2.id")),
        (json!({ "a": ["/#steps.2.id", 1, { "b": "x" }] }), json!({ "a": ["abc", 1, { "b": "x" }] })),
    ] {
        assert_eq!(resolve(value.clone()), (Some(expected), vec![]), "{value}");
    }
}

#[test]
fn missing_parts_are_left_out_and_noted() {
    let note = |pointer: &str, expression: &str| (pointer.to_owned(), expression.to_owned());
    assert_eq!(resolve(json!("/#steps.3.id")), (None, vec![note("/params", "/#steps.3.id")]));
    let nested =
        json!({ "a/b": "/#steps.3.id", "c": [1, "/#variables.x", "{{steps.3}}"], "d": "/#fn:parseInt,steps.2.id" });
    assert_eq!(
        resolve(nested),
        (
            Some(json!({ "c": [1, null, ""] })),
            vec![
                note("/params/a~1b", "/#steps.3.id"),
                note("/params/c/1", "/#variables.x"),
                note("/params/c/2", "{{steps.3}}"),
                note("/params/d", "/#fn:parseInt,steps.2.id"),
            ]
        )
    );
}

#[test]
fn faults_and_mentions_have_pointers() {
    let faults =
        Expr::compile(&json!({ "a": ["/#stps.1", "/#fn:x,steps.1"], "b": "/#{{steps.1}}", "c": "{{" })).unwrap_err();
    let pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/a/0", "/a/1", "/b", "/c"]);
    let expression =
        json!({ "a": ["/#steps.1.x", "/#$.steps['2 3'].x"], "b": "{{steps.4.x}}", "c": "/#fn:parseInt,steps.5" });
    let mentions = Expr::compile(&expression).unwrap().mentions();
    let mentions: Vec<_> = mentions.iter().map(|mention| (mention.pointer.as_str(), mention.step.as_str())).collect();
    assert_eq!(mentions, [("/a/0", "1"), ("/a/1", "2 3"), ("/b", "4"), ("/c", "5")]);
}

#[test]
fn literals_are_known_and_long_expressions_refused() {
    assert_eq!(Expr::compile(&json!({ "a": [1] })).unwrap().as_literal(), Some(&json!({ "a": [1] })));
    assert!(Expr::compile(&json!(["/#steps.1"])).unwrap().as_literal().is_none());
    assert!(Expr::compile(&json!("x".repeat(SOURCE_MAX + 1))).is_ok());
    assert!(Expr::compile(&json!(format!("{{{{steps.1}}}}{}", "x".repeat(SOURCE_MAX)))).is_err());
    assert!(Expr::compile(&json!(format!("/#steps.{}", "x".repeat(SOURCE_MAX)))).is_err());
}

#[test]
fn compiled_expressions_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<(Expr, Condition, Scope)>();
}

/// Text made of the pieces that expressions are made of, so that some of it is valid.
fn expressions() -> impl Strategy<Value = String> {
    let pieces = prop::sample::select(vec![
        "/#",
        "$",
        ".",
        "..",
        "[",
        "]",
        "*",
        "?(",
        ")",
        "@",
        "'",
        "\"",
        "steps",
        "1",
        "attributes",
        "data",
        "items",
        "sku",
        "length",
        "fn:",
        "parseInt",
        "parseFloat",
        ",",
        " ",
        "{{",
        "{{{",
        "}}",
        "}}}",
        "{{#if ",
        "{{else}}",
        "{{/if}}",
        "{{#each ",
        "{{/each}}",
        "this",
        "../",
        "@root",
        "json ",
        "lookup ",
        "(",
        "==",
        "&&",
        "||",
        "<",
        "0",
        ":",
        "-",
        "~",
        "!",
        ">",
        "\\",
        "é",
        "else",
        "as |x|",
        "|",
    ]);
    let starts =
        prop::sample::select(vec!["", "/#", "/#$", "/#steps.1.", "/#fn:", "{{", "/#$.steps.1.attributes.data"]);
    (starts, prop::collection::vec(pieces, 0..12)).prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![expressions(), any::<String>()];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        text.prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((expressions(), inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_expression_panics(value in values()) {
        if let Ok(expression) = Expr::compile(&value) {
            expression.mentions();
            let _ = expression.resolve(&scope(), "", &mut Vec::new());
        }
    }

    #[test]
    fn no_text_panics(text in expressions()) {
        if let Ok(expression) = Expr::compile(&Value::String(text)) {
            let _ = expression.resolve(&scope(), "", &mut Vec::new());
        }
    }

    #[test]
    fn no_condition_panics(index in 0..16_usize, operands in prop::collection::vec(values(), 0..3), output in values()) {
        let mut scope = Scope::new();
        scope.set_step("1", output);
        let condition = json!({ "op": Operator::ALL[index].0, "values": operands });
        let condition = Condition::compile(&condition).or_else(|_| {
            Condition::compile(&json!({ "op": Operator::ALL[index].0, "values": ["/#steps.1", "/#$..*"] }))
        });
        if let Ok(condition) = condition {
            let _ = condition.judge(&scope);
        }
    }
}
