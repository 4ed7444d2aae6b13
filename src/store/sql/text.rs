//! SQL texts that are joined and cut at compile time.
//!
//! A [`Draft`] is written piece by piece in a constant; [`joined!`](joined) turns constants into one text. No SQL is
//! assembled or parsed at run time.

/// How long a text can be, in bytes.
const LENGTH_MAX: usize = 8_192;

/// A text that is being written.
pub struct Draft {
    bytes: [u8; LENGTH_MAX],
    length: usize,
}

impl Draft {
    pub const fn new() -> Draft {
        Draft { bytes: [0; LENGTH_MAX], length: 0 }
    }

    /// Appends a text.
    ///
    /// # Panics
    /// If the text becomes too long. As drafts exist only at compile time, that is a compile error.
    pub const fn add(mut self, text: &str) -> Draft {
        let mut index = 0;
        while index < text.len() {
            self.bytes[self.length] = text.as_bytes()[index];
            self.length += 1;
            index += 1;
        }
        self
    }

    /// Appends several texts.
    pub const fn add_all(mut self, texts: &[&str]) -> Draft {
        let mut index = 0;
        while index < texts.len() {
            self = self.add(texts[index]);
            index += 1;
        }
        self
    }

    /// Appends a comma, unless the list that starts at `start` is empty.
    pub const fn separate(self, start: usize) -> Draft {
        if self.length > start { self.add(", ") } else { self }
    }

    /// The length of the text, in bytes.
    pub const fn len(&self) -> usize {
        self.length
    }

    /// The bytes of the text, whose length is `LENGTH`.
    pub const fn bytes<const LENGTH: usize>(&self) -> [u8; LENGTH] {
        assert!(LENGTH == self.length, "the array is as long as the text");
        let (mut bytes, mut index) = ([0; LENGTH], 0);
        while index < LENGTH {
            bytes[index] = self.bytes[index];
            index += 1;
        }
        bytes
    }
}

/// The text of a draft: `finished!(Draft::new().add("SELECT 1"))`. Its constants have long names so that they don't
/// hide those in the expression.
macro_rules! finished {
    ($draft:expr) => {{
        const DRAFT_TO_FINISH: $crate::store::sql::text::Draft = $draft;
        const FINISHED_BYTES: [u8; DRAFT_TO_FINISH.len()] = DRAFT_TO_FINISH.bytes();
        const FINISHED_TEXT: &str = match std::str::from_utf8(&FINISHED_BYTES) {
            Ok(text) => text,
            Err(_) => panic!("a draft consists of texts"),
        };
        FINISHED_TEXT
    }};
}
pub(in crate::store) use finished;

/// Several constant texts as one: `joined!("SELECT ", hooks::COLUMNS, " FROM hooks")`.
macro_rules! joined {
    ($($text:expr),+ $(,)?) => {
        $crate::store::sql::text::finished!($crate::store::sql::text::Draft::new().add_all(&[$($text),+]))
    };
}
pub(in crate::store) use joined;

/// The number of parts between the question marks of a text.
pub const fn count_parts(text: &str) -> usize {
    let (mut parts, mut index) = (1, 0);
    while index < text.len() {
        parts += (text.as_bytes()[index] == b'?') as usize;
        index += 1;
    }
    parts
}

/// The parts of a text between its question marks.
pub const fn cut<const PARTS: usize>(text: &'static str) -> [&'static str; PARTS] {
    let (mut parts, mut part, mut rest, mut index) = ([""; PARTS], 0, text, 0);
    while index < rest.len() {
        if rest.as_bytes()[index] == b'?' {
            parts[part] = rest.split_at(index).0;
            rest = rest.split_at(index + 1).1;
            (part, index) = (part + 1, 0);
        } else {
            index += 1;
        }
    }
    parts[part] = rest;
    parts
}

/// A constant text, cut at its question marks.
macro_rules! parts {
    ($text:expr) => {{
        const TEXT_TO_CUT: &str = $text;
        const PARTS_OF_TEXT: [&str; $crate::store::sql::text::count_parts(TEXT_TO_CUT)] =
            $crate::store::sql::text::cut(TEXT_TO_CUT);
        &PARTS_OF_TEXT
    }};
}
pub(in crate::store) use parts;

#[cfg(test)]
mod tests {
    #[test]
    fn texts_are_joined_and_cut_at_their_question_marks() {
        const TEXT: &str = joined!("SELECT ", "ä", " WHERE a = ? AND b = ?");
        assert_eq!(TEXT, "SELECT ä WHERE a = ? AND b = ?");
        assert_eq!(parts!(TEXT), &["SELECT ä WHERE a = ", " AND b = ", ""]);
        assert_eq!(parts!("SELECT 1"), &["SELECT 1"]);
    }
}
