//! What everything else stands on and that knows nothing of hooks: ids, moments, limits on JSON, networks, files.

pub mod file_watch;
pub mod id;
pub mod json;
pub mod networks;
pub mod pem;
pub mod time;
