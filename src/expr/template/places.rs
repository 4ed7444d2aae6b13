//! Paths within blocks, cut into places when a template is compiled.

use crate::expr::call::Argument;
use crate::expr::keys::Keys;
use crate::expr::path::Path;
use crate::expr::place::{Place, TurnPart};
use crate::expr::report::{Fault, brief};
use crate::objects::nearest;

/// The blocks around a place in a template that change what a path starts from, the outermost first.
#[derive(Default)]
pub(super) struct Frames {
    opened: Vec<Opened>,
}

/// An `each` or a `with`.
pub(super) struct Opened {
    pub looped: bool,
    /// What it calls its value and its key.
    pub names: [Option<String>; 2],
}

impl Frames {
    pub fn open(&mut self, block: Opened) {
        self.opened.push(block);
    }

    pub fn close(&mut self) {
        self.opened.pop();
    }

    pub fn is_empty(&self) -> bool {
        self.opened.is_empty()
    }

    /// The value at a path as it is written in a tag: `steps.1.id`, `this.sku`, `../name`, `@index`, `@root.steps.1`.
    pub fn path(&self, written: &str) -> Result<Argument, Fault> {
        if let Some(local) = written.strip_prefix('@') {
            return self.local(written, local);
        }
        let (mut outwards, mut rest, mut explicit) = (0, written, false);
        while let Some(after) = rest.strip_prefix("../").or_else(|| rest.strip_prefix("./")) {
            outwards += usize::from(rest.starts_with(".."));
            (rest, explicit) = (after, true);
        }
        if rest == ".." {
            (outwards, rest, explicit) = (outwards + 1, "", true);
        } else if let Some(after) = rest.strip_prefix("this")
            && (after.is_empty() || after.starts_with(['.', '/']))
        {
            (rest, explicit) = (after.get(1..).unwrap_or_default(), true);
        }
        let keys = dotted(rest);
        if outwards > self.opened.len() {
            let depth = self.opened.len();
            return Err(Fault::new(format!("`{}` leads out of {outwards} blocks, but is in {depth}", brief(written))));
        }
        if outwards == self.opened.len() {
            return from_the_top(&keys);
        }
        match if explicit { None } else { self.named(&keys)? } {
            Some(place) => Ok(Argument::Place(place)),
            None => Ok(Argument::Place(Place::Item { frame: outwards, keys: Keys::compile(&keys)? })),
        }
    }

    /// A path that starts with a name that a block has given.
    fn named(&self, keys: &str) -> Result<Option<Place>, Fault> {
        let (first, rest) = keys.split_once('.').unwrap_or((keys, ""));
        for (frame, Opened { names: [value, key], .. }) in self.opened.iter().rev().enumerate() {
            if value.as_deref() == Some(first) {
                return Ok(Some(Place::Item { frame, keys: Keys::compile(rest)? }));
            }
            if key.as_deref() == Some(first) && rest.is_empty() {
                return Ok(Some(Place::Turn { frame, part: TurnPart::Key }));
            }
        }
        Ok(None)
    }

    /// `@index` and the like, after the `@`.
    fn local(&self, written: &str, local: &str) -> Result<Argument, Fault> {
        if local == "root" {
            return from_the_top("");
        }
        if let Some(path) = local.strip_prefix("root.").or_else(|| local.strip_prefix("root/")) {
            return from_the_top(&dotted(path));
        }
        let name = local.trim_start_matches("../");
        let outwards = (local.len() - name.len()) / "../".len();
        let Some((_, part)) = TurnPart::ALL.iter().find(|(known, _)| *known == name) else {
            let names = TurnPart::ALL.map(|(name, _)| name);
            let help = match nearest(name, names) {
                Some(suggestion) => format!("did you mean `@{suggestion}`?"),
                None => "there are `@index`, `@key`, `@first`, `@last` and `@root`".to_owned(),
            };
            return Err(Fault::new(format!("there is no `{}`", brief(written))).help(help));
        };
        let mut loops = self.opened.iter().rev().enumerate().filter(|(_, block)| block.looped);
        match loops.nth(outwards) {
            Some((frame, _)) => Ok(Argument::Place(Place::Turn { frame, part: *part })),
            None => Err(Fault::new(format!("`{}` is not in an `each`", brief(written)))),
        }
    }
}

fn from_the_top(keys: &str) -> Result<Argument, Fault> {
    match keys {
        "" => Ok(Argument::Place(Place::Everything)),
        keys => Path::compile(keys).map(Argument::Path),
    }
}

/// The names of a path with dots between them; Handlebars also has slashes.
fn dotted(path: &str) -> String {
    let mut bracketed = false;
    let dotted = path.chars().map(|character| {
        bracketed = match character {
            '[' => true,
            ']' => false,
            _ => bracketed,
        };
        if character == '/' && !bracketed { '.' } else { character }
    });
    dotted.collect()
}
