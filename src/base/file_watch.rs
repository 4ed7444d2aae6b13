//! Watches folders and reports a change once it has settled.
//!
//! A report says that something changed, not what: editors, copies and tools that renew certificates write in several
//! steps, replace files, or switch links. Callers read everything again and compare.

use std::path::Path;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

/// How long no event may arrive before a change counts as settled.
const SETTLE_TIME: Duration = Duration::from_millis(100);

/// Reports changes until it is dropped.
pub struct FolderWatcher {
    notices: mpsc::Receiver<()>,
    _watcher: RecommendedWatcher,
}

impl FolderWatcher {
    /// Starts to watch folders, without their subfolders.
    ///
    /// # Errors
    /// Errors of the operating system: a folder does not exist, or there are too many watchers.
    pub fn new<'a>(folders: impl IntoIterator<Item = &'a Path>) -> notify::Result<FolderWatcher> {
        let (sender, notices) = mpsc::channel(1);
        let notice = move |event: notify::Result<notify::Event>| {
            // Reading a folder opens it, which is an event too.
            if event.is_ok_and(|event| event.kind.is_access()) {
                return;
            }
            // If a notice is already waiting, another one adds nothing.
            let _ = sender.try_send(());
        };
        let mut watcher = notify::recommended_watcher(notice)?;
        folders.into_iter().try_for_each(|folder| watcher.watch(folder, RecursiveMode::NonRecursive))?;
        Ok(FolderWatcher { notices, _watcher: watcher })
    }

    /// Waits until a change has settled; forever if no more changes can arrive.
    pub async fn changed(&mut self) {
        if self.notices.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
        while tokio::time::timeout(SETTLE_TIME, self.notices.recv()).await.is_ok_and(|more| more.is_some()) {}
    }
}
