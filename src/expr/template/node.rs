//! The nodes of a compiled template.

use crate::expr::call::Argument;
use crate::expr::operation::Output;
use crate::expr::operations;
use crate::expr::report::Subject;

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(String),
    Interpolation(Interpolation),
    /// `if`, `unless`, and block helpers.
    If {
        test: Argument,
        /// Whether 0 is truthy.
        include_zero: bool,
        then: Vec<Node>,
        otherwise: Vec<Node>,
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

/// A rendered value.
#[derive(Clone, Debug)]
pub(super) struct Interpolation {
    pub value: Argument,
    /// Whether the value is escaped for HTML.
    pub escaped: bool,
}

impl Interpolation {
    pub fn new(value: Argument, escaped: bool) -> Interpolation {
        let escaped = escaped && !matches!(&value, Argument::Call(call) if call.operation.output == Output::Raw);
        Interpolation { value, escaped }
    }

    /// Whether the value is rendered as JSON.
    pub fn is_json(&self) -> bool {
        let to_json = operations::find("toJSON");
        matches!((&self.value, to_json), (Argument::Call(call), Some(to_json)) if std::ptr::eq(call.operation, to_json))
    }
}

impl Node {
    /// Adds the steps and variables that the node refers to.
    pub fn add_subjects(&self, subjects: &mut Vec<Subject>) {
        self.each_argument(&mut |argument| argument.add_subjects(subjects));
    }

    /// Adds the names of the paths from the root that the node reads.
    pub fn add_paths(&self, paths: &mut Vec<Vec<String>>) {
        self.each_argument(&mut |argument| argument.add_paths(paths));
    }

    fn each_argument(&self, visit: &mut impl FnMut(&Argument)) {
        let (argument, branches) = self.parts();
        argument.into_iter().for_each(&mut *visit);
        branches.into_iter().flatten().for_each(|node| node.each_argument(visit));
    }

    /// The value that it shows or tests, and the nodes in it.
    pub fn parts(&self) -> (Option<&Argument>, [&[Node]; 2]) {
        match self {
            Node::Text(_) => (None, [&[], &[]]),
            Node::Interpolation(interpolation) => (Some(&interpolation.value), [&[], &[]]),
            Node::If { test, then, otherwise, .. } => (Some(test), [then, otherwise]),
            Node::Each { of, body, empty } | Node::With { of, body, empty } => (Some(of), [body, empty]),
        }
    }
}
