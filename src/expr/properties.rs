//! Property tests over expressions and payloads. `HOOKFLOW_TEST_ROUNDS` sets the number of rounds; 2,000 by default.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn rounds() -> ProptestConfig {
    let rounds = std::env::var("HOOKFLOW_TEST_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    ProptestConfig::with_cases(rounds.unwrap_or(2_000))
}

/// Text from the pieces of expressions, some of it valid.
fn expressions() -> impl Strategy<Value = String> {
    const PIECES: [&str; 82] = [
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
        "{",
        "}",
        "{\"a\":",
        "\"{{{steps.1.",
        "{{steps.1.",
        "steps.1.attributes.data",
        "variables.key",
        "error.code",
        "_env.runId",
        "@index",
        "@last",
        "{{#with ",
        "{{/with}}",
        "{{#unless ",
        "{{/unless}}",
        "{{{{raw}}}}",
        "{{{{/raw}}}}",
        "=",
        "format='LL'",
        "tz='Asia/Tokyo'",
        "count=-1",
        "'days'",
        "'+'",
        "1e9",
        "null",
        "true",
        "[a.b]",
        "{{#eq ",
    ];
    const STARTS: [&str; 8] = ["", "/#", "/#$", "/#steps.1.", "/#fn:", "{{", "{\"a\": ", "/#$.steps.1.attributes.data"];
    let names: Vec<String> = operations::names().map(|name| format!("{name} ")).collect();
    let piece = prop_oneof![
        4 => prop::sample::select(PIECES.to_vec()).prop_map(str::to_owned),
        1 => prop::sample::select(names),
    ];
    (prop::sample::select(STARTS.to_vec()), prop::collection::vec(piece, 0..12))
        .prop_map(|(start, pieces)| start.to_owned() + &pieces.concat())
}

/// Mostly valid calls with mostly invalid arguments.
fn calls() -> impl Strategy<Value = String> {
    const ARGUMENTS: [&str; 18] = [
        "steps.1",
        "steps.1.attributes",
        "steps.1.a",
        "steps.2",
        "variables.key",
        "'x'",
        "''",
        "-1",
        "0",
        "3",
        "1e300",
        "true",
        "'days'",
        "'LLLL [x] SSSSSSSSSSSS'",
        "'sha256'",
        "'+'",
        "'UTC'",
        "','",
    ];
    let names: Vec<&str> = operations::names().collect();
    let arguments = prop::collection::vec(prop::sample::select(ARGUMENTS.to_vec()), 0..5);
    (prop::sample::select(names), arguments, any::<bool>()).prop_map(|(name, arguments, function)| {
        if function {
            return format!("/#fn:{name},{}", arguments.join(","));
        }
        format!(
            "{{{{#each steps.1}}}}{{{{{name} {}}}}}{{{{/each}}}}{{{{{name} {}}}}}",
            arguments.join(" "),
            arguments.join(" ")
        )
    })
}

fn values() -> impl Strategy<Value = Value> {
    let text = prop_oneof![expressions(), any::<String>(), "[0-9:T+.Z-]{0,30}"];
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

fn scope(output: Value, secret: &str) -> Scope {
    let mut scope = Scope::new();
    scope.set_step("1", output);
    scope.set_variable("5b3d8a1c9f0e4d2b7a6c1e5f", "key", secret.to_owned());
    scope.set_error(json!({ "code": "taken" }));
    scope
}

/// Asserts that an expression assert_ends within its limits.
fn assert_ends(expression: &Value, scope: &Scope) {
    let compiled = match Expr::compile(expression) {
        Ok(compiled) => compiled,
        Err(faults) => {
            for fault in faults {
                assert!(!fault.message.is_empty() && expression.pointer(&fault.pointer).is_some(), "{fault:?}");
            }
            return;
        }
    };
    compiled.mentions();
    for json in [false, true] {
        let mut notes = Vec::new();
        let resolved = match json {
            false => compiled.resolve(scope, "", &mut notes),
            true => compiled.resolve_json(scope, "", &mut notes),
        };
        assert!(!expression.is_string() || notes.len() <= 20, "{notes:?}");
        if let (Expr::Template(_), false, Ok(Some(value))) = (&compiled, json, &resolved) {
            assert!(value.as_str().is_some_and(|text| text.len() <= template::OUTPUT_MAX));
        }
        if let Err(error) = resolved {
            assert!(!error.to_string().is_empty());
        }
    }
}

proptest! {
    #![proptest_config(rounds())]

    #[test]
    fn every_value_ends(expression in values(), output in values()) {
        assert_ends(&expression, &scope(output, "hush"));
    }

    #[test]
    fn every_text_ends(text in prop_oneof![expressions(), calls(), any::<String>()], output in values()) {
        assert_ends(&Value::String(text), &scope(output, "hush"));
    }

    #[test]
    fn every_condition_ends(index in 0..16_usize, operands in prop::collection::vec(values(), 0..3), output in values()) {
        let condition = json!({ "op": Operator::ALL[index].0, "values": operands });
        let condition = Condition::compile(&condition).or_else(|_| {
            Condition::compile(&json!({ "op": Operator::ALL[index].0, "values": ["/#steps.1", "/#$..*"] }))
        });
        if let Ok(condition) = condition {
            let _ = condition.evaluate(&scope(output, "hush"));
        }
    }

    #[test]
    fn json_stays_json(text in prop_oneof![any::<String>(), expressions()], other in values()) {
        let scope = scope(json!({ "text": text, "other": other }), "hush");
        let source = r#" {"a": "{{{steps.1.text}}}", "b": [{{json steps.1.text}}, {{steps.1.none}}], "c": {{{toJSON steps.1.other}}},
            "\\{{steps.1.text}}": "x{{steps.1.other}}y" }"#;
        let value = Expr::compile(&json!(source)).unwrap().resolve_json(&scope, "", &mut Vec::new());
        let value = value.unwrap().unwrap();
        prop_assert_eq!(&value["a"], &json!(text));
        prop_assert_eq!(&value["b"], &json!([text, null]));
        prop_assert_eq!(&value["c"], &other);
        prop_assert_eq!(value.as_object().unwrap().len(), 4);
    }

    #[test]
    fn no_expression_reveals_a_secret(
        secret in prop_oneof!["[a-z\"\\\\<&%é +]{4,10}", "\\PC{4,10}"],
        before in "\\PC{0,4}",
    ) {
        let scope = scope(json!({ "before": before }), &secret);
        for source in [
            "{{variables.key}} {{{variables.key}}} {{json variables.key}} {{urlencode variables.key}}",
            "{{encodeURI variables.key}}{{{json (json variables.key)}}}{{encodeURIComponent (urlencode variables.key)}}",
            "{{escape (escape variables.key)}} {{{concat 'a' variables.key steps.1.before}}}",
            "Basic {{base64Encode (concat steps.1.before ':' variables.key 'x')}}",
        ] {
            let text = Expr::compile(&json!(source)).unwrap().resolve(&scope, "", &mut Vec::new()).unwrap().unwrap();
            let text = text.as_str().unwrap();
            let masked = mask(text, scope.secrets());
            prop_assert!(masked.contains("•••") && !masked.contains(&secret), "{} {}", text, masked);
        }
    }
}
