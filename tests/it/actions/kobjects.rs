//! `kobject.*` and `klass.*`.

use serde_json::{Value, json};

use super::{NOBODY, Stage};
use crate::support::{errors, ids, wait_for};

#[test]
fn a_kobject_is_made_found_changed_and_deleted() {
    let stage = Stage::new();
    let content = json!({
        "klassName": "order", "title": "Order 1", "externalId": "o-1", "custom": { "totalNum": "12.5" },
    });
    let order = stage.output("kobject.create", content.clone());
    assert_eq!(order["custom"], json!({ "totalNum": 12.5 }));
    assert_eq!((&order["klass"], &order["customer"], &order["data"]), (&json!("order"), &Value::Null, &json!({})));
    assert_eq!(stage.failure("kobject.create", content).0, "taken");
    let id = order["id"].as_str().unwrap();
    for identifier in [id, "o-1"] {
        let found = stage.output("kobject.find", json!({ "klassName": "order", "identifier": identifier }));
        assert_eq!(found, order, "{identifier}");
    }
    let by_external_id = json!({ "klassName": "order", "externalId": "o-1" });
    assert_eq!(stage.output("kobject.find-by-external-id", by_external_id), order);
    stage.expect_nothing("kobject.find", json!({ "klassName": "return", "identifier": id }));
    stage.expect_nothing("kobject.find-by-external-id", json!({ "klassName": "order", "externalId": "o-2" }));

    let update = json!({ "klassName": "order", "id": id, "title": "Order one", "custom": { "paidBool": "true" } });
    let changed = stage.output("kobject.update", update.clone());
    assert_eq!((&changed["title"], &changed["rev"]), (&json!("Order one"), &json!(2)));
    assert_eq!(changed["custom"], json!({ "totalNum": 12.5, "paidBool": true }));
    assert_eq!(stage.output("kobject.update", update)["rev"], 2, "the second time it changes nothing");
    let wrong =
        json!({ "klassName": "order", "id": id, "title": null, "custom": { "payedBool": true, "totalNum": "x" } });
    stage.expect_invalid("kobject.update", wrong, ["/title", "/custom/payedBool", "/custom/totalNum"]);
    stage.expect_invalid("kobject.update", json!({ "klassName": "order", "id": NOBODY, "title": "x" }), ["/id"]);
    stage.expect_invalid("kobject.update", json!({ "klassName": "odrer", "id": id }), ["/klassName"]);
    stage.expect_invalid(
        "kobject.create",
        json!({ "klassName": "order", "title": "x", "customer": NOBODY }),
        ["/customer"],
    );
    stage.expect_invalid("kobject.find", json!({ "klassName": "odrer", "identifier": id }), ["/klassName"]);

    assert_eq!(stage.output("kobject.delete", json!({ "klassName": "order", "id": id })), changed);
    stage.expect_nothing("kobject.delete", json!({ "klassName": "order", "id": id }));
    stage.expect_invalid("kobject.delete", json!({ "klassName": "order", "id": "o-1" }), ["/id"]);
    stage.server.get(&format!("/v1/klasses/order/{id}")).expect(404);
}

#[test]
fn kobjects_are_related_to_each_other() {
    let stage = Stage::new();
    let make = |klass: &str| stage.output("kobject.create", json!({ "klassName": klass, "title": "x" }))["id"].take();
    let (order, back) = (make("order"), make("return"));
    let params = json!({ "klassName": "order", "id": order, "relatedKlassName": "return", "related": back });
    let output = json!({ "klass": "order", "id": order, "relatedKlass": "return", "related": back });
    for _ in 0..2 {
        assert_eq!(stage.output("kobject.add-relationship", params.clone()), output);
    }
    let path = format!("/v1/klasses/return/{}/relationships", back.as_str().unwrap());
    assert_eq!(ids(&stage.server.get(&path).expect(200)), [&order]);
    for (name, value, pointer) in [
        ("related", json!(NOBODY), "/related"),
        ("related", json!("o-1"), "/related"),
        ("relatedKlassName", json!("order"), "/related"),
        ("relatedKlassName", json!("retrun"), "/relatedKlassName"),
        ("id", json!(NOBODY), "/id"),
    ] {
        let mut params = params.clone();
        params[name] = value;
        stage.expect_invalid("kobject.add-relationship", params, [pointer]);
    }
    let itself = json!({ "klassName": "order", "id": order, "relatedKlassName": "order", "related": order });
    stage.expect_invalid("kobject.add-relationship", itself, ["/related"]);
}

#[test]
fn a_klass_is_made_by_a_step_and_used_by_the_next_one() {
    let stage = Stage::new();
    let parcel = json!({ "name": "parcel", "properties": { "weightNum": {} } });
    let workflow = stage.workflow(vec![
        json!({ "action": "klass.create", "params": parcel }),
        json!({ "action": "kobject.create",
                "params": { "klassName": "parcel", "title": "Parcel", "custom": { "weightNum": "2" } } }),
    ]);
    let steps = stage.call(&workflow, &json!({}));
    let [klass, kobject] = [&steps[0]["output"], &steps[1]["output"]];
    assert_eq!(
        (&klass["displayName"], &kobject["custom"]),
        (&json!("Parcel"), &json!({ "weightNum": 2 })),
        "{steps:#?}"
    );
    // Everybody hears of it.
    wait_for("the klass to be in force", || {
        let klasses = stage.server.get("/v1/klasses").expect(200)["data"].take();
        klasses.as_array().unwrap().iter().any(|klass| klass["id"] == "parcel").then_some(())
    });
    let address = format!("/v1/klasses/parcel/{}", kobject["id"].as_str().unwrap());
    assert_eq!(stage.server.get(&address).expect(200)["data"]["attributes"]["title"], "Parcel");

    let other = json!({ "name": "parcel", "displayName": "Other", "properties": {} });
    assert_eq!(&stage.output("klass.create", other), klass, "it stays as it is");
    assert_eq!(&stage.output("klass.find-by-klassname", json!({ "klassName": "parcel" })), klass);
    stage.expect_nothing("klass.find-by-klassname", json!({ "klassName": "parcels" }));
    stage.expect_invalid(
        "klass.create",
        json!({ "name": "A B", "properties": { "x": {} } }),
        ["/name", "/properties/x"],
    );
}

#[test]
fn literals_are_judged_when_a_workflow_is_saved() {
    let stage = Stage::new();
    let step = |action: &str, params: Value| json!({ "id": "2", "action": action, "params": params });
    for (step, pointer) in [
        (
            step("kobject.update", json!({ "klassName": "order", "id": "/#steps.1.id", "custom": { "x": 1 } })),
            "/custom/x",
        ),
        (step("kobject.find", json!({ "klassName": "odrer", "identifier": "1" })), "/klassName"),
        (
            step(
                "kobject.add-relationship",
                json!({ "klassName": "order", "id": "/#steps.1.id", "relatedKlassName": "retrun", "related": "1" }),
            ),
            "/relatedKlassName",
        ),
        (step("conversation.create", json!({ "customer": "/#steps.1.id", "priority": "high" })), "/priority"),
        (step("message.create", json!({ "body": "x" })), ""),
    ] {
        let trigger = json!({ "id": "1", "callable": true, "transitions": [crate::support::always("2")] });
        let document = json!({ "name": "wrong", "trigger": trigger, "steps": [step] });
        let refused = stage.server.call("POST", "/v1/workflows", document).expect(422);
        assert_eq!(errors(&refused), [("invalid", format!("/steps/0/params{pointer}").as_str())]);
    }
}
