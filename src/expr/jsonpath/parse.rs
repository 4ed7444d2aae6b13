//! Parses the text of a path by the grammar of RFC 9535.

use serde_json::Value;

use super::cursor::Cursor;
use super::filter::{Comparison, Operand, Path, Test};
use super::function::Matcher;
use super::query::{Query, Segment, Selector};
use crate::objects::nearest;

/// The most segments of a path, those of its filters included.
const SEGMENTS_MAX: usize = 64;

/// The deepest nesting of filters, parentheses and functions.
const DEPTH_MAX: usize = 16;

const FUNCTIONS: [&str; 5] = ["length", "count", "value", "match", "search"];

/// Parses a whole path; the error has a column, from 1.
pub(super) fn query(source: &str) -> Result<Query, (usize, String)> {
    let mut parser = Parser { cursor: Cursor::new(source), segment_count: 0, depth: 0 };
    parser.whole().map_err(|reason| (parser.cursor.column(), reason))
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    segment_count: usize,
    depth: usize,
}

/// An operand of a comparison or an argument, before it is clear which.
enum Term {
    Path(Path),
    Operand(Operand),
    /// The result of a function that is true or false.
    Test(Test),
}

impl Parser<'_> {
    fn whole(&mut self) -> Result<Query, String> {
        self.cursor.expect("$", "`$` at the start")?;
        let query = self.segments()?;
        if self.cursor.is_done() {
            return Ok(query);
        }
        Err("expected `.`, `[` or the end; write names with characters other than letters, digits, `_` and `-` as \
             `['name']`"
            .to_owned())
    }

    /// Parses segments as far as there are any.
    fn segments(&mut self) -> Result<Query, String> {
        let mut query = Query::default();
        loop {
            let mark = self.cursor.mark();
            self.cursor.skip_blanks();
            let segment = if self.cursor.eat("..") {
                let selectors = if self.cursor.eat("[") { self.bracketed()? } else { vec![self.dotted()?] };
                Segment { descends: true, selectors }
            } else if self.cursor.eat(".") {
                Segment { descends: false, selectors: vec![self.dotted()?] }
            } else if self.cursor.eat("[") {
                Segment { descends: false, selectors: self.bracketed()? }
            } else {
                self.cursor.reset(mark);
                return Ok(query);
            };
            self.segment_count += 1;
            if self.segment_count > SEGMENTS_MAX {
                return Err(format!("a path has at most {SEGMENTS_MAX} segments"));
            }
            query.segments.push(segment);
        }
    }

    fn dotted(&mut self) -> Result<Selector, String> {
        if self.cursor.eat("*") {
            return Ok(Selector::Wildcard);
        }
        match self.cursor.name() {
            "" => Err("expected a name or `*` right after the dot".to_owned()),
            name => Ok(Selector::Name(name.to_owned())),
        }
    }

    /// Parses selectors up to the closing bracket.
    fn bracketed(&mut self) -> Result<Vec<Selector>, String> {
        let mut selectors = Vec::new();
        loop {
            self.cursor.skip_blanks();
            selectors.push(self.selector()?);
            self.cursor.skip_blanks();
            if self.cursor.eat("]") {
                return Ok(selectors);
            }
            self.cursor.expect(",", "`]` or `,`")?;
        }
    }

    fn selector(&mut self) -> Result<Selector, String> {
        if self.cursor.eat("?") {
            return self.nested(Parser::test).map(Selector::Filter);
        }
        if self.cursor.eat("*") {
            return Ok(Selector::Wildcard);
        }
        if let Some(name) = self.cursor.quoted()? {
            return Ok(Selector::Name(name));
        }
        let from = self.cursor.integer()?;
        let mark = self.cursor.mark();
        self.cursor.skip_blanks();
        if !self.cursor.eat(":") {
            self.cursor.reset(mark);
            let index = from.map(Selector::Index);
            return index.ok_or_else(|| {
                "expected an index, a slice, a quoted name, `*` or a filter such as `?@.name == 'x'`".to_owned()
            });
        }
        self.cursor.skip_blanks();
        let to = self.cursor.integer()?;
        let mark = self.cursor.mark();
        self.cursor.skip_blanks();
        let step = if self.cursor.eat(":") {
            self.cursor.skip_blanks();
            self.cursor.integer()?.unwrap_or(1)
        } else {
            self.cursor.reset(mark);
            1
        };
        Ok(Selector::Slice { from, to, step })
    }

    /// Parses one level deeper, as far as that is allowed.
    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(format!("filters, parentheses and functions nest at most {DEPTH_MAX} levels deep"));
        }
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    /// Parses a condition; `&&` binds tighter than `||`.
    fn test(&mut self) -> Result<Test, String> {
        let mut alternatives = Vec::new();
        loop {
            let mut tests = vec![self.basic_test()?];
            while self.operator("&&") {
                tests.push(self.basic_test()?);
            }
            alternatives.push(one_or(tests, Test::And));
            if !self.operator("||") {
                return Ok(one_or(alternatives, Test::Or));
            }
        }
    }

    /// Skips an operator, if it comes next, and the blanks before it.
    fn operator(&mut self, symbol: &str) -> bool {
        let mark = self.cursor.mark();
        self.cursor.skip_blanks();
        let found = self.cursor.eat(symbol);
        if !found {
            self.cursor.reset(mark);
        }
        found
    }

    fn basic_test(&mut self) -> Result<Test, String> {
        self.cursor.skip_blanks();
        if self.cursor.eat("!") {
            self.cursor.skip_blanks();
            let test = if self.cursor.peek() == Some('(') { self.parenthesised()? } else { self.bare_test()? };
            return Ok(Test::Not(Box::new(test)));
        }
        if self.cursor.peek() == Some('(') {
            return self.parenthesised();
        }
        let left = self.term()?;
        let comparison = Comparison::SYMBOLS.into_iter().find(|(symbol, _)| self.operator(symbol));
        let Some((_, comparison)) = comparison else { return as_test(left) };
        self.cursor.skip_blanks();
        let left = as_operand(left)?;
        let right = self.term().and_then(as_operand)?;
        Ok(Test::Compare(left, comparison, right))
    }

    fn parenthesised(&mut self) -> Result<Test, String> {
        self.cursor.expect("(", "`(`")?;
        let test = self.nested(Parser::test)?;
        self.cursor.skip_blanks();
        self.cursor.expect(")", "`)`, `&&` or `||`")?;
        Ok(test)
    }

    fn bare_test(&mut self) -> Result<Test, String> {
        let term = self.term()?;
        as_test(term)
    }

    fn term(&mut self) -> Result<Term, String> {
        if let Some(text) = self.cursor.quoted()? {
            return Ok(Term::Operand(Operand::Literal(Value::String(text))));
        }
        if let Some(number) = self.cursor.number()? {
            return Ok(Term::Operand(Operand::Literal(number)));
        }
        for (root, is_relative) in [("@", true), ("$", false)] {
            if self.cursor.eat(root) {
                let query = self.nested(Parser::segments)?;
                return Ok(Term::Path(Path { is_relative, query }));
            }
        }
        let is_letter =
            |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_';
        let mark = self.cursor.mark();
        let word = self.cursor.take_while(is_letter);
        if self.cursor.eat("(") {
            return self.nested(|parser| parser.call(word));
        }
        let literal = match word {
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "null" => Value::Null,
            _ => {
                self.cursor.reset(mark);
                return Err(
                    "expected a path such as `@.name`, a number, a quoted text, `true`, `false` or `null`".to_owned()
                );
            }
        };
        Ok(Term::Operand(Operand::Literal(literal)))
    }

    /// Parses the arguments of a function, after the opening parenthesis.
    fn call(&mut self, name: &str) -> Result<Term, String> {
        if !FUNCTIONS.contains(&name) {
            let suggestion = nearest(name, FUNCTIONS).map(|name| format!("; did you mean `{name}`?"));
            return Err(format!("unknown function `{name}`{}", suggestion.unwrap_or_default()));
        }
        let mut arguments = Vec::new();
        self.cursor.skip_blanks();
        while !self.cursor.eat(")") {
            if !arguments.is_empty() {
                self.cursor.expect(",", "`,` or `)`")?;
                self.cursor.skip_blanks();
            }
            arguments.push(self.term()?);
            self.cursor.skip_blanks();
        }
        function(name, arguments)
    }
}

/// The only element, or all of them combined.
fn one_or(mut tests: Vec<Test>, combine: fn(Vec<Test>) -> Test) -> Test {
    match tests.pop() {
        Some(only) if tests.is_empty() => only,
        last => {
            tests.extend(last);
            combine(tests)
        }
    }
}

fn as_test(term: Term) -> Result<Test, String> {
    match term {
        Term::Path(path) => Ok(Test::Exists(path)),
        Term::Test(test) => Ok(test),
        Term::Operand(_) => Err("a value is not a test; compare it, as in `@.name == 'x'`".to_owned()),
    }
}

fn as_operand(term: Term) -> Result<Operand, String> {
    match term {
        Term::Path(path) if path.query.is_singular() => Ok(Operand::Path(path)),
        Term::Path(_) => {
            Err("a path that can select several values can't be compared; use `count` or `value`".to_owned())
        }
        Term::Test(_) => Err("`match` and `search` are tests; their result can't be compared".to_owned()),
        Term::Operand(operand) => Ok(operand),
    }
}

fn as_path(term: Term) -> Result<Path, String> {
    match term {
        Term::Path(path) => Ok(path),
        _ => Err("expected a path as the argument".to_owned()),
    }
}

fn function(name: &str, arguments: Vec<Term>) -> Result<Term, String> {
    let expected = if matches!(name, "match" | "search") { 2 } else { 1 };
    if arguments.len() != expected {
        let plural = if expected == 1 { "" } else { "s" };
        return Err(format!("`{name}` takes {expected} argument{plural}, not {}", arguments.len()));
    }
    let mut arguments = arguments.into_iter();
    let mut next = || arguments.next().ok_or_else(|| format!("`{name}` needs an argument"));
    let first = next()?;
    Ok(match name {
        "length" => Term::Operand(Operand::Length(Box::new(as_operand(first)?))),
        "count" => Term::Operand(Operand::Count(as_path(first)?)),
        "value" => Term::Operand(Operand::Value(as_path(first)?)),
        _ => Term::Test(Test::Match(as_operand(first)?, Matcher::new(name == "match", as_operand(next()?)?))),
    })
}
