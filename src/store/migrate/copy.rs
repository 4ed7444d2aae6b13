//! Copying: one thread reads a table in the order of its key, another inserts the rows, a chunk at a time.

use std::ops::ControlFlow;
use std::sync::mpsc::{Receiver, sync_channel};

use super::chunk::Chunk;
use super::error::MigrateError;
use super::marker::Reached;
use super::progress::{Progress, Work};
use super::source::Source;
use super::tables::MovedTable;
use super::target::Target;

/// How many chunks may wait to be inserted.
const CHUNKS_AHEAD: usize = 2;

/// Copies the rows that the target does not have yet.
pub fn copy(
    source: &mut Source,
    target: &mut Target,
    table: &'static MovedTable,
    total: u64,
) -> Result<(), MigrateError> {
    let Reached { rows, last } = target.reached(table)?;
    if last.is_none() {
        target.check_table_empty(table)?;
    }
    let mut progress = Progress::begin(Work::Copying, table.name(), total, rows);
    std::thread::scope(|scope| {
        let (sender, chunks) = sync_channel(CHUNKS_AHEAD);
        let reader = scope.spawn(move || {
            let mut chunk = Chunk::new(table);
            let send = |chunk: Chunk| match sender.send(chunk) {
                Ok(()) => ControlFlow::Continue(()),
                // Inserting has failed, and that error is reported.
                Err(_) => ControlFlow::Break(()),
            };
            source.read(table, last.as_deref(), |row| {
                chunk.push(row);
                if chunk.is_full() { send(chunk.take()) } else { ControlFlow::Continue(()) }
            })?;
            if chunk.rows > 0 {
                let _ = send(chunk.take());
            }
            Ok(())
        });
        let inserted = insert(target, chunks, &mut progress);
        let read = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        inserted.and(read)
    })?;
    progress.end();
    Ok(())
}

fn insert(target: &mut Target, chunks: Receiver<Chunk>, progress: &mut Progress) -> Result<(), MigrateError> {
    for chunk in chunks {
        target.insert(&chunk)?;
        progress.advance(chunk.rows.unsigned_abs());
    }
    Ok(())
}
