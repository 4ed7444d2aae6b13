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
fn missing_values_are_omitted_and_noted() {
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
    let mentions: Vec<_> = mentions.into_iter().map(|mention| (mention.pointer, mention.subject)).collect();
    let step = |pointer: &str, id: &str| (pointer.to_owned(), Subject::Step(id.to_owned()));
    assert_eq!(mentions, [step("/a/0", "1"), step("/a/1", "2 3"), step("/b", "4"), step("/c", "5")]);
}

#[test]
fn literals_are_recognised_and_long_expressions_rejected() {
    assert_eq!(Expr::compile(&json!({ "a": [1] })).unwrap().as_literal(), Some(&json!({ "a": [1] })));
    assert!(Expr::compile(&json!(["/#steps.1"])).unwrap().as_literal().is_none());
    assert!(Expr::compile(&json!("x".repeat(SOURCE_MAX + 1))).is_ok());
    assert!(Expr::compile(&json!(format!("{{{{steps.1}}}}{}", "x".repeat(SOURCE_MAX)))).is_err());
    assert!(Expr::compile(&json!(format!("/#steps.{}", "x".repeat(SOURCE_MAX)))).is_err());
}

#[test]
fn refused_expressions_of_stored_documents_fail_when_they_are_evaluated() {
    let stored = Expr::compile_stored(&json!({ "a": "/#steps.2.id", "b": "/#fn:gone,steps.1" }));
    let error = stored.resolve(&scope(), "", &mut Vec::new()).unwrap_err();
    assert!(error.to_string().ends_with("is not valid: unknown function `gone`"), "{error}");
    assert_eq!(stored.mentions(), []);
    let stored = Condition::compile_stored(&json!({ "op": "and", "values": [{ "op": "gone" }] }));
    assert!(stored.evaluate(&scope()).unwrap_err().to_string().contains("unknown operator `gone`"));
    assert!(Expr::compile_stored(&json!("/#steps.2.id")).resolve(&scope(), "", &mut Vec::new()).is_ok());
}

#[test]
fn compiled_expressions_are_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<(Expr, Condition, Scope)>();
}

#[test]
fn business_hours_take_no_schedule() {
    let faults = Expr::compile(&json!({ "open": ["/#fn:inBusinessHours,steps.1.at,emea"] })).unwrap_err();
    let faults: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.message.as_str())).collect();
    assert_eq!(faults, [("/open/0", "`inBusinessHours` takes at most 1 argument, not 2")]);
}
