//! What a statement of SQL does to which tables, as far as it takes to see whether it names the org.
//!
//! This understands the SQL that hookflow writes, and refuses what it does not understand: a table that is mentioned in
//! a way that is new here is reported, and not passed over.

use std::collections::BTreeSet;

/// Words that may stand after a table without being its alias.
const NO_ALIAS: [&str; 25] = [
    "set",
    "where",
    "on",
    "join",
    "cross",
    "inner",
    "left",
    "right",
    "full",
    "using",
    "order",
    "group",
    "having",
    "limit",
    "for",
    "returning",
    "union",
    "values",
    "select",
    "default",
    "as",
    "offset",
    "natural",
    "indexed",
    "window",
];
/// Words that begin what is looked at by itself when it stands in parentheses.
const STARTS: [&str; 5] = ["select", "insert", "update", "delete", "with"];
/// Words that begin the definition of a table, which concerns the rows of all orgs alike.
const DEFINITIONS: [&str; 4] = ["alter", "comment", "create", "drop"];
const SETS: [&str; 3] = ["union", "intersect", "except"];

#[derive(Clone, Debug, PartialEq)]
enum Token {
    /// A word, in lower case, a number or a sign.
    Word(String),
    /// A sub-select, by its number.
    Inner(usize),
}

/// A statement or a part of one that has tables of its own: one SELECT, INSERT, UPDATE or DELETE.
#[derive(Default)]
struct Part {
    tokens: Vec<Token>,
}

/// A table that a part reads or writes.
#[derive(Debug, PartialEq)]
struct Use {
    table: String,
    /// What its columns are qualified by.
    alias: String,
    /// The columns that an INSERT fills.
    columns: Option<Vec<String>>,
}

/// What is wrong with a statement: each table of an org's that it touches without naming the org.
pub fn faults(text: &str, tables: &BTreeSet<String>) -> Vec<String> {
    let parts = parts(text);
    let mut faults = Vec::new();
    for part in parts.iter().filter(|part| !DEFINITIONS.contains(&part.word(0))) {
        let uses = part.uses();
        let known = |word: &str| tables.contains(word);
        let of_orgs: Vec<&Use> = uses.iter().filter(|used| known(&used.table)).collect();
        // One that is only joined to another by the org is as good as that one.
        let mut named: Vec<&Use> = Vec::new();
        while let Some(next) = of_orgs.iter().find(|used| {
            let is_open = |alias: &str| of_orgs.iter().any(|other| other.alias == alias && !named.contains(other));
            !named.contains(used) && part.names_org(used, uses.len(), is_open, &parts)
        }) {
            named.push(next);
        }
        let unnamed = of_orgs.iter().filter(|used| !named.contains(used));
        faults.extend(unnamed.map(|used| format!("`{}` without its org_id", used.table)));
        faults.extend(part.strays(&uses).filter(|word| known(word)).map(|word| format!("`{word}` in an unknown way")));
    }
    faults
}

/// Whether it is about any of these tables.
pub fn touches(text: &str, tables: &BTreeSet<String>) -> bool {
    words(text).iter().any(|word| tables.contains(word))
}

/// The text in one form, however it is laid out and whatever its placeholders look like.
pub fn normalised(text: &str) -> String {
    let is_placeholder = |word: &String| word.starts_with('$');
    let words = words(text).into_iter().map(|word| if is_placeholder(&word) { "?".to_owned() } else { word });
    words.collect::<Vec<_>>().join(" ")
}

/// The words and signs of a text; what stands in quotes is one of them, and comments are none.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '$');
        let length = match first {
            '\'' => 2 + rest[1..].find('\'').expect("a text in quotes ends"),
            '"' => 2 + rest[1..].find('"').expect("a name in quotes ends"),
            '-' if rest.starts_with("--") => rest.find('\n').unwrap_or(rest.len()),
            first if is_word(first) => rest.find(|character| !is_word(character)).unwrap_or(rest.len()),
            first => first.len_utf8(),
        };
        let (word, after) = rest.split_at(length);
        match first {
            '\'' => words.push(word.to_owned()),
            '"' => words.push(word[1..length - 1].to_owned()),
            _ if word.starts_with("--") => {}
            _ => words.push(word.to_lowercase()),
        }
        rest = after.trim_start();
    }
    words
}

/// Takes a text apart.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = vec![Part::default()];
    // For each parenthesis that is open: the part that goes on when it closes, if a new one began in it.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut current = 0;
    let words = words(text);
    for (index, word) in words.iter().enumerate() {
        let next = words.get(index + 1).map(String::as_str).unwrap_or_default();
        match word.as_str() {
            "(" if STARTS.contains(&next) => {
                parts.push(Part::default());
                let inner = parts.len() - 1;
                parts[current].tokens.push(Token::Inner(inner));
                open.push(Some(current));
                current = inner;
            }
            "(" => {
                open.push(None);
                parts[current].push(word);
            }
            ")" => match open.pop().expect("parentheses match") {
                Some(outer) => current = outer,
                None => parts[current].push(word),
            },
            // What comes after these stands beside what was before, in the same parentheses or in none.
            set if SETS.contains(&set) => {
                parts.push(Part::default());
                current = parts.len() - 1;
            }
            ";" => {
                parts.push(Part::default());
                current = parts.len() - 1;
            }
            _ => parts[current].push(word),
        }
    }
    parts
}

impl Part {
    fn push(&mut self, word: &str) {
        self.tokens.push(Token::Word(word.to_owned()));
    }

    /// The word at a place; nothing if a sub-select stands there, or nothing.
    fn word(&self, index: usize) -> &str {
        match self.tokens.get(index) {
            Some(Token::Word(word)) => word,
            _ => "",
        }
    }

    /// Whether a table is named at a place.
    fn names_table(&self, index: usize) -> bool {
        let before = |steps: usize| index.checked_sub(steps).map(|index| self.word(index)).unwrap_or_default();
        let begins_here = match before(1) {
            "from" | "join" | "into" => true,
            "update" => !matches!(before(2), "for" | "do" | "key"),
            "only" | "lateral" => matches!(before(2), "from" | "join" | "update"),
            _ => false,
        };
        // A function, or the end of `FOR UPDATE`.
        let is_name = self.word(index).starts_with(|character: char| character.is_alphabetic() || character == '_');
        begins_here && is_name && (self.word(index + 1) != "(" || before(1) == "into")
    }

    /// The tables, and what else rows are taken from.
    fn uses(&self) -> Vec<Use> {
        (0..self.tokens.len()).filter(|index| self.names_table(*index)).map(|index| self.use_at(index)).collect()
    }

    fn use_at(&self, index: usize) -> Use {
        let table = self.word(index).to_owned();
        let alias = match (self.word(index + 1), self.word(index + 2)) {
            ("as", alias) => alias,
            ("" | "(" | ")" | "," | ";", _) => &table,
            (word, _) if NO_ALIAS.contains(&word) => &table,
            (alias, _) => alias,
        };
        let columns = (self.word(index - 1) == "into" && self.word(index + 1) == "(").then(|| {
            let columns = (index + 2..).map(|index| self.word(index)).take_while(|word| !matches!(*word, ")" | ""));
            columns.filter(|word| *word != ",").map(str::to_owned).collect()
        });
        Use { alias: alias.to_owned(), table, columns }
    }

    /// Whether the rows of a table are those of one org: by a column that is filled, or by a condition. One by which its
    /// org is that of another table is none as long as that one is open.
    fn names_org(&self, used: &Use, uses: usize, is_open: impl Fn(&str) -> bool, parts: &[Part]) -> bool {
        if let Some(columns) = &used.columns {
            return columns.iter().any(|column| column == "org_id");
        }
        let begins_conditions = |index: &usize| matches!(self.word(*index), "where" | "on");
        let Some(conditions) = (0..self.tokens.len()).find(begins_conditions) else { return false };
        (conditions..self.tokens.len()).filter(|index| self.word(*index) == "org_id").any(|index| {
            let is_qualified = self.word(index - 1) == ".";
            let is_ours = if is_qualified { self.word(index - 2) == used.alias } else { uses == 1 };
            let before = if is_qualified { index - 3 } else { index - 1 };
            let is_bound = |other: usize| !(self.word(other + 1) == "." && is_open(self.word(other)));
            is_ours
                && (self.word(index + 1) == "=" && is_bound(index + 2)
                    || self.word(before) == "=" && is_bound(before.saturating_sub(3))
                    || self.is_in_orgs(index + 1, parts))
        })
    }

    /// Whether `IN (SELECT id FROM orgs)` stands at a place.
    fn is_in_orgs(&self, index: usize, parts: &[Part]) -> bool {
        let all = ["select", "id", "from", "orgs"].map(|word| Token::Word(word.to_owned()));
        let inner = match self.tokens.get(index + 1) {
            Some(Token::Inner(inner)) => &parts[*inner].tokens,
            _ => return false,
        };
        self.word(index) == "in" && *inner == all
    }

    /// Words that neither name a table nor qualify a column by it, nor are a column.
    fn strays<'a>(&'a self, uses: &'a [Use]) -> impl Iterator<Item = &'a str> {
        let is_stray = |index: &usize| {
            let qualifies = self.word(index + 1) == "." && uses.iter().any(|used| used.alias == self.word(*index));
            let is_column = index.checked_sub(1).is_some_and(|before| self.word(before) == ".");
            !self.names_table(*index) && !qualifies && !is_column
        };
        (0..self.tokens.len()).filter(is_stray).map(|index| self.word(index))
    }
}
