//! What a template consists of.

use crate::expr::call::Argument;
use crate::expr::operation::Shown as ShownAs;
use crate::expr::operations;
use crate::expr::report::Subject;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Show(Shown),
    /// `if`, `unless`, and blocks that an operation opens.
    If {
        test: Argument,
        /// Whether 0 counts as true.
        include_zero: bool,
        /// Rendered if the test holds.
        holds: Vec<Node>,
        /// Rendered if it does not.
        fails: Vec<Node>,
    },
    Each {
        of: Argument,
        body: Vec<Node>,
        empty: Vec<Node>,
    },
    With {
        of: Argument,
        body: Vec<Node>,
        empty: Vec<Node>,
    },
}

/// A value that is written.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub value: Argument,
    /// Whether it is escaped for HTML.
    pub escaped: bool,
}

impl Shown {
    pub fn new(value: Argument, escaped: bool) -> Shown {
        let escaped = escaped && !matches!(&value, Argument::Call(call) if call.operation.shown == ShownAs::AsIs);
        Shown { value, escaped }
    }

    /// Whether what is written is JSON already.
    pub fn is_json(&self) -> bool {
        let to_json = operations::find("toJSON");
        matches!((&self.value, to_json), (Argument::Call(call), Some(to_json)) if std::ptr::eq(call.operation, to_json))
    }
}

impl Node {
    /// Adds the steps and variables that it is about.
    pub fn add_subjects(&self, subjects: &mut Vec<Subject>) {
        let (argument, branches): (_, [&[Node]; 2]) = match self {
            Node::Text(_) => return,
            Node::Show(shown) => (&shown.value, [&[], &[]]),
            Node::If { test, holds, fails, .. } => (test, [holds, fails]),
            Node::Each { of, body, empty } | Node::With { of, body, empty } => (of, [body, empty]),
        };
        argument.add_subjects(subjects);
        branches.iter().copied().flatten().for_each(|node| node.add_subjects(subjects));
    }
}
