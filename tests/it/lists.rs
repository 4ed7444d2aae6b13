//! Going through lists: something for each item, those that a condition holds for, a run for each.

use serde_json::{Value, json};

use crate::support::program::hookflow;
use crate::support::{Server, ServerBuilder, always, wait_for, workflow};

/// A server with the workflow `steps`, and the callable workflow `price`, which is not free of charge.
fn server(steps: Value) -> Server {
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &bundle(steps).to_string());
    builder.start()
}

fn bundle(steps: Value) -> Value {
    let free = json!({ "target": "f", "condition": { "op": "eq", "values": ["/#steps.1.price", 0] } });
    let mut price = workflow(
        "price",
        json!([
            { "id": "a", "transitions": [free, always("d")] },
            { "id": "f", "action": "workflow.stop", "params": { "status": "failed", "message": "free of charge" } },
            { "id": "d", "action": "value.set", "params": { "value": "{{{steps.1.sku}}}={{{steps.1.price}}}" } },
        ]),
    );
    price["trigger"] = json!({
        "id": "1", "callable": true, "transitions": [always("a")],
        "schema": { "properties": { "sku": { "type": "string" }, "price": { "type": "number" } }, "required": ["sku"] },
    });
    price["response"] = json!({ "value": "/#steps.d.value" });
    json!({ "hooks": [{ "name": "orders", "type": "form" }], "workflows": [workflow("steps", steps), price] })
}

fn step(action: &str, params: Value) -> Value {
    json!([{ "id": "2", "action": action, "params": params }])
}

/// The second step of a run of these steps for these items.
fn go_through(steps: Value, items: &Value) -> Value {
    server(steps).run_order(&json!({ "items": items, "shop": "north" }))["attributes"]["steps"][1].take()
}

fn items() -> Value {
    json!([{ "sku": "a", "price": 5 }, { "sku": "b", "price": 0 }, { "sku": "c" }])
}

const LIST: &str = "/#steps.1.attributes.data.items";

#[test]
fn a_list_is_mapped_item_by_item() {
    let item = json!({
        "sku": "/#item.sku", "place": "/#index", "text": "{{{steps.1.attributes.data.shop}}}-{{index}}-{{item.sku}}",
        "dear": "/#fn:parseInt,item.price", "all": "/#$.item.price",
    });
    let entry = go_through(step("list.map", json!({ "list": LIST, "item": item })), &items());
    let made = &entry["output"]["items"];
    assert_eq!(entry["output"]["count"], 3, "{entry:#}");
    assert_eq!(made[1]["sku"], "b");
    assert_eq!((&made[1]["place"], &made[2]["text"]), (&json!(1), &json!("north-2-c")));
    assert_eq!(made[0]["all"], json!([5]));
    assert_eq!(entry["input"]["item"], *made, "the log shows what came out for each item");
    let notes = entry["notes"].as_array().expect("the item without a price is noted");
    assert!(notes.iter().any(|note| note["pointer"].as_str().unwrap().starts_with("/item/2/")), "{notes:#?}");

    let entry = go_through(step("list.map", json!({ "list": LIST, "item": "/#item" })), &json!([]));
    assert_eq!(entry["output"], json!({ "items": [], "count": 0 }));
}

#[test]
fn a_list_is_filtered_by_a_condition() {
    let dear = json!({ "op": "gt", "values": ["/#item.price", 1] });
    let condition = json!({ "op": "or", "values": [dear, { "op": "dne", "values": ["/#item.price"] }] });
    let entry = go_through(step("list.filter", json!({ "list": LIST, "condition": condition })), &items());
    let kept = json!([{ "sku": "a", "price": 5 }, { "sku": "c" }]);
    assert_eq!(entry["output"], json!({ "items": kept, "count": 2, "first": { "sku": "a", "price": 5 } }));
    assert_eq!(entry["input"]["condition"], json!([true, false, true]));
}

#[test]
fn lists_have_limits() {
    let error = |steps: Value, items: Value| go_through(steps, &items)["error"].take();
    let map = |item: Value| step("list.map", json!({ "list": LIST, "item": item }));
    let too_many = error(map(json!("/#item")), json!(vec![0; 1_001]));
    assert_eq!(too_many["message"], "/list: has 1001 items; the limit is 1000");
    let too_large = error(map(json!("/#steps.1.attributes.data.items")), json!(vec!["x".repeat(300); 600]));
    assert_eq!(too_large["code"], "params_too_large");
    let work = "{{#each steps.1.attributes.data.items}}{{#each @root.steps.1.attributes.data.items}}{{/each}}{{/each}}";
    let too_much = error(map(json!(work)), json!(vec![0; 200]));
    assert_eq!(too_much["code"], "expression_failed");
    assert!(too_much["message"].as_str().unwrap().contains("for all items of a list"), "{too_much:#}");
    let no_list = error(map(json!("/#item")), json!("text"));
    assert_eq!(no_list["message"], "/list: expected a list, not \"text\"");
}

#[test]
fn mistakes_are_found_when_a_workflow_is_loaded() {
    let steps = json!([
        { "id": "2", "action": "list.filter", "params": { "list": [], "condition": { "op": "eqq", "values": [] } },
          "transitions": [{ "target": "3", "condition": { "op": "eq", "values": ["/#item.a", 1] } }] },
        { "id": "3", "action": "value.set", "params": { "value": ["/#index"] } },
    ]);
    let builder = ServerBuilder::bare();
    builder.write_workflow("bundle.json", &bundle(steps).to_string());
    let said = hookflow(builder.directory(), &["check", "workflows/bundle.json"]);
    assert_eq!(said.code, Some(1));
    let errors: Vec<&str> = said.output.lines().filter(|line| line.contains("error")).collect();
    assert!(errors[0].contains("eqq"), "{}", said.output);
    let places = said.output.matches("`item` and `index` are available only").count();
    assert_eq!((errors.len(), places), (4, 2), "three mistakes, and how many there are: {}", said.output);
}

fn each(more: Value) -> Value {
    let mut params =
        json!({ "list": LIST, "workflow": "price", "inputs": { "sku": "/#item.sku", "price": "/#item.price" } });
    params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    step("for-each", params)
}

#[test]
fn a_workflow_runs_for_each_item_and_its_responses_are_the_output() {
    let items: Vec<Value> = (1..=12).map(|number| json!({ "sku": format!("s{number}"), "price": number })).collect();
    for concurrency in [1, 5] {
        let entry = go_through(each(json!({ "concurrency": concurrency })), &json!(items));
        let output = &entry["output"];
        assert_eq!((&output["completed"], &output["failed"]), (&json!(12), &json!(0)), "{entry:#}");
        let responses: Vec<&str> =
            output["items"].as_array().unwrap().iter().map(|item| item["response"].as_str().unwrap()).collect();
        let expected: Vec<String> = (1..=12).map(|number| format!("s{number}={number}")).collect();
        assert_eq!(responses, expected);
        assert_eq!(output["items"][3]["index"], 3);
    }
}

#[test]
fn a_failed_item_stops_the_others_by_default() {
    let server = server(each(json!({})));
    let run = server.run_order(&json!({ "items": items() }));
    let error = &run["attributes"]["error"];
    assert_eq!(error["code"], "workflow_failed");
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("/list/1: the run ") && message.ends_with("free of charge; 1 of 3 items are done"));
    assert_eq!(server.get("/v1/runs?workflow=price").expect(200)["data"].as_array().unwrap().len(), 2);

    let mut wrong = items();
    wrong[2] = json!({ "price": 3 });
    let entry = go_through(each(json!({ "onError": "continue", "concurrency": 2 })), &wrong);
    let output = &entry["output"];
    assert_eq!((&output["completed"], &output["failed"]), (&json!(1), &json!(2)), "{entry:#}");
    let statuses: Vec<&Value> = output["items"].as_array().unwrap().iter().map(|item| &item["status"]).collect();
    assert_eq!(statuses, ["completed", "failed", "failed"]);
    assert_eq!(output["items"][1]["error"]["message"], "free of charge");
    assert_eq!(output["items"][2]["error"]["code"], "invalid_params");
    assert_eq!(output["items"][2]["run"], Value::Null);
}

#[test]
fn an_invalid_loop_is_reported_before_anything_runs() {
    let params = json!({ "workflow": "prise", "concurrency": 11, "onError": "ignore" });
    let error = go_through(each(params), &items())["error"].take();
    let pointers: Vec<&str> =
        error["problems"].as_array().unwrap().iter().map(|problem| problem["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/workflow", "/concurrency", "/onError"]);
    assert!(error["message"].as_str().unwrap().contains("did you mean `price`?"), "{error:#}");
}

#[test]
fn a_loop_goes_on_after_the_process_was_killed() {
    let builder = ServerBuilder::bare();
    let mut slow = bundle(each(json!({ "concurrency": 2 })));
    let delay = json!({ "id": "w", "action": "delay", "params": { "for": 0.3 }, "transitions": [always("d")] });
    slow["workflows"][1]["steps"][0]["transitions"] = json!([always("w")]);
    slow["workflows"][1]["steps"][1] = delay;
    builder.write_workflow("bundle.json", &slow.to_string());
    let server = builder.start();
    let items: Vec<Value> = (1..=6).map(|number| json!({ "sku": number, "price": number })).collect();
    server.post_hook("orders", &json!({ "items": items })).expect(200);
    wait_for("the first item to be done", || {
        let done = server.get("/v1/runs?workflow=price&status=completed").expect(200);
        (!done["data"].as_array().unwrap().is_empty()).then_some(())
    });
    let directory = server.directory();
    server.kill();
    let server = ServerBuilder::in_directory(directory).start();
    let runs = server.wait_for_runs();
    let run = runs.iter().find(|run| run["attributes"]["workflow"] == "steps").expect("the run of the loop");
    assert_eq!(run["attributes"]["status"], "completed", "{run:#}");
    assert_eq!(server.steps(run)[1]["output"]["completed"], 6);
    assert_eq!(runs.len(), 7, "no item has run twice");
}
