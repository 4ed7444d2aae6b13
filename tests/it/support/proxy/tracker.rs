//! Where a client is in its transaction, derived from what it sends.

use std::collections::HashMap;

use super::messages::{Message, is_answered};

/// How much of a statement is shown.
const SHOWN_MAX: usize = 60;

/// Follows one connection.
#[derive(Default)]
pub struct Tracker {
    /// What prepared statements and portals are about, by name.
    statements: HashMap<String, String>,
    portals: HashMap<String, String>,
    /// The messages of the transaction that is open.
    transaction: Option<Vec<String>>,
    /// Whether the client has ended it, by a message that is not answered before the next `Sync`.
    is_ending: bool,
}

/// What a message is to the transaction in which it is sent.
#[derive(Default)]
pub struct Place {
    pub number: usize,
    pub commits: bool,
    /// All messages of the transaction, if this is the last.
    pub finished: Option<Vec<String>>,
}

impl Tracker {
    /// The next message; none if it belongs to no transaction.
    pub fn follow(&mut self, message: &Message) -> Option<Place> {
        let text = self.text(message);
        // Preparing a statement does not execute it.
        let executed: Vec<&str> = match message.kind() {
            b'Q' | b'E' => text.split(';').map(str::trim).filter(|statement| !statement.is_empty()).collect(),
            _ => Vec::new(),
        };
        if executed.iter().any(|statement| begins(statement)) {
            self.transaction = Some(Vec::new());
        }
        let messages = self.transaction.as_mut()?;
        messages.push(shown(message.kind(), &text));
        let number = messages.len() - 1;
        self.is_ending |= executed.iter().any(|statement| commits(statement) || rolls_back(statement));
        let is_last = self.is_ending && is_answered(message.kind());
        self.is_ending &= !is_last;
        let finished = if is_last { self.transaction.take() } else { None };
        Some(Place { number, commits: executed.iter().any(|statement| commits(statement)), finished })
    }

    /// The messages of the transaction up to the one that was followed last, whose place this is.
    pub fn messages(&self, place: &Place) -> Vec<String> {
        place.finished.as_ref().or(self.transaction.as_ref()).cloned().unwrap_or_default()
    }

    /// The statement that a message is about.
    fn text(&mut self, message: &Message) -> String {
        let mut texts = message.texts();
        let mut next = || texts.next().unwrap_or_default();
        match message.kind() {
            b'Q' => next(),
            b'P' => {
                let (name, text) = (next(), next());
                self.statements.insert(name, text.clone());
                text
            }
            b'B' => {
                let (portal, name) = (next(), next());
                let text = self.statements.get(&name).cloned().unwrap_or_default();
                self.portals.insert(portal, text.clone());
                text
            }
            b'E' => self.portals.get(&next()).cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}

fn words(statement: &str) -> [String; 2] {
    let mut words = statement.split_whitespace().map(str::to_uppercase);
    [words.next().unwrap_or_default(), words.next().unwrap_or_default()]
}

fn begins(statement: &str) -> bool {
    let [first, second] = words(statement);
    first == "BEGIN" || (first == "START" && second == "TRANSACTION")
}

fn commits(statement: &str) -> bool {
    let [first, second] = words(statement);
    (first == "COMMIT" || first == "END") && second != "PREPARED"
}

/// Whether it ends the transaction; going back to a savepoint does not.
fn rolls_back(statement: &str) -> bool {
    let [first, second] = words(statement);
    (first == "ROLLBACK" || first == "ABORT") && second != "TO" && second != "PREPARED"
}

fn shown(kind: u8, text: &str) -> String {
    let words: Vec<&str> = std::iter::once(text).flat_map(str::split_whitespace).collect();
    let text: String = words.join(" ").chars().take(SHOWN_MAX).collect();
    format!("{} {text}", char::from(kind)).trim_end().to_owned()
}
