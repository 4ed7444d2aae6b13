//! Local values of the blocks in a template: the item of a loop, its index, and values of outer blocks.
//!
//! `each` and `with` open a [`Frame`]. The open frames and their names are known at compile time, so a path is compiled
//! to a [`LocalPath`] that counts frames.

use std::borrow::Cow;

use serde_json::Value;

use super::keys::Keys;
use super::path::ROOTS;
use super::report::brief;
use super::scope::Scope;

/// The value that a block is rendered for.
pub(super) struct Frame<'f> {
    pub value: &'f Value,
    /// The iteration of an `each`; `None` in a `with`.
    pub iteration: Option<Iteration<'f>>,
    pub outer: Option<&'f Frame<'f>>,
}

/// An iteration of a loop.
pub(super) struct Iteration<'f> {
    pub index: usize,
    /// The key of the member, in a loop over an object.
    pub key: Option<&'f str>,
    pub last: bool,
}

/// A path to a local value.
#[derive(Clone, Debug)]
pub(super) enum LocalPath {
    /// The whole scope: `@root`.
    Root,
    /// A path in the value of a frame; the innermost frame is 0.
    Item { frame: usize, keys: Keys },
    /// A variable of a frame's iteration.
    Loop { frame: usize, variable: LoopVariable },
}

/// `@index`, `@key`, `@first` or `@last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopVariable {
    Index,
    /// The key, or the index in a loop over a list.
    Key,
    First,
    Last,
}

impl LoopVariable {
    pub const ALL: [(&'static str, LoopVariable); 4] = [
        ("index", LoopVariable::Index),
        ("key", LoopVariable::Key),
        ("first", LoopVariable::First),
        ("last", LoopVariable::Last),
    ];
}

impl LocalPath {
    pub fn find<'f, 'w: 'f>(&self, frame: Option<&'f Frame<'f>>, scope: &'w Scope) -> Option<Cow<'f, Value>> {
        match self {
            LocalPath::Root => Some(Cow::Borrowed(scope.data())),
            LocalPath::Item { frame: outwards, keys } => keys.find(nth(frame, *outwards)?.value, 0),
            LocalPath::Loop { frame: outwards, variable } => {
                let iteration = nth(frame, *outwards)?.iteration.as_ref()?;
                Some(Cow::Owned(match variable {
                    LoopVariable::Index => Value::from(iteration.index),
                    LoopVariable::Key => iteration.key.map_or(Value::from(iteration.index), Value::from),
                    LoopVariable::First => Value::from(iteration.index == 0),
                    LoopVariable::Last => Value::from(iteration.last),
                }))
            }
        }
    }

    /// A sentence, if the missing value is probably a mistake. Otherwise, items of a loop may differ.
    pub fn explain(&self) -> Option<String> {
        let LocalPath::Item { keys, .. } = self else { return None };
        let first = keys.name(0).filter(|first| ROOTS.contains(first))?;
        let path = brief(keys.text());
        Some(format!(
            "no value at `{path}`: inside `each` and `with` a path starts at the item, which has no `{first}`; \
                      `@root.{path}` starts at the top"
        ))
    }
}

fn nth<'f>(frame: Option<&'f Frame<'f>>, outwards: usize) -> Option<&'f Frame<'f>> {
    (0..outwards).try_fold(frame?, |frame, _| frame.outer)
}
