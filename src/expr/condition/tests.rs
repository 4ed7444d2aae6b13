use serde_json::json;

use super::*;
use crate::expr::Subject;

fn outcome(condition: Value) -> ConditionResult {
    let mut scope = Scope::new();
    scope.set_step("1", json!({ "id": "7", "null": null, "tags": ["vip"], "at": "2024-01-02", "yes": "true" }));
    Condition::compile(&condition).unwrap().evaluate(&scope).unwrap()
}

fn faults(condition: Value) -> Vec<(String, String)> {
    let faults = Condition::compile(&condition).unwrap_err();
    faults.into_iter().map(|fault| (fault.pointer, fault.message)).collect()
}

#[test]
fn operators_evaluate() {
    // (operator, values, result, whether there is a note)
    for (operator, values, holds, noted) in [
        ("exists", json!(["/#steps.1.id"]), true, false),
        ("exists", json!(["/#steps.1.null", ""]), false, false),
        ("exists", json!(["/#steps.2.id"]), false, false),
        ("exists", json!([true]), true, false),
        ("exists", json!(["true", ""]), true, false),
        ("dne", json!(["/#steps.2.id", true]), true, false),
        ("dne", json!(["/#steps.1.null"]), true, false),
        ("dne", json!(["/#steps.1.id"]), false, false),
        ("true", json!([true]), true, false),
        ("true", json!([true, ""]), true, false),
        ("true", json!(["/#steps.1.yes"]), true, false),
        ("true", json!([1]), false, true),
        ("true", json!(["/#steps.2.x"]), false, true),
        ("false", json!(["false"]), true, false),
        ("false", json!(["/#steps.2.x"]), false, true),
        ("eq", json!(["/#steps.1.id", 7]), true, false),
        ("eq", json!(["/#steps.2.id", "7"]), false, true),
        ("eq", json!(["/#steps.2.id", null]), true, true),
        ("neq", json!(["/#steps.2.id", "7"]), true, true),
        ("neq", json!(["/#steps.1.id", "7"]), false, false),
        ("gt", json!(["/#steps.1.id", "6"]), true, false),
        ("gte", json!([7, "/#steps.1.id"]), true, false),
        ("lt", json!(["/#steps.1.id", 10]), true, false),
        ("lte", json!(["a", "b"]), true, false),
        ("lte", json!(["a", 1]), false, true),
        ("lt", json!(["/#steps.2.id", 1]), false, true),
        ("lt-date", json!(["/#steps.1.at", "2024-01-02T00:00:01Z"]), true, false),
        ("gt-date", json!(["/#steps.1.at", 0]), true, false),
        ("gt-date", json!(["/#steps.1.at", "soon"]), false, true),
        ("contains", json!(["/#steps.1.tags", ["vip"]]), true, false),
        ("contains", json!(["/#steps.2.tags", "vip"]), false, true),
        ("not-contains", json!(["/#steps.1.tags", "x"]), true, false),
        ("not-contains", json!(["/#steps.1.tags", "vip"]), false, false),
        ("not-contains", json!(["/#steps.2.tags", "vip"]), true, true),
    ] {
        let result = outcome(json!({ "op": operator, "values": values }));
        assert_eq!((result.result, !result.notes.is_empty()), (holds, noted), "{operator} {values}");
    }
}

#[test]
fn results_serialise_with_their_operands() {
    let result = outcome(json!({ "op": "or", "values": [
        { "op": "and", "values": [{ "op": "exists", "values": ["/#steps.1.id"] }] },
        { "op": "gt", "values": ["/#steps.2.n", 5] }
    ] }));
    assert_eq!(
        serde_json::to_value(result).unwrap(),
        json!({ "op": "or", "result": true, "values": [
            { "op": "and", "result": true, "values": [{ "op": "exists", "values": ["7"], "result": true }] },
            { "op": "gt", "values": [null, 5], "result": false, "notes": [{ "pointer": "/values/0",
              "expression": "/#steps.2.n", "message": "no value at `steps.2.n`: `steps.2` has not run" }] }
        ] })
    );
}

#[test]
fn faults_have_pointers() {
    assert_eq!(faults(json!("x"))[0].1, "a condition must be an object, not a string");
    assert_eq!(
        faults(json!({ "vals": [] })),
        [
            ("/vals".into(), "unknown key `vals` in a condition".into()),
            ("".into(), "a condition requires `op`".into()),
            ("".into(), "a condition requires `values`".into())
        ]
    );
    let nested =
        json!({ "op": "and", "values": [{ "op": "exits", "values": [1] }, { "op": "eq", "values": ["/#x.1"] }] });
    assert_eq!(
        faults(nested.clone()),
        [
            ("/values/0/op".into(), "unknown operator `exits`".into()),
            ("/values/1/values".into(), "`eq` takes two values, not 1".into()),
            ("/values/1/values/0".into(), "a path cannot start with `x`".into())
        ]
    );
    assert_eq!(Condition::compile(&nested).unwrap_err()[0].help.as_deref(), Some("did you mean `exists`?"));
    let operator = json!({ "op": "==", "values": [1, "/#steps.1.n"] });
    assert_eq!(Condition::compile(&operator).unwrap_err()[0].help.as_deref(), Some("did you mean `eq`?"));
    for count in
        [("or", json!([])), ("true", json!([true, true, true])), ("exists", json!([])), ("dne", json!([1, 2, 3]))]
    {
        assert_eq!(faults(json!({ "op": count.0, "values": count.1 })).len(), 1, "{count:?}");
    }
}

#[test]
fn nesting_is_limited() {
    let nest = |depth| {
        (1..depth).fold(json!({ "op": "true", "values": [true] }), |inner, _| json!({ "op": "and", "values": [inner] }))
    };
    assert!(Condition::compile(&nest(16)).is_ok());
    assert_eq!(faults(nest(17))[0].1, "conditions nest at most 16 levels deep");
}

#[test]
fn mentions_and_always() {
    let compile = |condition: Value| Condition::compile(&condition).unwrap();
    let condition = compile(json!({ "op": "and", "values": [{ "op": "eq", "values": [1, "/#steps.a.x"] }] }));
    assert_eq!(
        condition.mentions(),
        [Mention { pointer: "/values/0/values/1".into(), subject: Subject::Step("a".into()) }]
    );
    assert!(!condition.is_always());
    assert!(compile(json!({ "op": "true", "values": [true] })).is_always());
    assert!(!compile(json!({ "op": "true", "values": ["/#steps.1.x"] })).is_always());
}
