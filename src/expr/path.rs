//! Paths into a scope: `steps.1.attributes.data.email`.
//!
//! The first name is one of [`ROOTS`]; the following ones are looked up as described in [`super::keys`]. The second
//! name is the id of a step after `steps`, and the id or the name of a variable after `variables`.
//!
//! [`Path::find`] is on the hot path of every run and does not allocate. If it finds no value, [`Path::explain`] walks
//! the path again to say where it ended.

use std::borrow::Cow;

use serde_json::Value;

use super::keys::{Keys, LENGTH};
use super::report::{Fault, Subject, brief};
use super::scope::Scope;
use crate::objects::nearest;

/// The first names of paths.
pub(super) const ROOTS: [&str; 6] = [STEPS, VARIABLES, ERROR, ENVIRONMENT, ITEM, INDEX];

pub(super) const STEPS: &str = "steps";
pub(super) const VARIABLES: &str = "variables";
pub(super) const ERROR: &str = "error";
pub(super) const ENVIRONMENT: &str = "_env";
/// The current item of a list that a step iterates over, and its index, from 0.
pub(super) const ITEM: &str = "item";
pub(super) const INDEX: &str = "index";

/// A compiled path.
#[derive(Clone, Debug)]
pub struct Path {
    /// Never empty.
    keys: Keys,
    root: Root,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Root {
    Steps,
    Variables,
    Error,
    Environment,
    Item,
    Index,
}

impl Path {
    /// Compiles a dotted path.
    pub(super) fn compile(text: &str) -> Result<Path, Fault> {
        let root = match text.split('.').next().unwrap_or_default() {
            STEPS => Root::Steps,
            VARIABLES => Root::Variables,
            ERROR => Root::Error,
            ENVIRONMENT => Root::Environment,
            ITEM => Root::Item,
            INDEX => Root::Index,
            other => return Err(unknown_root(other)),
        };
        let keys = Keys::compile(text)?;
        // Ids of steps contain no dots.
        let joined_from = if root == Root::Steps { 2 } else { 1 };
        Ok(Path { keys: keys.joined_from(joined_from), root })
    }

    /// The source, without `/#`.
    pub(super) fn text(&self) -> &str {
        self.keys.text()
    }

    /// The names, from the root.
    pub(super) fn names(&self) -> Vec<String> {
        (0..).map_while(|index| self.keys.name(index)).map(str::to_owned).collect()
    }

    /// The step or variable that the path points into.
    pub(super) fn subject(&self) -> Option<Subject> {
        if matches!(self.root, Root::Item | Root::Index) {
            return Some(Subject::Item);
        }
        let name = self.keys.name(1)?;
        match self.root {
            Root::Steps => Some(Subject::Step(name.to_owned())),
            // A variable is a string, so the rest of the path is its name, including dots.
            Root::Variables if self.keys.name(2).is_some_and(|next| next != LENGTH) => {
                let rest = &self.text()[VARIABLES.len() + 1..];
                let rest = rest.strip_suffix(LENGTH).and_then(|rest| rest.strip_suffix('.')).unwrap_or(rest);
                Some(Subject::Variable(rest.to_owned()))
            }
            Root::Variables => Some(Subject::Variable(name.to_owned())),
            Root::Error | Root::Environment | Root::Item | Root::Index => None,
        }
    }

    /// The value at the path; `None` if there is none. Null is a value.
    pub(super) fn find<'a>(&self, scope: &'a Scope) -> Option<Cow<'a, Value>> {
        self.keys.find(self.root(scope)?, 1)
    }

    /// Where the path ends, if it has no value.
    pub(super) fn explain(&self, scope: &Scope) -> String {
        let name = brief(self.keys.name(1).unwrap_or_default());
        let reason = match (self.root, self.root(scope)) {
            (Root::Steps, Some(steps)) if steps.get(&*name).is_none() => format!("`steps.{name}` has not run"),
            (Root::Steps | Root::Variables, None) => format!("there is no variable `{name}`"),
            (Root::Error, None) => "no step has failed".to_owned(),
            (Root::Environment, None) => format!("`{ENVIRONMENT}` is not available here"),
            (Root::Item | Root::Index, None) => {
                "`item` and `index` exist only in a step that iterates over a list".to_owned()
            }
            (_, Some(value)) => self.keys.explain(value, 1, self.keys.name(0).unwrap_or_default()),
        };
        format!("no value at `{}`: {reason}", brief(self.text()))
    }

    fn root<'a>(&self, scope: &'a Scope) -> Option<&'a Value> {
        match self.root {
            Root::Steps => scope.data().get(STEPS),
            Root::Variables => scope.data().get(VARIABLES),
            Root::Error => scope.data().get(ERROR),
            Root::Item => scope.data().get(ITEM),
            Root::Index => scope.data().get(INDEX),
            Root::Environment => scope.environment(),
        }
    }
}

/// Whether a path may start with `root`.
pub(super) fn check_root(root: &str) -> Result<(), Fault> {
    if ROOTS.contains(&root) { Ok(()) } else { Err(unknown_root(root)) }
}

fn unknown_root(root: &str) -> Fault {
    let help = match nearest(root, ROOTS) {
        Some(suggestion) => format!("did you mean `{suggestion}`?"),
        None => "a path starts with `steps`, `variables`, `error` or `_env`, as in `steps.1.id`".to_owned(),
    };
    Fault::new(format!("a path cannot start with `{}`", brief(root))).help(help)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::base::id::Id;
    use crate::expr::Environment;

    fn scope() -> Scope {
        let mut scope = Scope::new();
        let data = json!({ "mail": "a@b.c", "orderId": null, "@app": 1, "something.abutest": 7 });
        let changes = json!({ "attributes": { "tags": { "op": "replace", "before": [], "after": ["x"] } } });
        scope.set_step("1", json!({ "attributes": { "data": data }, "list": [5, { "a b": 6 }], "changes": changes }));
        scope.set_step("8-gu8QS1s", json!("häh"));
        scope.set_step("_S2DvZlsy", json!(null));
        scope.set_variable("5b3d8a1c9f0e4d2b7a6c1e5f", "shop.key", "s3cret".to_owned());
        scope
    }

    fn find(path: &str) -> Option<Value> {
        Path::compile(path).unwrap().find(&scope()).map(Cow::into_owned)
    }

    #[test]
    fn finds_members_elements_and_lengths() {
        for (path, expected) in [
            ("steps.1.attributes.data.mail", json!("a@b.c")),
            ("steps.1.attributes.data.orderId", json!(null)),
            ("steps.1.attributes.data.@app", json!(1)),
            ("steps.1.attributes.data.something.abutest", json!(7)),
            ("steps.1.attributes.data.[something.abutest]", json!(7)),
            ("steps.1.list.0", json!(5)),
            ("steps.1.list.1.a b", json!(6)),
            ("steps.1.list.length", json!(2)),
            ("steps.1.changes.attributes.tags.after.0", json!("x")),
            ("steps.8-gu8QS1s.length", json!(3)),
            ("steps._S2DvZlsy", json!(null)),
            ("variables.5b3d8a1c9f0e4d2b7a6c1e5f", json!("s3cret")),
            ("variables.shop.key", json!("s3cret")),
        ] {
            assert_eq!(find(path), Some(expected), "{path}");
        }
        for missing in ["steps.1.list.2", "steps.1.list.x", "steps.1.list.length.x", "steps.1.length", "variables.x"] {
            assert_eq!(find(missing), None, "{missing}");
        }
    }

    #[test]
    fn error_and_environment_exist_once_set() {
        let mut scope = scope();
        let (code, org) = (Path::compile("error.code").unwrap(), Path::compile("_env.orgId").unwrap());
        assert_eq!((code.find(&scope), org.find(&scope)), (None, None));
        scope.set_error(json!({ "code": "taken" }));
        scope.set_environment(Environment { org: Id::MIN, workflow: Id::MAX, run: Id::MAX, app_version: "1.0.0" });
        assert_eq!(code.find(&scope).as_deref(), Some(&json!("taken")));
        assert_eq!(org.find(&scope).as_deref(), Some(&json!("000000000000000000000000")));
        scope.clear_error();
        assert_eq!(code.find(&scope), None);
    }

    #[test]
    fn explains_where_a_path_ends() {
        for (path, explanation) in [
            (
                "steps.1.attributes.data.email",
                "`data` has no `email`; it has `mail`, `orderId`, `@app`, `something.abutest`; did you mean `mail`?",
            ),
            ("steps.3.id", "`steps.3` has not run"),
            ("error.code", "no step has failed"),
            ("variables.x", "`variables` has no `x`; it has `shop.key`, `5b3d8a1c9f0e4d2b7a6c1e5f`"),
            ("_env.orgId", "`_env` is not available here"),
            ("steps.1.list.9", "`list` is a list of length 2 and has no `9`"),
            ("steps.1.list.length.x", "`length` is a number and has no `x`"),
            ("steps.8-gu8QS1s.id", "`8-gu8QS1s` is a string and has no `id`"),
        ] {
            assert_eq!(Path::compile(path).unwrap().explain(&scope()), format!("no value at `{path}`: {explanation}"));
        }
        let variable = Path::compile("variables.x").unwrap();
        assert_eq!(variable.explain(&Scope::new()), "no value at `variables.x`: there is no variable `x`");
    }

    #[test]
    fn paths_have_subjects() {
        let subject = |path: &str| Path::compile(path).unwrap().subject();
        assert_eq!(subject("steps.8-gu8QS1s.x"), Some(Subject::Step("8-gu8QS1s".to_owned())));
        for (path, name) in [
            ("variables.key", "key"),
            ("variables.key.length", "key"),
            ("variables.[shop.key]", "shop.key"),
            ("variables.shop.key", "shop.key"),
            ("variables.shop.key.length", "shop.key"),
        ] {
            assert_eq!(subject(path), Some(Subject::Variable(name.to_owned())), "{path}");
        }
        assert_eq!((subject("steps"), subject("error.code")), (None, None));
    }

    #[test]
    fn rejects_invalid_paths() {
        assert_eq!(Path::compile("step.1.id").unwrap_err().help.as_deref(), Some("did you mean `steps`?"));
        for text in ["", ".", "steps.", "steps..id", "1.steps", &format!("steps{}", ".a".repeat(64))] {
            assert!(Path::compile(text).is_err(), "{text}");
        }
        assert!(Path::compile(&format!("steps{}", ".a".repeat(63))).is_ok());
    }
}
