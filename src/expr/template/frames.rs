//! Compiles paths inside blocks.

use crate::expr::call::Argument;
use crate::expr::keys::Keys;
use crate::expr::local::{LocalPath, LoopVariable};
use crate::expr::path::Path;
use crate::expr::report::{Fault, brief};
use crate::objects::nearest;

/// The enclosing blocks that change where a path starts, from the outermost.
#[derive(Default)]
pub(super) struct Frames {
    blocks: Vec<Block>,
}

/// An `each` or a `with`.
pub(super) struct Block {
    pub is_loop: bool,
    /// The names of the value and the key.
    pub names: [Option<String>; 2],
}

impl Frames {
    pub fn open(&mut self, block: Block) {
        self.blocks.push(block);
    }

    pub fn close(&mut self) {
        self.blocks.pop();
    }

    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// Compiles a path of a tag: `steps.1.id`, `this.sku`, `../name`, `@index`, `@root.steps.1`.
    pub fn path(&self, source: &str) -> Result<Argument, Fault> {
        if let Some(local) = source.strip_prefix('@') {
            return self.local(source, local);
        }
        let (mut depth_up, mut rest, mut explicit) = (0, source, false);
        while let Some(after) = rest.strip_prefix("../").or_else(|| rest.strip_prefix("./")) {
            depth_up += usize::from(rest.starts_with(".."));
            (rest, explicit) = (after, true);
        }
        if rest == ".." {
            (depth_up, rest, explicit) = (depth_up + 1, "", true);
        } else if let Some(after) = rest.strip_prefix("this")
            && (after.is_empty() || after.starts_with(['.', '/']))
        {
            (rest, explicit) = (after.get(1..).unwrap_or_default(), true);
        }
        let keys = dotted(rest);
        if depth_up > self.blocks.len() {
            let depth = self.blocks.len();
            return Err(Fault::new(format!("`{}` leaves {depth_up} blocks, but is inside {depth}", brief(source))));
        }
        if depth_up == self.blocks.len() {
            return from_root(&keys);
        }
        match if explicit { None } else { self.named(&keys)? } {
            Some(path) => Ok(Argument::Local(path)),
            None => Ok(Argument::Local(LocalPath::Item { frame: depth_up, keys: Keys::compile(&keys)? })),
        }
    }

    /// A path that starts with a name that a block defines.
    fn named(&self, keys: &str) -> Result<Option<LocalPath>, Fault> {
        let (first, rest) = keys.split_once('.').unwrap_or((keys, ""));
        for (frame, Block { names: [value, key], .. }) in self.blocks.iter().rev().enumerate() {
            if value.as_deref() == Some(first) {
                return Ok(Some(LocalPath::Item { frame, keys: Keys::compile(rest)? }));
            }
            if key.as_deref() == Some(first) && rest.is_empty() {
                return Ok(Some(LocalPath::Loop { frame, variable: LoopVariable::Key }));
            }
        }
        Ok(None)
    }

    /// A path that starts with `@`, such as `@index`.
    fn local(&self, source: &str, local: &str) -> Result<Argument, Fault> {
        if local == "root" {
            return from_root("");
        }
        if let Some(path) = local.strip_prefix("root.").or_else(|| local.strip_prefix("root/")) {
            return from_root(&dotted(path));
        }
        let name = local.trim_start_matches("../");
        let depth_up = (local.len() - name.len()) / "../".len();
        let Some((_, variable)) = LoopVariable::ALL.iter().find(|(known, _)| *known == name) else {
            let names = LoopVariable::ALL.map(|(name, _)| name);
            let help = match nearest(name, names) {
                Some(suggestion) => format!("did you mean `@{suggestion}`?"),
                None => "expected `@index`, `@key`, `@first`, `@last` or `@root`".to_owned(),
            };
            return Err(Fault::new(format!("unknown variable `{}`", brief(source))).help(help));
        };
        let mut loops = self.blocks.iter().rev().enumerate().filter(|(_, block)| block.is_loop);
        match loops.nth(depth_up) {
            Some((frame, _)) => Ok(Argument::Local(LocalPath::Loop { frame, variable: *variable })),
            None => Err(Fault::new(format!("`{}` is only available inside `each`", brief(source)))),
        }
    }
}

fn from_root(keys: &str) -> Result<Argument, Fault> {
    match keys {
        "" => Ok(Argument::Local(LocalPath::Root)),
        keys => Path::compile(keys).map(Argument::Path),
    }
}

/// Replaces the slashes in a path, which Handlebars also allows, by dots.
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
