//! What was odd about a body that could be read nonetheless.

/// The most notes on a body.
const NOTES_MAX: usize = 20;

/// Notes for people who look at a transaction. Further ones than [`NOTES_MAX`], and repeated ones, are dropped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Notes(Vec<String>);

impl Notes {
    pub fn add(&mut self, note: String) {
        if self.0.len() < NOTES_MAX && !self.0.contains(&note) {
            self.0.push(note);
        }
    }

    pub fn extend(&mut self, others: &Notes) {
        others.0.iter().for_each(|note| self.add(note.clone()));
    }

    pub fn into_vec(self) -> Vec<String> {
        self.0
    }
}
