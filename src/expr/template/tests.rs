use serde_json::{Value, json};

use super::*;

fn data() -> Value {
    json!({ "name": "<A & B>", "null": null, "zero": 0, "data": { "b": 1, "a": [true] }, "a.b": "dotted",
            "items": [{ "sku": "x", "tags": ["p", "q"] }, { "sku": "y", "tags": [] }], "other key": 5, "@app": 6 })
}

fn scope() -> Scope {
    let mut scope = Scope::new();
    scope.set_step("1", data());
    scope
}

fn render(source: &str) -> (String, Vec<String>) {
    let mut notes = Vec::new();
    let template = Template::compile(source).unwrap_or_else(|fault| panic!("{source}: {fault:?}"));
    let text = template.render(&scope(), &mut notes).unwrap();
    (text, notes.into_iter().map(|note| note.message).collect())
}

fn fault(source: &str) -> Fault {
    Template::compile(source).map(|_| source).unwrap_err()
}

#[test]
fn templates_render() {
    for (source, expected) in [
        ("Hi {{steps.1.name}}", "Hi &lt;A &amp; B&gt;"),
        ("Hi {{{steps.1.name}}}{{&steps.1.name}}", "Hi <A & B><A & B>"),
        ("{{{steps.1.data}}}", r#"{"b":1,"a":[true]}"#),
        ("{{steps.1.data}}", "{&quot;b&quot;:1,&quot;a&quot;:[true]}"),
        ("{{steps.1.data.a}}", "[true]"),
        ("[{{steps.1.null}}]", "[]"),
        ("{{steps.1.items.length}} {{steps.1.[other key]}} {{steps/1/[@app]}} {{steps.1.@app}}", "2 5 6 6"),
        (r"{{{replace 'C:\temp' 'C' 'D'}}}{{{concat '\M' 'it\'s' '\n'}}}", r"D:\temp\Mit's\n"),
        ("{{^if steps.1.null}}a{{else}}b{{/if}}{{^steps.1.zero}}c{{/steps.1.zero}}{{^eq 1 2}}d{{^}}e{{/eq}}", "acd"),
        ("{{#each (split 'a,b')}}{{.}}{{lookup ../steps.1.data 'b'}}{{/each}}", "a1b1"),
        ("a {{! c ~}}   b{{steps.1.zero~}}{{! c}}  c {{~! c}}", "a b0  c"),
        ("{{#each steps.1.items~}}\n {{sku}}\t{{/each~}}\n z", "x\ty\tz"),
        (
            "{{steps.1.a.b}} {{steps.1.[a.b]}} {{#with steps.1}}{{a.b}} {{./a.b}}{{/with}}",
            "dotted dotted dotted dotted",
        ),
        ("{{#if steps.1.items.length}}some{{else}}none{{/if}}", "some"),
        ("{{#if steps.1.zero}}a{{else}}b{{/if}}{{#if steps.1.zero includeZero=true}}c{{/if}}", "bc"),
        ("{{#unless steps.1.zero}}a{{/unless}}{{#unless steps.1.name}}b{{else}}c{{/unless}}", "ac"),
        ("{{#if steps.1.null}}a{{else if steps.1.zero}}b{{else}}c{{/if}}", "c"),
        (
            "{{#each steps.1.items}}{{@index}}{{sku}}{{this.tags.length}}{{{this.tags}}};{{/each}}",
            r#"0x2["p","q"];1y0[];"#,
        ),
        ("{{#each steps.1.data}}{{@key}}={{this}}{{#unless @last}}, {{/unless}}{{/each}}", "b=1, a=[true]"),
        (
            "{{#each steps.1.items as |item n|}}{{n}}{{item.sku}}{{#with item}}{{sku}}{{n}}{{/with}}{{/each}}",
            "0xx01yy1",
        ),
        (
            "{{#each steps.1.items}}{{#each tags}}{{@../index}}{{@index}}{{../sku}}{{@first}} {{/each}}{{/each}}",
            "00xtrue 01xfalse ",
        ),
        (
            "{{#each steps.1.items}}{{@root.steps.1.zero}}{{../steps.1.zero}}{{#with this}}{{sku}}{{@index}}{{/with}}{{/each}}",
            "00x000y1",
        ),
        ("{{#each steps.1.null}}a{{else}}none{{/each}}{{#each steps.1.name}}a{{else}}none{{/each}}", "nonenone"),
        ("{{#with steps.1.missing}}a{{else}}none{{/with}}{{#with steps.1.zero}}zero{{/with}}", "nonezero"),
        ("{{#if steps.1.data}}{{{steps.1.data}}}{{/if}}", r#"{"b":1,"a":[true]}"#),
        ("{{#if (eq steps.1.data.b 1)}}one{{/if}}{{#eq steps.1.data.b 2}}a{{else}}b{{/eq}}", "oneb"),
        ("{{lookup steps.1.data 'b'}}{{lookup steps.1.items 9}}{{lookup (lookup steps.1.items 1) 'sku'}}", "1y"),
        ("{{json steps.1.name}} {{{json steps.1.data}}}", r#""<A & B>" {"b":1,"a":[true]}"#),
        ("?q={{urlencode steps.1.name}}", "?q=%3CA%20%26%20B%3E"),
        ("{{#each (split 'a,b' ',')}}{{this}}{{@index}}{{/each}}", "a0b1"),
        ("{{toUpper (concat steps.1.zero 'x<' )}}{{{toUpper 'x<'}}}", "0X&lt;X<"),
        ("{{! nothing }}{{!-- nothing --}}a \\{{b}}", "a {{b}}"),
        ("{{{{raw}}}}{{x}} {{{{/raw}}}}", "{{x}} "),
        ("{{#each steps.1.items}}{{size}}{{/each}}|{{~#if true}} x {{~/if~}} |", "| x|"),
    ] {
        assert_eq!(render(source), (expected.to_owned(), vec![]), "{source}");
    }
}

#[test]
fn missing_values_are_empty_and_noted() {
    let (text, notes) = render("a{{{steps.1.nme}}}b{{steps.2.x}}c{{json steps.3}}{{toUpper steps.1.nme}}");
    assert_eq!(text, "abcnull");
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("did you mean `name`?"), "{notes:?}");
    assert_eq!(notes[1], "no value at `steps.2.x`: `steps.2` has not run");
    // Tested values and members of loop items may be missing without a note; paths from the root may not.
    assert_eq!(render("{{#if steps.9}}{{/if}}{{#each steps.9}}{{/each}}{{#with (eq steps.9 1)}}{{/with}}").1.len(), 0);
    assert_eq!(
        render("{{#each steps.1.items}}{{nothing}}{{../steps.9}}{{steps.1.zero}}{{/each}}").1,
        [
            "no value at `steps.9`: `steps.9` has not run",
            "no value at `steps.1.zero`: inside `each` and `with` a path starts at the item, which has no `steps`; \
         `@root.steps.1.zero` starts at the top",
        ]
    );
    assert_eq!(
        render("{{parseInt steps.1.name}}{{math 1 '/' 0}}").1,
        ["`<A & B>` does not start with a number", "1 cannot be divided by zero"]
    );
    let many: String = (0..50).map(|step| format!("{{{{steps.x{step}}}}}")).collect();
    assert_eq!(render(&many).1.len(), 20);
}

#[test]
fn faults_are_found_at_compile_time() {
    for (source, message) in [
        ("{{jsn steps.1}}", "unknown helper `jsn`"),
        ("{{#if steps.1}}{{#each (or steps.1 (fnord steps.1))}}{{/each}}{{/if}}", "unknown helper `fnord`"),
        ("{{#steps}}{{/steps}}", "unknown helper `steps`"),
        ("{{log steps.1}}", "unknown helper `log`"),
        ("{{#if steps.1}}{{> other}}{{/if}}", "partials are not allowed: `other`"),
        ("{{#*inline \"x\"}}{{/inline}}", "decorators are not allowed: `inline`"),
        ("{{* x}}", "decorators are not allowed"),
        ("{{#> x}}{{/x}}", "partials are not allowed"),
        ("{{step.1.id}}", "a path cannot start with `step`"),
        ("{{#if x}}{{/if}}", "a path cannot start with `x`"),
        ("{{#steps.1.list}}{{/steps.1.list}}", "a block opens with a helper, not with the value `steps.1.list`"),
        ("{{if steps.1}}", "`if` is a block helper"),
        ("{{#json steps.1}}{{/json}}", "`json` is not a block helper"),
        ("{{#if steps.1 steps.2}}{{/if}}", "`if` takes one argument"),
        ("{{#each}}{{/each}}", "`each` takes one argument"),
        ("{{#if steps.1 includezero=true}}{{/if}}", "`if` has no parameter `includezero`"),
        ("{{#if steps.1 as |x|}}{{/if}}", "`if` allows at most 0 names after `as`"),
        ("{{toUpper}}", "`toUpper` requires `text`"),
        ("{{toUpper steps.1 steps.2}}", "`toUpper` takes at most 1 argument, not 2"),
        ("{{toUpper [1]}}", "`text` of `toUpper`: expected a string, not a list"),
        ("{{date 'day' count='x'}}", "`count` of `date`: expected a number, not the string `x`"),
        ("{{date 'dy'}}", "`unit` of `date`: expected one of years"),
        (
            "{{#inBusinessHours steps.1.at 'emea'}}{{/inBusinessHours}}",
            "`inBusinessHours` takes at most 1 argument, not 2",
        ),
        ("{{inBusinessHours steps.1.at scheduleId='emea'}}", "`inBusinessHours` has no parameter `scheduleId`"),
        (
            "{{dateFormat steps.1 tz='Europe/Belin'}}",
            "`tz` of `dateFormat`: unknown time zone `Europe/Belin`; did you mean",
        ),
        ("{{dateFormat steps.1 'LL' format='LL'}}", "`dateFormat` has `format` twice"),
        ("{{dateFormat steps.1 fromat='LL'}}", "`dateFormat` has no parameter `fromat`"),
        ("{{@index}}", "`@index` is only available inside `each`"),
        ("{{#each steps.1}}{{@idx}}{{@../index}}{{/each}}", "unknown variable `@idx`"),
        ("{{#each steps.1}}{{@../index}}{{/each}}", "`@../index` is only available inside `each`"),
        ("{{#each steps.1}}{{../../x}}{{/each}}", "`../../x` leaves 2 blocks, but is inside 1"),
        ("a\nb{{#if steps.1}}\n{{jsn 1}}{{/if}}", "unknown helper `jsn` at line 3, column 1 of the template"),
    ] {
        let fault = fault(source);
        assert!(fault.message.contains(message), "{source}: {fault:?}");
    }
    assert_eq!(fault("{{jsn steps.1}}").help.as_deref(), Some("did you mean `json`?"));
    assert_eq!(fault("{{step.1.id}}").help.as_deref(), Some("did you mean `steps`?"));
    assert_eq!(fault("{{dateFormat steps.1 fromat='LL'}}").help.as_deref(), Some("did you mean `format`?"));
}

/// What is wrong, where, and what would be right.
#[test]
fn mistakes_in_tags_are_explained() {
    let sources = [
        "{{steps.1.x}",
        "{{{steps.1.x}}",
        "{{steps.1.x",
        "Hello {{steps.1.x} and {{steps.1.y}}",
        "Hello {{#if steps.1}} there",
        "{{#if steps.1}}{{#each steps.1.items}}{{/if}}",
        "{{/if}}",
        "{{else}}",
        "{{#if steps.1}}a{{else}}b{{else}}c{{/if}}",
        "{{steps.1.items[0].name}}",
        "{{steps.1.first name}}",
        "{{steps.1.price * 2}}",
        "{{#if steps.1.status == 'paid'}}x{{/if}}",
        "{{#if steps.1.a && steps.1.b}}x{{/if}}",
        "{{steps.1.name | upper}}",
        "{{steps.1.paid ? 'a' : 'b'}}",
        "{{concat steps.1.a, steps.1.b}}",
        "{{concat 'it's'}}",
        "{{toUpper (concat 'a'}}",
        "{{toUpper concat 'a')}}",
        "{{}}",
        "{{! note",
        "{{#list}}{{/list}}",
        "{{#each steps.1.items as |item}}{{/each}}",
        "{{{{x}}}}y{{{{/x}}}}",
        "line one\nline two {{#if steps.1}}",
    ];
    let explained = sources.map(|source| {
        let Fault { message, help, .. } = fault(source);
        format!("{source}\n  {message}\n  = {}\n", help.unwrap_or_default())
    });
    insta::assert_snapshot!(explained.concat());
}

#[test]
fn deep_nesting_is_rejected_before_parsing() {
    assert!(fault(&"{{~ #if a}}".repeat(10_000)).message.contains("at most 64 blocks"));
    assert!(fault(&format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if a}}".repeat(64))).message.contains("at most 64"));
    let deeper = format!("{{{{json {}1{}}}}}", "(not ".repeat(201), ")".repeat(201));
    assert!(fault(&deeper).message.contains("at most 200 opening"));
    assert!(Template::compile(&format!("{{{{json {}{}}}}}", "[".repeat(9000), "]".repeat(9000))).is_err());
    // The deepest allowed nesting must not overflow the stack of a test thread.
    let call = format!("{{{{json {}1{}}}}}", "(not ".repeat(200), ")".repeat(200));
    let deepest = format!("{}{call}{}", "{{#if true}}".repeat(64), "{{/if}}".repeat(64));
    assert_eq!(render(&deepest).0, "true");
}

#[test]
fn subjects_are_found_everywhere() {
    let steps = |source: &str| {
        let subjects = Template::compile(source).unwrap().subjects().to_vec();
        subjects.into_iter().map(|subject| match subject {
            Subject::Step(id) => id,
            Subject::Variable(name) => format!("${name}"),
            Subject::Item => "item".to_owned(),
        })
    };
    let found: Vec<String> = steps("{{steps.b.x}}{{#if (eq steps.[a b].x steps.d)}}{{{variables.c}}}{{/if}}").collect();
    assert_eq!(found, ["a b", "b", "d", "$c"]);
    let scoped = "{{#each steps.1.list}}{{steps.0}}{{@root.steps.2}}{{../steps.3}}{{date tz=@root.steps.4}}{{/each}}";
    assert_eq!(steps(scoped).collect::<Vec<_>>(), ["1", "2", "3", "4"]);
}

#[test]
fn output_is_limited() {
    let mut scope = Scope::new();
    scope.set_step("1", json!(vec![0; 300]));
    let each = "{{#each steps.1}}{{#each ../steps.1}}0123456789{{/each}}{{/each}}";
    for source in [each, &"{{{steps.1}}}".repeat(200), &"{{steps.1}}".repeat(200)] {
        let error = Template::compile(source).unwrap().render(&scope, &mut Vec::new());
        assert!(matches!(error, Err(EvalError::OutputTooLarge { .. })), "{source}");
    }
}

#[test]
fn a_clock_limits_the_time() {
    let mut scope = scope();
    scope.set_step("1", json!(vec![0; 10_000]));
    let template = Template::compile("{{#each steps.1}}{{/each}}").unwrap();
    assert!(template.render(&scope, &mut Vec::new()).is_ok());
    scope.set_clock(|| {
        static READINGS: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
        std::time::Duration::from_millis(10 * READINGS.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
    });
    let error = template.render(&scope, &mut Vec::new()).unwrap_err().to_string();
    assert!(error.ends_with("is too expensive: more than 50 milliseconds"), "{error}");
}

#[test]
fn the_most_expensive_templates_end_soon() {
    let mut scope = Scope::new();
    let texts: Vec<String> = (0..1_000).map(|item| format!("{item} {}", "é".repeat(180))).collect();
    scope.set_step("1", json!({ "list": vec![0; 100_000], "texts": texts, "text": "a".repeat(390_000) }));
    for (source, exceeds) in [
        ("{{#each steps.1.list}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#each ../steps.1.texts}}{{#if false}}{{/if}}{{/each}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#each ../steps.1.texts}}{{#if (eq this ../this)}}{{/if}}{{/each}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#if (eq @root.steps.1 @root.steps.1)}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#if (contains @root.steps.1.texts @root.steps.1.texts)}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#if @root.steps.1.text.length}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#if (toUpper @root.steps.1.text)}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#if (json @root.steps.1)}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#if (map @root.steps.1.list 'a.b')}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.texts}}{{#if (dateFormat 0 'LLLL LLLL LLLL')}}{{/if}}{{/each}}", false),
        ("{{#each steps.1.texts}}{{#if (dateFormat 0 tz='Asia/Tokyo')}}{{/if}}{{/each}}", false),
        ("{{#each steps.1.list}}{{#if (dateFormat 0 'LLLL LLLL LLLL LLLL LLLL')}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.list}}{{#if (date 'months' count=7 tz='Asia/Tokyo')}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.list}}{{#if (dateDiff 'months' from=0)}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.list}}{{#if (hmac 'sha512' 'k' this)}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.list}}{{#if (randomId size=128)}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.list}}{{#if (isValidPhoneNumber '2125550123' country='NZ')}}{{/if}}{{/each}}", true),
        (
            "{{#each steps.1.list}}{{#if (replace 'abababababababababababababababababababab' 'a' 'xx')}}{{/if}}{{/each}}",
            true,
        ),
        ("{{#each steps.1.list}}{{#if (round 1.234567 2)}}{{/if}}{{/each}}", true),
        ("{{#each steps.1.list}}{{#if (parseJSON '[1,2,3,4,5]')}}{{/if}}{{/each}}", true),
        ("{{#if (markdown (replace (substring steps.1.text 0 60000) 'a' '*'))}}{{/if}}", false),
        ("{{#if (markdown (replace (substring steps.1.text 0 30000) 'a' '> '))}}{{/if}}", false),
        ("{{#if (markdown (replace (substring steps.1.text 0 60000) 'a' '['))}}{{/if}}", false),
        ("{{#if (markdown (replace (substring steps.1.text 0 60000) 'a' '`'))}}{{/if}}", false),
        ("{{#if (markdown (replace (substring steps.1.text 0 20000) 'a' '- '))}}{{/if}}", false),
        ("{{#each steps.1.texts}}{{#if (hmac 'sha512' 'k' this)}}{{/if}}{{/each}}", false),
        ("{{#each steps.1.texts}}{{#if (markdown this)}}{{/if}}{{/each}}", true),
        ("{{#if (markdown (substring steps.1.text 0 60000))}}{{/if}}", false),
        ("{{#if (replace steps.1.text 'a' 'bb')}}{{/if}}", false),
    ] {
        let template = Template::compile(source).unwrap();
        let started = std::time::Instant::now();
        let rendered = template.render(&scope, &mut Vec::new());
        let took = started.elapsed();
        if std::env::var_os("HOOKFLOW_TEST_ROUNDS").is_some() {
            eprintln!("{took:?} {source}");
        }
        assert_eq!(matches!(rendered, Err(EvalError::TooMuchWork { .. })), exceeds, "{source}: {rendered:?}");
        // Generous, because tests run unoptimised and in parallel; optimised, none takes 50 ms.
        assert!(took.as_secs() < 5, "{source} took {took:?}");
    }
}
