//! What a process prints or logs. It goes to a file, not through a pipe: what was written before a request was answered can
//! be read once the answer is there, however busy the machine is.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::process::Stdio;

/// A file without a name that processes write to.
pub struct Transcript(File);

impl Transcript {
    pub fn new() -> Transcript {
        Transcript(tempfile::tempfile().expect("a file can be made"))
    }

    /// Where a process is to write.
    pub fn stdio(&self) -> Stdio {
        self.0.try_clone().expect("a file can be opened twice").into()
    }

    /// The lines that are written so far; one that has no end yet is left out.
    pub fn text(&self) -> String {
        // Read at a place of its own: where the process goes on to write is shared with it.
        let length = self.0.metadata().expect("a file has a length").len();
        let mut text = vec![0; usize::try_from(length).expect("it fits into memory")];
        self.0.read_exact_at(&mut text, 0).expect("a file can be read");
        text.truncate(text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1));
        String::from_utf8_lossy(&text).into_owned()
    }
}
