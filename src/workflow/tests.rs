//! Whole files, from text to diagnostics or to a model.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::hook::HookKind;

const ORDERS: &str = include_str!("fixtures/orders.json");
const MISTAKES: &str = include_str!("fixtures/mistakes.json");

const fn param(name: &'static str, kind: ParamKind, required: bool) -> ParamSpec {
    ParamSpec { name, kind, required, summary: "what the test wants" }
}

const EMAIL: ParamSpec = param("email", ParamKind::Email, true);
const KLASS_NAME: ParamSpec = param("klassName", ParamKind::Text, true);
const TITLE: ParamSpec = param("title", ParamKind::Text, true);
const DATA: ParamSpec = param("data", ParamKind::Object, true);
const CUSTOM: ParamSpec = param("custom", ParamKind::Object, false);
const CUSTOMER: ParamSpec = param("customer", ParamKind::Text, true);

const ACTIONS: [ActionSpec; 4] = [
    ActionSpec { name: "customer.find-by-email", summary: "", params: &[EMAIL], output: &[] },
    ActionSpec {
        name: "customer.create",
        summary: "",
        params: &[EMAIL, param("name", ParamKind::Text, false), param("verified", ParamKind::Boolean, false)],
        output: &[],
    },
    ActionSpec { name: "kobject.create", summary: "", params: &[KLASS_NAME, TITLE, CUSTOM], output: &[] },
    ActionSpec {
        name: "kobject.create-with-customer",
        summary: "",
        params: &[KLASS_NAME, CUSTOMER, TITLE, DATA, CUSTOM],
        output: &[],
    },
];

fn action(name: &str) -> Option<&'static ActionSpec> {
    static TABLE: [ActionSpec; 4] = ACTIONS;
    TABLE.iter().find(|action| action.name == name)
}

fn known() -> Known<'static> {
    known_names(KnownNames::default())
}

/// With the form hook `shop`.
fn known_names(mut names: KnownNames) -> Known<'static> {
    names.add_hook(HookKind::Form, "shop", "6b03d5485cfbd68cca000003".to_owned());
    let action_names = ACTIONS.map(|action| action.name).to_vec();
    Known { action: &action, action_names, check: &|_, _, _| Vec::new(), names: names.into() }
}

fn check_one(text: &str) -> Checked {
    check(&[Source { file: "test.json", text }], &known())
}

/// Imports a text with mappings for names that the documents of these tests may have, and checks the result.
fn import_one(text: &str) {
    let hook = import::LocalHook { kind: None, name: "shop".to_owned() };
    let mappings = import::Mappings {
        hooks: [("x".to_owned(), hook)].into(),
        workflows: [("2".to_owned(), "w".to_owned())].into(),
        variables: Default::default(),
    };
    let imported = import::import(&Source { file: "export.json", text }, &mappings, &[], &known());
    rendered(&imported.diagnostics, text);
    if imported.diagnostics.iter().all(|found| found.severity != Severity::Error) {
        let written = imported.document.expect("without an error there is a file").to_string();
        let errors = check_one(&written).diagnostics.into_iter().filter(|found| found.severity == Severity::Error);
        assert_eq!(errors.collect::<Vec<_>>(), [], "{written}");
    }
}

fn rendered(diagnostics: &[Diagnostic], text: &str) -> String {
    diagnostics.iter().map(|diagnostic| diagnostic.render(Some(text))).collect::<Vec<_>>().join("\n")
}

/// The smallest workflow around some steps; the trigger leads to step `2`.
fn workflow(steps: Value) -> Value {
    let always = json!({ "op": "true", "values": [true] });
    let transitions = json!([{ "target": "2", "condition": always }]);
    json!({ "name": "w", "trigger": { "id": "1", "eventName": "hooks.form.shop.receive", "transitions": transitions }, "steps": steps })
}

fn problems(document: &Value) -> Vec<(String, String)> {
    let text = document.to_string();
    let (draft, diagnostics) = check_workflow(&Source { file: "test.json", text: &text }, &known());
    let errors = diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count();
    assert_eq!(draft.is_some(), errors == 0, "{diagnostics:?}");
    diagnostics.into_iter().map(|diagnostic| (diagnostic.pointer, diagnostic.message)).collect()
}

/// Leftovers of editors and APIs in exported documents, which hookflow ignores.
#[test]
fn leftovers_of_exports_are_accepted() {
    let base = || {
        workflow(
            json!([{ "id": "2", "action": "customer.find-by-email", "params": { "email": "/#steps.1.attributes.data.x" } }]),
        )
    };
    let at = |pointer: &str, value: Value| {
        let mut document = base();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        document.pointer_mut(parent).unwrap()[key] = value;
        document
    };
    let condition = |condition: Value| at("/trigger/transitions", json!([{ "target": "2", "condition": condition }]));
    let exists = json!({ "op": "exists", "values": ["/#steps.1.id"] });
    for (what, document) in [
        ("a prefix on actions", at("/steps/0/action", json!("kustomer.customer.find-by-email"))),
        ("a prefix on events", at("/trigger/eventName", json!("kustomer.hooks.form.shop.receive"))),
        ("an app's version on the trigger", at("/trigger/appVersion", json!("hooks-^1.0.0"))),
        ("an app's version on a step", at("/steps/0/appVersion", json!("kustomer-^1.9.2"))),
        ("free labels", at("/meta", json!({ "displayName": "W", "canvas": { "zoom": [1, 2] } }))),
        ("labels of a transition", at("/trigger/transitions/0/meta", json!({ "name": "On Success" }))),
        ("logging", at("/logging", json!(true))),
        ("what it replaces", at("/replaces", json!("60a2c3d4e5f60718293a4b5c"))),
        ("replaces nothing", at("/replaces", Value::Null)),
        ("a schema of the response", at("/response", json!({ "schema": { "properties": { "a": {} } } }))),
        ("an id of the database on a step", at("/steps/0/_id", json!("60a2c3d4e5f60718293a4b72"))),
        ("an id of the database on a transition", at("/trigger/transitions/0/_id", json!("60a2c3d4e5f60718293a4b72"))),
        ("no error cases", at("/steps/0/errorCases", json!([]))),
        ("a stray value of exists", condition(json!({ "op": "exists", "values": ["/#steps.1.id", ""] }))),
        ("a stray value of dne", condition(json!({ "op": "dne", "values": ["/#steps.1.id", true] }))),
        ("exists of a literal as else", condition(json!({ "op": "exists", "values": [true] }))),
        ("exists of a text as else", condition(json!({ "op": "exists", "values": ["true", ""] }))),
        (
            "a text in a comparison of numbers",
            condition(json!({ "op": "gt", "values": ["/#steps.1.attributes.data.n", "200"] })),
        ),
        (
            "a list in a list",
            condition(json!({ "op": "contains", "values": ["/#steps.1.attributes.data.tags", ["vip"]] })),
        ),
        (
            "conditions in conditions",
            condition(json!({ "op": "and", "values": [exists, { "op": "or", "values": [exists] }] })),
        ),
        ("a key with @", condition(json!({ "op": "true", "values": ["/#steps.1.attributes.data.custom.@shopBool"] }))),
        (
            "a key with @ in params",
            at("/steps/0/params", json!({ "email": "{{{steps.1.attributes.data.custom.[@mailStr]}}}" })),
        ),
        (
            "the event of a callable workflow",
            at(
                "/trigger",
                json!({ "id": "1", "callable": true, "schema": {}, "eventName":
            "kustomer.workflow.60a2c3d4e5f60718293a4b5c.call", "transitions": base()["trigger"]["transitions"] }),
            ),
        ),
    ] {
        assert_eq!(problems(&document), [], "{what}");
    }
}

#[test]
fn ids_of_exports_are_resolved_in_any_order_of_steps() {
    let lead = |id: &str, target: &str| json!({ "id": id, "transitions": [{ "target": target, "condition": { "op": "true", "values": [true] } }] });
    let params = json!({ "email": "{{{steps._S2DvZlsy.email}}}{{{steps.8-gu8QS1s.x}}}" });
    let last = json!({ "id": "aN0X9A2Hc", "action": "customer.create", "params": params });
    let document =
        workflow(json!([last, lead("8-gu8QS1s", "_S2DvZlsy"), lead("2", "8-gu8QS1s"), lead("_S2DvZlsy", "aN0X9A2Hc")]));
    assert_eq!(problems(&document), []);
    let compiled = Workflow::compile(&document).unwrap();
    assert_eq!(compiled.trigger.transitions[0].target, 2);
    assert_eq!(compiled.step(2).transitions[0].target_id, "8-gu8QS1s");
}

#[test]
fn a_parked_step_may_be_unreachable() {
    let parked = |meta: Value| problems(&workflow(json!([{ "id": "2" }, { "id": "left", "meta": meta }])));
    assert_eq!(parked(json!({ "parked": true })), []);
    assert_eq!(parked(json!({ "parked": false })).len(), 1);
}

#[test]
fn every_mistake_is_reported_at_its_position() {
    let checked = check_one(MISTAKES);
    assert!(checked.bundles[0].is_none());
    insta::assert_snapshot!(rendered(&checked.diagnostics, MISTAKES));
}

#[test]
fn the_orders_bundle_compiles() {
    let mut checked = check_one(ORDERS);
    assert_eq!(checked.diagnostics, []);
    let bundle = checked.bundles.remove(0).unwrap();
    let WorkflowDraft { document, workflow, .. } = &bundle.workflows[0];
    let transition =
        |transition: &Transition| (transition.target, transition.target_id.clone(), transition.name.clone());
    let steps = workflow.steps.iter().map(|step| {
        let params: Vec<&str> = step.params.iter().map(|(name, _)| name.as_str()).collect();
        (&step.id, &step.name, &step.action, params, step.transitions.iter().map(transition).collect::<Vec<_>>())
    });
    insta::assert_debug_snapshot!((
        &bundle.hooks,
        &bundle.klasses,
        &workflow.name,
        workflow.trigger.event_name.as_deref().unwrap_or_default(),
        steps.collect::<Vec<_>>()
    ));
    assert!(workflow.enabled);
    assert_eq!(workflow.step_index("4").map(|index| workflow.step(index).id.as_str()), Some("4"));
    assert_eq!(workflow.step_index("1"), None);
    assert_eq!(*document, serde_json::from_str::<Value>(ORDERS).unwrap()["workflows"][0]);
    assert_eq!(Workflow::compile(document).unwrap().steps.len(), 4);
}

#[test]
fn files_see_what_other_files_declare() {
    let bundle: Value = serde_json::from_str(ORDERS).unwrap();
    let declarations = json!({ "hooks": bundle["hooks"], "klasses": bundle["klasses"] }).to_string();
    let workflow = bundle["workflows"][0].to_string();
    let first = Source { file: "workflow.json", text: &workflow };
    let second = Source { file: "declarations.json", text: &declarations };
    assert_eq!(check(&[first, second], &known()).diagnostics, []);

    let alone = check(&[first], &known());
    let messages: Vec<&str> = alone.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str()).collect();
    assert_eq!(messages, ["unknown form hook `orders`", "unknown klass `order`", "unknown klass `order`"]);
    let properties = bundle["klasses"][0]["properties"].as_object().unwrap().clone();
    let mut names = KnownNames::default();
    names.klasses.insert("order".to_owned(), properties);
    names.add_hook(HookKind::Form, "orders", "5a3c94a5d1ab8ffee5b2b0e0".to_owned());
    assert_eq!(check(&[first], &known_names(names)).diagnostics, []);

    let twice = check(&[first, second, Source { file: "copy.json", ..first }], &known());
    assert!(twice.bundles[1].is_some() && twice.bundles[2].is_none());
    let [second] = twice.diagnostics.as_slice() else { panic!("{:?}", twice.diagnostics) };
    assert_eq!((second.file.as_str(), second.pointer.as_str()), ("copy.json", "/name"));
    assert_eq!(second.help.as_deref(), Some("first declared at the top level in workflow.json"));
}

#[test]
fn columns_count_characters_whatever_the_encoding_of_lines() {
    let text = "\u{feff}{\r\n  \"hooks\": [ { \"name\": \"größe\", \"title\": \"日本\", \"typ\\u0065\": \"fax\", \"x\": 1 } ]\r\n}";
    let diagnostics = check_one(text).diagnostics;
    insta::assert_snapshot!(rendered(&diagnostics, text), @r#"
    error: a hook name has 1 to 64 lower-case letters, digits, `-` and `_`
     --> test.json:2:24  (/hooks/0/name)
      |
    2 |   "hooks": [ { "name": "größe", "title": "日本", "typ\u0065": "fax", "x": 1 } ]
      |                        ^^^^^^^

    error: unknown hook type `fax`
     --> test.json:2:61  (/hooks/0/type)
      |
    2 |   "hooks": [ { "name": "größe", "title": "日本", "typ\u0065": "fax", "x": 1 } ]
      |                                                             ^^^^^
      = help: a hook's type is `form`, `web` or `email`

    error: unknown key `x`
     --> test.json:2:68  (/hooks/0/x)
      |
    2 |   "hooks": [ { "name": "größe", "title": "日本", "typ\u0065": "fax", "x": 1 } ]
      |                                                                    ^^^
    "#);
}

#[test]
fn syntax_errors_have_a_position() {
    let mut rendered_all = String::new();
    for text in
        ["", "{\n  \"é\": nul }", "\u{feff}[1,]", "{\"a\": 1e999}", "{}", "[]", "{ \"worklows\": [] }", "{\"a\""]
    {
        rendered_all.push_str(&rendered(&check_one(text).diagnostics, text));
    }
    rendered_all.push_str(&rendered(&check_one(&"[".repeat(200)).diagnostics, ""));
    rendered_all.push_str(&rendered(&check_one(&" ".repeat(TEXT_MAX + 1)).diagnostics, ""));
    insta::assert_snapshot!(rendered_all);
}

#[test]
fn a_long_line_is_truncated_and_control_characters_are_escaped() {
    let filler = "x".repeat(300);
    let text = json!({ "hooks": [], "a": filler, "\u{1b}[31m": 1, "z": filler }).to_string();
    insta::assert_snapshot!(rendered(&check_one(&text).diagnostics, &text), @r#"
    error: unknown key `a`
     --> test.json:1:13  (/a)
      |
    1 | {"hooks":[],"a":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
      |             ^^^

    error: unknown key `\u{1b}[31m`
     --> test.json:1:320  (/\u{1b}[31m)
      |
    1 | …xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx","\u001b[31m":1,"z":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
      |                                          ^^^^^^^^^^^^

    error: unknown key `z`
     --> test.json:1:335  (/z)
      |
    1 | …xxxxxxxxxxxxxxxxxxxxxxx","\u001b[31m":1,"z":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…
      |                                          ^^^
    "#);
}

#[test]
fn faults_of_expressions_have_positions_inside_the_param() {
    let steps = json!([{ "id": "2", "action": "customer.create",
        "params": { "email": "/#fn:nosuch,steps.1.attributes.data.email" },
        "transitions": [{ "target": "3", "condition": { "op": "nosuch", "values": ["/#steps.1.id"] } }] },
        { "id": "3", "action": "kobject.create",
          "params": { "klassName": "/#steps.1.attributes.data.klass", "title": "t", "custom": { "a/b": ["/#fn:nosuch,steps.1.attributes.data.x"] } } }]);
    let text = serde_json::to_string_pretty(&workflow(steps)).unwrap();
    let (draft, diagnostics) = check_workflow(&Source { file: "test.json", text: &text }, &known());
    assert!(draft.is_none());
    let lines: Vec<&str> = diagnostics.iter().map(|found| text.lines().nth(found.line - 1).unwrap().trim()).collect();
    assert_eq!(lines.len(), 3, "{diagnostics:?}");
    assert!(lines[0].starts_with(r#""email""#) && lines[2].contains("nosuch,steps.1.attributes.data.x"), "{lines:?}");
    assert!(diagnostics[1].pointer.starts_with("/steps/0/transitions/0/condition"));
    assert_eq!(diagnostics[2].pointer, "/steps/1/params/custom/a~1b/0");
}

#[test]
fn a_step_may_refer_to_itself_in_transitions_and_to_steps_that_can_run_before_it() {
    let to = |target: &str, mentioned: &str| json!({ "target": target, "condition": { "op": "exists", "values": [mentioned] } });
    let find = |email: &str| json!({ "email": email });
    let steps = |of_third: &str| {
        workflow(json!([
            { "id": "2", "transitions": [to("3", "/#steps.1.id"), to("4", "/#steps.1.id")] },
            { "id": "3", "action": "customer.find-by-email", "params": find(of_third), "transitions": [to("4", "/#steps.3.id")] },
            { "id": "4", "action": "customer.find-by-email", "params": find("/#steps.3.email") }]))
    };
    assert_eq!(problems(&steps("/#steps.1.attributes.data.email")), []);
    let message = |step: &str| format!("step `{step}` cannot have run before this, so the reference never has a value");
    let pointer = "/steps/1/params/email".to_owned();
    assert_eq!(problems(&steps("/#steps.3.email")), [(pointer.clone(), message("3"))]);
    assert_eq!(problems(&steps("/#steps.4.email")), [(pointer, message("4"))]);
}

#[test]
fn limits_are_enforced() {
    let steps: Vec<Value> = (0..=STEPS_MAX).map(|index| json!({ "id": index.to_string() })).collect();
    assert_eq!(problems(&workflow(json!(steps))), [("/steps".to_owned(), "more than 1000 steps".to_owned())]);

    let unknown: Vec<Value> =
        (0..2 * FINDINGS_MAX).map(|index| json!({ "name": format!("h{index}"), "typ": 1 })).collect();
    let diagnostics = check_one(&json!({ "hooks": unknown }).to_string()).diagnostics;
    assert_eq!(diagnostics.len(), FINDINGS_MAX + 1);
    assert_eq!(diagnostics[FINDINGS_MAX].message, "3000 more problems are not shown");
}

#[test]
fn stored_documents_are_read_more_leniently() {
    let mut document = workflow(json!([{ "id": "2", "action": "long.gone", "params": { "x": 1 }, "retired": true }]));
    document["trigger"]["eventName"] = json!("kustomer.app.shop.order");
    assert!(!problems(&document).is_empty());
    let workflow = Workflow::compile(&document).unwrap();
    assert_eq!(workflow.trigger.event_name.as_deref(), Some("app.shop.order"));
    document["steps"][0]["params"]["x"] = json!("/#fn:gone,steps.1");
    document["steps"][0]["transitions"] = json!([{ "target": "2", "condition": { "op": "gone", "values": [] } }]);
    assert!(Workflow::compile(&document).is_ok(), "what is refused by now fails when a run gets there");
    document["trigger"]["transitions"][0]["target"] = json!("3");
    let diagnostics = Workflow::compile(&document).unwrap_err();
    insta::assert_snapshot!(diagnostics[0].render(None), @r#"
    error: unknown step `3`
     --> (stored document)  (/trigger/transitions/0/target)
    "#);
}

#[test]
fn a_digest_depends_on_the_content_only() {
    let parse = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(digest(&parse("{ \"a\": 1 }")), digest(&parse("{\"a\":1}")));
    assert_ne!(digest(&parse("{\"a\":1}")), digest(&parse("{\"a\":2}")));
}

/// JSON made of the words of the format, so that it reaches the checkers.
fn documents() -> impl Strategy<Value = Value> {
    let words = "name|trigger|steps|id|1|2|3|target|condition|op|values|true|exists|hooks|klasses|workflows|params|action\
        |customer.create|kobject.create|klassName|custom|transitions|eventName|hooks.form.x.receive|outputTemplate|/#data.x|data|attributes|workflowId|metadata|properties|schedule|/#steps.2.id|meta|é";
    let word = prop::sample::select(words.split('|').map(str::to_owned).collect::<Vec<_>>());
    let leaf = prop_oneof![any::<i64>().prop_map(Value::from), word.clone().prop_map(Value::from), Just(json!(true))];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        let members = prop::collection::vec((word.clone(), inner.clone()), 0..8);
        let object = members.prop_map(|members| Value::Object(members.into_iter().collect()));
        prop_oneof![prop::collection::vec(inner, 0..4).prop_map(Value::from), object]
    })
}

proptest! {
    #[test]
    fn no_text_causes_a_panic(text in "[\\[\\]{}\":,0-9a-zé\n \u{feff}\\\\]{0,60}") {
        let diagnostics = check_one(&text).diagnostics;
        rendered(&diagnostics, &text);
    }

    #[test]
    fn no_document_causes_a_panic(document in documents(), cut in 0usize..1000, steps in documents()) {
        let record = json!({ "data": { "type": "workflow", "id": "60a2c3d4e5f60718293a4b5d", "attributes": workflow(steps.clone()) } });
        let app = json!({ "workflows": [document, record], "klasses": [document], "hooks": [document], "triggers": [document] });
        for document in [&document, &workflow(steps), &app, &record] {
            let text = serde_json::to_string_pretty(document).unwrap();
            let checked = check_one(&text);
            rendered(&checked.diagnostics, &text);
            let clean = checked.diagnostics.iter().all(|found| found.severity != Severity::Error);
            prop_assert_eq!(clean, checked.bundles[0].is_some());
            let _ = Workflow::compile(document);
            import_one(&text);
            let cut = text.char_indices().nth(cut).map_or(text.len(), |(offset, _)| offset);
            check_one(&text[..cut]);
        }
    }
}
