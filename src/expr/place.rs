//! Values that are known within the blocks of a template only: the item of a loop, its index, what is around it.
//!
//! `each` and `with` open a [`Frame`]. How many frames are open, and which names they give, is known when a template is
//! compiled; so a path is cut into a [`Place`] then, and rendering only counts frames.

use std::borrow::Cow;

use serde_json::Value;

use super::keys::Keys;
use super::path::ROOTS;
use super::report::brief;
use super::scope::Scope;

/// One value that a block is rendered for.
pub(super) struct Frame<'f> {
    pub value: &'f Value,
    /// Where in its loop it is; `None` in a `with`.
    pub turn: Option<Turn<'f>>,
    pub outer: Option<&'f Frame<'f>>,
}

/// A turn of a loop.
pub(super) struct Turn<'f> {
    pub index: usize,
    /// The name of the member, if the loop is over an object.
    pub key: Option<&'f str>,
    pub last: bool,
}

/// Where a value is found.
#[derive(Clone, Debug)]
pub(super) enum Place {
    /// All that there is: `@root`.
    Everything,
    /// In the value of a frame, counted from the innermost one, 0.
    Item { frame: usize, keys: Keys },
    /// What a frame's loop knows of its turn.
    Turn { frame: usize, part: TurnPart },
}

/// `@index`, `@key`, `@first` or `@last`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TurnPart {
    Index,
    /// The key, or the index in a loop over a list.
    Key,
    First,
    Last,
}

impl TurnPart {
    pub const ALL: [(&'static str, TurnPart); 4] =
        [("index", TurnPart::Index), ("key", TurnPart::Key), ("first", TurnPart::First), ("last", TurnPart::Last)];
}

impl Place {
    pub fn find<'f, 'w: 'f>(&self, frame: Option<&'f Frame<'f>>, scope: &'w Scope) -> Option<Cow<'f, Value>> {
        match self {
            Place::Everything => Some(Cow::Borrowed(scope.data())),
            Place::Item { frame: outwards, keys } => keys.find(nth(frame, *outwards)?.value, 0),
            Place::Turn { frame: outwards, part } => {
                let turn = nth(frame, *outwards)?.turn.as_ref()?;
                Some(Cow::Owned(match part {
                    TurnPart::Index => Value::from(turn.index),
                    TurnPart::Key => turn.key.map_or(Value::from(turn.index), Value::from),
                    TurnPart::First => Value::from(turn.index == 0),
                    TurnPart::Last => Value::from(turn.last),
                }))
            }
        }
    }

    /// A sentence, if it is probably a mistake that there is nothing: items of a loop need not all be alike.
    pub fn explain(&self) -> Option<String> {
        let Place::Item { keys, .. } = self else { return None };
        let first = keys.name(0).filter(|first| ROOTS.contains(first))?;
        let path = brief(keys.text());
        Some(format!(
            "nothing at `{path}`: within `each` and `with` a path starts at the item, which has no `{first}`; \
                      `@root.{path}` starts at the top"
        ))
    }
}

fn nth<'f>(frame: Option<&'f Frame<'f>>, outwards: usize) -> Option<&'f Frame<'f>> {
    (0..outwards).try_fold(frame?, |frame, _| frame.outer)
}
