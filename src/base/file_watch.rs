//! Notices that something in a folder was changed, once it is quiet again.
//!
//! A notice says that it is worth looking, not what changed: editors, copies and tools that renew certificates write in
//! several steps, replace files by others, or turn links. So whoever is told reads everything anew and compares.

use std::path::Path;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// How long everything has to be quiet before a change is told.
const QUIET: Duration = Duration::from_millis(100);

/// Notices of changes; they end when it is dropped.
pub struct FolderWatcher {
    notices: mpsc::Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl FolderWatcher {
    /// Watches folders from now on, without those below them.
    ///
    /// # Errors
    /// Those of the operating system, for a folder that does not exist or has too many watchers.
    pub fn new<'a>(folders: impl IntoIterator<Item = &'a Path>) -> notify::Result<FolderWatcher> {
        let (sender, notices) = mpsc::channel(1);
        let notice = move |event: notify::Result<notify::Event>| {
            // Reading a folder opens it, which is an event too.
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            // A notice that finds another one waiting has nothing to add.
            let _ = sender.try_send(());
        };
        let mut watcher = notify::recommended_watcher(notice)?;
        folders.into_iter().try_for_each(|folder| watcher.watch(folder, RecursiveMode::NonRecursive))?;
        Ok(FolderWatcher { notices, _watcher: watcher })
    }

    /// Waits for a change, and for the quiet after it; false when no more can come.
    pub async fn changed(&mut self) -> bool {
        let changed = self.notices.recv().await.is_some();
        while tokio::time::timeout(QUIET, self.notices.recv()).await.is_ok_and(|more| more.is_some()) {}
        changed
    }
}
