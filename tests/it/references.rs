//! The language beside the programs that define it: Handlebars and libphonenumber, both in JavaScript.
//!
//! `tests/install-tools` installs them below `target/node-tools`. How many cases agree is stated in `docs/language.md`;
//! the numbers may only grow.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use hookflow::expr::{Expr, Scope};
use hookflow::objects::phone;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

fn language() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/language.md")).expect("the page is there")
}

/// Runs a script with `input` as JSON and returns what it prints as JSON.
fn node(script: &str, input: &Value) -> Value {
    let modules = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/node-tools/node_modules");
    assert!(modules.exists(), "Handlebars and libphonenumber are missing; `tests/install-tools` installs them");
    let read = "const input = JSON.parse(require('fs').readFileSync(0, 'utf8'));";
    let mut process = Command::new("node")
        .args(["-e", &format!("{read}{script}")])
        .env("NODE_PATH", modules)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node can be run");
    process.stdin.take().expect("piped").write_all(input.to_string().as_bytes()).expect("node reads");
    let output = process.wait_with_output().expect("node ends");
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}

fn data() -> Value {
    json!({ "name": "<A & B>", "nothing": null, "zero": 0, "data": { "b": 1, "a": "x" }, "other key": 5, "@app": 6,
            "items": [{ "sku": "x", "tags": ["p", "q"] }, { "sku": "y", "tags": [] }] })
}

/// Templates without the features that Handlebars renders differently: missing values, JSON, lengths, keys with dots, raw
/// blocks and unescaped values beside tags that strip white space.
fn templates() -> impl Strategy<Value = String> {
    let text =
        prop::sample::select(vec![" text\n", "  ", "\n", "\r\n ", "a", " b ", "\t", "\\{{x}} ", "\\\\", "é\n\n"]);
    let tag = prop::sample::select(vec![
        "{{steps.1.name}}",
        "{{{steps.1.name}}}",
        "{{&steps.1.zero}}",
        "{{~steps.1.zero~}}",
        "{{steps.1.zero~}}",
        "{{! note }}",
        "{{~! note ~}}",
        "{{!-- }} --}}",
        "{{! note ~}}",
        "{{steps.1.[other key]}}",
        "{{steps.1.[@app]}}",
        "{{lookup steps.1.data 'b'}}",
        r#"{{concat 'C:\temp\n' 'it\'s' "\d" steps.1.zero}}"#,
        "{{#if steps.1.nothing}}a{{else}}\n b\n {{/if}}\n",
        "{{^if steps.1.nothing}}a{{/if}}",
        "{{#if steps.1.nothing}}a{{else if steps.1.name}} b {{else}}c{{/if}}",
    ]);
    let leaf = prop_oneof![text, tag].prop_map(str::to_owned);
    leaf.prop_recursive(4, 24, 5, |inner| {
        let block = prop::sample::select(vec![
            ("{{#if steps.1.items}}", "{{/if}}"),
            ("{{#if steps.1.items~}}", "{{~/if}}"),
            ("{{~#if steps.1.items}}", "{{/if~}}"),
            ("{{#unless steps.1.zero includeZero=true}}x{{else}}", "{{/unless}}"),
            ("{{#unless steps.1.zero}}", "{{~else~}} x {{/unless}}"),
            ("\n {{#if (eq steps.1.zero 0)}} \n", " {{else}} y {{~/if}}\n"),
            ("{{#each steps.1.items}}{{@index}}{{@first}}{{@last}}{{this.sku}}{{sku}}{{#with ../this}}", "{{/with}}{{/each}}"),
            ("{{#each steps.1.items~}}\n {{sku}}{{#with ../this}}", "{{/with}}{{/each~}}\n"),
            ("{{#each steps.1.items}}{{#each tags}}{{this}}{{../sku}}{{@../index}}{{/each}}{{/each}}", ""),
            ("{{#each steps.1.data as |v k|}}{{k}}{{@key}}{{#if @first}}{{v}}{{/if}}{{/each}}", ""),
            ("{{#with steps.[1]}}{{name}}{{../steps.1.zero}}{{@root.steps.1.zero}}{{#with data}}{{b}}{{/with}}{{/with}}", ""),
        ]);
        (block, prop::collection::vec(inner, 0..5))
            .prop_map(|((open, close), inner)| format!("{open}{}{close}", inner.concat()))
    })
}

#[test]
fn templates_render_as_in_handlebars() {
    const CASES: usize = 2_000;
    // Three backslashes before braces, and unescaped values side by side, are rendered differently.
    const DIFFERENT: usize = 9;
    let mut runner = TestRunner::deterministic();
    let mut template = || {
        let parts = prop::collection::vec(templates(), 0..5).new_tree(&mut runner).expect("templates can be made");
        parts.current().concat()
    };
    let sources: Vec<String> = (0..CASES).map(|_| template()).collect();
    let script = "
        const handlebars = require('handlebars');
        handlebars.registerHelper('eq', (left, right) => left === right);
        handlebars.registerHelper('concat', (...parts) => parts.slice(0, -1).join(''));
        const render = source => { try { return handlebars.compile(source)(input.data) } catch (error) { return null } };
        console.log(JSON.stringify(input.sources.map(render)));";
    let input = json!({ "sources": sources, "data": { "steps": { "1": data() } } });
    let rendered = node(script, &input);
    let mut scope = Scope::new();
    scope.set_step("1", data());
    let mut differences = Vec::new();
    for (source, theirs) in sources.iter().zip(rendered.as_array().expect("a list")) {
        let ours = Expr::compile(&json!(source)).map(|template| template.resolve(&scope, "", &mut Vec::new()));
        let ours = ours.ok().and_then(Result::ok).flatten().unwrap_or_default();
        if ours != *theirs {
            differences.push(format!("{source:?}\n  {ours}\n  {theirs}"));
        }
    }
    assert!(
        differences.len() <= DIFFERENT,
        "{} differ:\n{}",
        differences.len(),
        differences[..differences.len().min(10)].join("\n")
    );
    assert!(language().contains("the output of 1,991 of 2,000 templates"), "state how many agree");
}

#[test]
fn phone_numbers_are_judged_as_by_libphonenumber() {
    let script = "
        const { PhoneNumberUtil, PhoneNumberFormat, PhoneNumberType } = require('google-libphonenumber');
        const util = PhoneNumberUtil.getInstance();
        const formats = [PhoneNumberFormat.NATIONAL, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.RFC3966];
        const types = [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE, PhoneNumberType.TOLL_FREE];
        const cases = [];
        for (const country of input) for (const type of types) {
            const example = util.getExampleNumberForType(country, type);
            if (!example) continue;
            const e164 = util.format(example, PhoneNumberFormat.E164);
            for (const format of formats) {
                const text = util.format(example, format);
                cases.push([country, text, e164], [country, text + ' ext. 4', e164], [country, text.slice(0, -3), null]);
            }
        }
        const valid = (text, country) => {
            try {
                const number = util.parse(text, country);
                return util.isValidNumberForRegion(number, country) ? util.format(number, PhoneNumberFormat.E164) : null;
            } catch (error) { return null }
        };
        console.log(JSON.stringify(cases.map(([country, text]) => [country, text, valid(text, country)])));";
    let countries: Vec<&str> = "US CA MX BR AR CL CO PE GB IE FR DE AT CH NL BE LU ES PT IT DK SE NO FI IS PL CZ SK HU RO BG \
                                GR CY HR SI EE LV LT UA RU KZ TR IL AE SA EG MA ZA NG KE IN PK CN HK TW JP KR SG MY TH VN PH \
                                ID AU NZ"
        .split_whitespace()
        .collect();
    let cases = node(script, &json!(countries));
    let cases = cases.as_array().expect("a list");
    let ours = |country: &str, text: &str| phone::international(text, country).ok().flatten();
    let differences: Vec<&Value> = cases
        .iter()
        .filter(|case| {
            ours(case[0].as_str().unwrap_or_default(), case[1].as_str().unwrap_or_default()).as_deref()
                != case[2].as_str()
        })
        .collect();
    let agree = cases.len() - differences.len();
    let stated = format!("{agree} of {} numbers", cases.len());
    assert!(
        language().contains(&stated),
        "{stated} agree; state it if it is more than before. These differ: {differences:?}"
    );
}
