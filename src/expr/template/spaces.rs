//! White space around tags, as in Handlebars: `~` removes all of it on its side, and a block tag or a comment that stands
//! alone on a line leaves no line behind.

use super::scan::{Piece, TagKind};

/// Removes the white space that the tags of a template remove.
pub(super) fn control(pieces: &mut [Piece]) {
    let alone: Vec<bool> = (0..pieces.len()).map(|index| stands_alone(pieces, index)).collect();
    for index in 0..pieces.len() {
        let Piece::Tag(tag) = &pieces[index] else { continue };
        let [before, after] = tag.strips;
        if before || alone[index] {
            trim_end(index.checked_sub(1).map(|index| &mut pieces[index]), before);
        }
        if after || alone[index] {
            trim_start(pieces.get_mut(index + 1), after);
        }
    }
}

/// Whether the piece is a tag without a value, and the only one on its line.
fn stands_alone(pieces: &[Piece], index: usize) -> bool {
    let Piece::Tag(tag) = &pieces[index] else { return false };
    if matches!(tag.kind, TagKind::Value | TagKind::RawValue) {
        return false;
    }
    let before = match index.checked_sub(1).map(|previous| &pieces[previous]) {
        None => true,
        Some(Piece::Tag(_)) => false,
        Some(Piece::Text(text)) => match text.rsplit_once('\n') {
            Some((_, line)) => line.trim().is_empty(),
            None => index == 1 && text.trim().is_empty(),
        },
    };
    before
        && match pieces.get(index + 1) {
            None => true,
            Some(Piece::Tag(_)) => false,
            Some(Piece::Text(text)) => match text.split_once('\n') {
                Some((line, _)) => line.trim().is_empty(),
                None => index + 2 == pieces.len() && text.trim().is_empty(),
            },
        }
}

/// Removes all white space at the end, or that of the last line.
fn trim_end(piece: Option<&mut Piece>, all: bool) {
    let Some(Piece::Text(text)) = piece else { return };
    let kept = if all { text.trim_end() } else { text.trim_end_matches([' ', '\t']) };
    text.truncate(kept.len());
}

/// Removes all white space at the start, or up to the end of the line.
fn trim_start(piece: Option<&mut Piece>, all: bool) {
    let Some(Piece::Text(text)) = piece else { return };
    let blank = text.trim_start_matches([' ', '\t']);
    let line = blank.strip_prefix("\r\n").or_else(|| blank.strip_prefix('\n')).unwrap_or(blank);
    let kept = if all { text.trim_start() } else { line };
    text.drain(..text.len() - kept.len());
}
