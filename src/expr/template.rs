//! Handlebars templates: `"Order {{{steps.1.attributes.data.orderId}}}"`.
//!
//! `{{x}}` escapes for HTML, `{{{x}}}` does not. Lists and objects show as JSON, null and what is missing as nothing.
//! A template is parsed once and cut into [`Part`]s: plain variables, which nearly all templates consist of, are
//! looked up here, which is fast and tells what is missing; all else is left to handlebars. Within blocks a missing
//! value is not noted: `{{#if}}` is there to ask for it. There and in calls of helpers, a name that is looked up in a
//! list (`length` excepted) fails the template, where it would be missing elsewhere.
//!
//! Partials and decorators are refused, with them templates could recurse without end. handlebars parses and renders
//! recursively, and an overflow of the stack would end the process; so tags that nest are counted before parsing. The
//! output is capped, the time is not: nested `{{#each}}` blocks that write nothing can take long.

use handlebars::template::{HelperTemplate, Parameter, Subexpression, Template as Parsed, TemplateElement};
use handlebars::{Output, Path as ParsedPath, PathSeg, RenderContext, Renderable, html_escape};
use serde_json::Value;

use super::helpers::{HELPERS, LENGTH, REGISTRY, TEXT, show};
use super::path::Path;
use super::{EvalError, Fault, Note, Scope, brief, guarded};
use crate::objects::nearest;

/// The longest text that a template may give, in bytes.
pub(super) const OUTPUT_MAX: usize = 64 * 1024;

/// How many blocks and `else` branches a template may have, and so how deep they may nest.
const BLOCKS_MAX: usize = 64;

/// How many parentheses may open in a template; those of its raw text count too, so this is generous.
const PARENTHESES_MAX: usize = 200;

/// A compiled template.
#[derive(Clone, Debug)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
    steps: Vec<String>,
}

#[derive(Clone, Debug)]
enum Part {
    Text(String),
    Variable {
        path: Path,
        escaped: bool,
    },
    /// For handlebars to render; `paths` are looked up to note what is missing.
    Element {
        element: TemplateElement,
        paths: Vec<Path>,
    },
}

impl Template {
    /// Parses and checks a template.
    pub(super) fn compile(source: &str) -> Result<Template, Fault> {
        check_nesting(source)?;
        let parsed = guarded(|| Parsed::compile(source)).ok_or_else(|| Fault::new("the template is not valid"))?;
        let parsed = parsed.map_err(|error| {
            let place = error.pos().map_or(String::new(), |(line, column)| format!(" at line {line}, column {column}"));
            Fault::new(format!("the template is not valid{place}: {}", error.reason()))
        })?;
        let mut checker = Checker { steps: Vec::new() };
        let parts = parsed.elements.into_iter().map(|element| checker.part(element)).collect::<Result<_, Fault>>()?;
        let mut steps = checker.steps;
        steps.sort();
        steps.dedup();
        Ok(Template { source: source.to_owned(), parts, steps })
    }

    /// The ids of the steps that it refers to.
    pub(super) fn steps(&self) -> &[String] {
        &self.steps
    }

    /// The text it gives. What is missing is noted.
    pub(super) fn render(&self, scope: &Scope, notes: &mut Vec<Note>) -> Result<String, EvalError> {
        let mut output = CappedOutput { text: String::new(), exceeded: false };
        for part in &self.parts {
            let result = self.render_part(part, scope, notes, &mut output);
            if output.exceeded {
                return Err(EvalError::OutputTooLarge { expression: self.source.clone() });
            }
            result.map_err(|reason| EvalError::Template { expression: self.source.clone(), reason })?;
        }
        Ok(output.text)
    }

    fn render_part(
        &self,
        part: &Part,
        scope: &Scope,
        notes: &mut Vec<Note>,
        output: &mut CappedOutput,
    ) -> Result<(), String> {
        match part {
            Part::Text(text) => output.write(text).map_err(|error| error.to_string()),
            Part::Variable { path, escaped } => {
                let Some(value) = path.find(scope.data()) else {
                    notes.push(self.missing(path, scope.data()));
                    return Ok(());
                };
                let text = show(&value);
                let written = if *escaped { output.write(&html_escape(&text)) } else { output.write(&text) };
                written.map_err(|error| error.to_string())
            }
            Part::Element { element, paths } => {
                let missing = paths.iter().filter(|path| path.find(scope.data()).is_none());
                notes.extend(missing.map(|path| self.missing(path, scope.data())));
                let mut render = RenderContext::new(None);
                let result = guarded(|| element.render(&REGISTRY, scope.context(), &mut render, output));
                let result = result.ok_or("the template library gave up on it")?;
                result.map_err(|error| error.reason().to_string())
            }
        }
    }

    fn missing(&self, path: &Path, data: &Value) -> Note {
        Note { pointer: String::new(), expression: self.source.clone(), message: path.explain(data) }
    }
}

/// Counts what nests, before a parser that recurses sees it. Tags may start with spaces and `~`.
fn check_nesting(source: &str) -> Result<(), Fault> {
    let mut blocks = 0;
    for tag in source.split("{{").skip(1) {
        let head =
            tag.trim_start_matches(|character: char| character.is_whitespace() || matches!(character, '~' | '{'));
        blocks += usize::from(head.starts_with(['#', '^']) || head.starts_with("else"));
    }
    if source.matches('(').count() > PARENTHESES_MAX {
        return Err(Fault::new(format!("a template has at most {PARENTHESES_MAX} opening parentheses")));
    }
    if blocks > BLOCKS_MAX {
        return Err(Fault::new(format!("a template has at most {BLOCKS_MAX} blocks and else branches, not {blocks}")));
    }
    Ok(())
}

/// Walks a parsed template: finds what is not allowed, gathers the steps, and puts in the helpers `text` and `length`.
struct Checker {
    steps: Vec<String>,
}

impl Checker {
    /// One element at the top of the template.
    fn part(&mut self, mut element: TemplateElement) -> Result<Part, Fault> {
        if let TemplateElement::RawString(text) = element {
            return Ok(Part::Text(text));
        }
        let escaped = matches!(element, TemplateElement::Expression(_));
        let mut paths = Vec::new();
        if let TemplateElement::Expression(call) | TemplateElement::HtmlExpression(call) = &element {
            if let Some(path) = variable(call).map(plain_path).transpose()?.flatten() {
                self.steps.extend(path.step().map(str::to_owned));
                return Ok(Part::Variable { path, escaped });
            }
            if matches!(call.name.as_name(), Some("json" | "urlencode")) {
                let arguments = call.params.iter().filter_map(|parameter| match parameter {
                    Parameter::Path(path) => plain_path(path).transpose(),
                    _ => None,
                });
                paths = arguments.collect::<Result<_, Fault>>()?;
            }
        }
        self.element(&mut element, false)?;
        Ok(Part::Element { element, paths })
    }

    /// Checks an element, and those in it. `scoped` is true within `each` and `with`, where plain names are relative.
    fn element(&mut self, element: &mut TemplateElement, scoped: bool) -> Result<(), Fault> {
        match element {
            TemplateElement::RawString(_) | TemplateElement::Comment(_) => Ok(()),
            TemplateElement::Expression(call) | TemplateElement::HtmlExpression(call) => {
                if variable(call).is_some() || matches!(call.name, Parameter::Subexpression(_)) {
                    let shown = std::mem::replace(&mut call.name, Parameter::Name(TEXT.to_owned()));
                    call.params = vec![shown];
                    return self.parameters(call, scoped);
                }
                self.call(call, scoped)
            }
            TemplateElement::HelperBlock(call) => {
                self.call(call, scoped)?;
                let inner = scoped || matches!(call.name.as_name(), Some("each" | "with"));
                let branches = [(&mut call.template, inner), (&mut call.inverse, scoped)];
                for (branch, scoped) in branches {
                    for element in branch.iter_mut().flat_map(|branch| &mut branch.elements) {
                        self.element(element, scoped)?;
                    }
                }
                Ok(())
            }
            TemplateElement::DecoratorExpression(tag) | TemplateElement::DecoratorBlock(tag) => {
                Err(Fault::new(format!("decorators are not allowed: `{}`", brief(tag.name.as_name().unwrap_or("*")))))
            }
            TemplateElement::PartialExpression(tag) | TemplateElement::PartialBlock(tag) => {
                Err(Fault::new(format!("partials are not allowed: `{}`", brief(tag.name.as_name().unwrap_or(">")))))
            }
            _ => Err(Fault::new("the template has a tag of an unknown kind")),
        }
    }

    fn call(&mut self, call: &mut HelperTemplate, scoped: bool) -> Result<(), Fault> {
        let name = call.name.as_name().unwrap_or_default();
        if !HELPERS.contains(&name) {
            let help = match nearest(name, HELPERS) {
                Some(suggestion) => format!("did you mean `{suggestion}`?"),
                None => format!("the helpers are {}", HELPERS.join(", ")),
            };
            return Err(Fault::new(format!("unknown helper `{}`", brief(name))).help(help));
        }
        self.parameters(call, scoped)
    }

    fn parameters(&mut self, call: &mut HelperTemplate, scoped: bool) -> Result<(), Fault> {
        for parameter in call.params.iter_mut().chain(call.hash.values_mut()) {
            match parameter {
                Parameter::Path(path) => {
                    self.steps.extend(step_of(path, scoped));
                    if let Some(holder) = holder_of_length(path) {
                        let (name, arguments) = (Parameter::Name(LENGTH.to_owned()), vec![Parameter::Path(holder)]);
                        *parameter = Parameter::Subexpression(Subexpression::new(name, arguments, Default::default()));
                    }
                }
                Parameter::Subexpression(inner) => {
                    if let TemplateElement::Expression(call) = &mut *inner.element {
                        self.call(call, scoped)?;
                    }
                }
                // Names and literals.
                _ => {}
            }
        }
        Ok(())
    }
}

/// The path of an expression that shows a variable and calls nothing.
fn variable(call: &HelperTemplate) -> Option<&ParsedPath> {
    let bare = !call.block && call.params.is_empty() && call.hash.is_empty();
    match &call.name {
        Parameter::Path(path) if bare && !call.name.as_name().is_some_and(|name| HELPERS.contains(&name)) => Some(path),
        _ => None,
    }
}

/// A path from the top of the scope; `None` for `this`, `@root.…` and other such ones, which are left to handlebars.
fn plain_path(path: &ParsedPath) -> Result<Option<Path>, Fault> {
    let ParsedPath::Relative((segments, _)) = path else { return Ok(None) };
    let Some(names) = names(segments).filter(|names| !names.is_empty()) else { return Ok(None) };
    Path::from_names(&names.join("."), names.iter().copied()).map(Some)
}

fn names(segments: &[PathSeg]) -> Option<Vec<&str>> {
    fn name(segment: &PathSeg) -> Option<&str> {
        if let PathSeg::Named(name) = segment { Some(name) } else { None }
    }
    segments.iter().map(name).collect()
}

fn step_of(path: &ParsedPath, scoped: bool) -> Option<String> {
    let ParsedPath::Relative((segments, _)) = path else { return None };
    let named = segments.iter().position(|segment| matches!(segment, PathSeg::Named(_)))?;
    match names(&segments[named..])?.as_slice() {
        // After `../` or `@root.` it may well be the scope's `steps`, even within `each`.
        ["steps", step, ..] if named > 0 || !scoped => Some((*step).to_owned()),
        _ => None,
    }
}

/// For `x.length` the path `x`: handlebars fails on a name that it looks up in a list.
fn holder_of_length(path: &ParsedPath) -> Option<ParsedPath> {
    let ParsedPath::Relative((segments, raw)) = path else { return None };
    match segments.split_last()? {
        (PathSeg::Named(last), holder) if last == LENGTH && !holder.is_empty() => {
            Some(ParsedPath::Relative((holder.to_vec(), raw.clone())))
        }
        _ => None,
    }
}

/// Text up to [`OUTPUT_MAX`] bytes; writing more fails.
struct CappedOutput {
    text: String,
    exceeded: bool,
}

impl Output for CappedOutput {
    fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.exceeded |= self.text.len() + text.len() > OUTPUT_MAX;
        if self.exceeded {
            return Err(std::io::Error::other("the text is too long"));
        }
        self.text.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        let mut scope = Scope::new();
        scope.set_step(
            "1",
            json!({ "name": "<A & B>", "null": null, "data": { "b": 1, "a": [true] },
                    "items": [{ "sku": "x", "tags": ["p", "q"] }, { "sku": "y", "tags": [] }], "other key": 5 }),
        );
        scope
    }

    fn render(source: &str) -> (String, Vec<String>) {
        let mut notes = Vec::new();
        let text = Template::compile(source).unwrap().render(&scope(), &mut notes).unwrap();
        (text, notes.into_iter().map(|note| note.message).collect())
    }

    fn fault(source: &str) -> Fault {
        Template::compile(source).unwrap_err()
    }

    #[test]
    fn renders_without_anything_missing() {
        for (source, expected) in [
            ("Hi {{steps.1.name}}", "Hi &lt;A &amp; B&gt;"),
            ("Hi {{{steps.1.name}}}{{&steps.1.name}}", "Hi <A & B><A & B>"),
            ("{{{steps.1.data}}}", r#"{"b":1,"a":[true]}"#),
            ("{{steps.1.data.a}}", "[true]"),
            ("[{{steps.1.null}}]", "[]"),
            ("{{steps.1.items.length}} {{steps.1.[other key]}}", "2 5"),
            ("{{#if steps.1.items.length}}some{{else}}none{{/if}}", "some"),
            (
                "{{#each steps.1.items}}{{@index}}{{sku}}{{this.tags.length}}{{{this.tags}}};{{/each}}",
                r#"0x2["p","q"];1y0[];"#,
            ),
            ("{{#each steps.1.items}}{{@root.steps.1.other}}{{#with this}}{{sku}}{{/with}}{{/each}}", "xy"),
            ("{{#if steps.1.data}}{{{steps.1.data}}}{{/if}}", r#"{"b":1,"a":[true]}"#),
            ("{{#if (eq steps.1.data.b 1)}}one{{/if}}", "one"),
            ("{{lookup steps.1.data 'b'}}", "1"),
            ("{{json steps.1.name}} {{{json steps.1.data}}}", r#""<A & B>" {"b":1,"a":[true]}"#),
            ("?q={{urlencode steps.1.name}}", "?q=%3CA%20%26%20B%3E"),
            ("{{! nothing }}{{!-- nothing --}}a \\{{b}}", "a {{b}}"),
        ] {
            assert_eq!(render(source), (expected.to_owned(), vec![]), "{source}");
        }
    }

    #[test]
    fn what_is_missing_is_empty_and_noted() {
        let (text, notes) = render("a{{{steps.1.nme}}}b{{steps.2.x}}c{{json steps.3}}");
        assert_eq!(text, "abcnull");
        assert_eq!(notes.len(), 3);
        assert!(notes[0].contains("did you mean `name`?"), "{notes:?}");
        assert_eq!(notes[1], "nothing at `steps.2.x`: `steps.2` has not run");
        assert_eq!(render("{{#if steps.9}}{{/if}}{{#each steps.9}}{{/each}}{{steps.1.items.x}}").1.len(), 1);
    }

    #[test]
    fn mistakes_are_found_at_load_time() {
        assert_eq!(fault("{{jsn steps.1}}").help.as_deref(), Some("did you mean `json`?"));
        assert_eq!(fault("{{#if x}}{{#each (or y (fnord z))}}{{/each}}{{/if}}").message, "unknown helper `fnord`");
        assert_eq!(fault("{{#steps}}{{/steps}}").message, "unknown helper `steps`");
        assert_eq!(fault("{{log steps.1}}").message, "unknown helper `log`");
        assert_eq!(fault("{{#if steps.1}}{{> other}}{{/if}}").message, "partials are not allowed: `other`");
        assert!(fault("{{#*inline \"x\"}}{{/inline}}").message.starts_with("decorators are not allowed: `inline`"));
        assert!(fault("{{* x}}").message.starts_with("decorators are not allowed"));
        assert!(fault("{{#> x}}{{/x}}").message.starts_with("partials are not allowed"));
        assert_eq!(fault("{{step.1.id}}").help.as_deref(), Some("did you mean `steps`?"));
        let message = fault("Hello {{#if steps.1}} there").message;
        assert!(message.starts_with("the template is not valid at line 1, column "), "{message}");
    }

    #[test]
    fn deep_nesting_is_refused_before_it_is_parsed() {
        assert!(fault(&"{{~ #if a}}".repeat(10_000)).message.contains("at most 64 blocks"));
        assert!(
            fault(&format!("{{{{#if a}}}}{}{{{{/if}}}}", "{{else if a}}".repeat(64))).message.contains("at most 64")
        );
        assert!(fault(&format!("{{{{json {}", "(not ".repeat(201))).message.contains("at most 200 opening"));
        assert!(Template::compile(&format!("{{{{json {}{}}}}}", "[".repeat(9000), "]".repeat(9000))).is_err());
        // The deepest that is let through must not overflow the stack of a test's thread.
        let call = format!("{{{{json {}1{}}}}}", "(not ".repeat(200), ")".repeat(200));
        let deepest = format!("{}{call}{}", "{{#if true}}".repeat(64), "{{/if}}".repeat(64));
        assert_eq!(render(&deepest).0, "true");
    }

    #[test]
    fn output_is_capped() {
        let mut scope = Scope::new();
        scope.set_step("1", json!(vec![0; 300]));
        let each = "{{#each steps.1}}{{#each ../steps.1}}0123456789{{/each}}{{/each}}";
        for source in [each, &"{{{steps.1}}}".repeat(200)] {
            let error = Template::compile(source).unwrap().render(&scope, &mut Vec::new());
            assert!(matches!(error, Err(EvalError::OutputTooLarge { .. })), "{source}");
        }
    }

    #[test]
    fn a_failing_template_says_why() {
        let error = Template::compile("{{#each steps.1.items}}{{this.tags.x}}{{/each}}").unwrap();
        let error = error.render(&scope(), &mut Vec::new()).unwrap_err().to_string();
        assert!(error.ends_with("failed: Cannot access array/vector with string index, x"), "{error}");
    }

    #[test]
    fn steps_are_found_everywhere() {
        let steps = |source: &str| Template::compile(source).unwrap().steps().to_vec();
        assert_eq!(
            steps("{{steps.b.x}}{{#if (eq steps.[a b].x steps.d)}}{{{steps.c}}}{{/if}}"),
            ["a b", "b", "c", "d"]
        );
        assert_eq!(steps("{{#each steps.1.list}}{{steps.0}}{{@root.steps.2}}{{../steps.3}}{{/each}}"), ["1", "2", "3"]);
    }
}
