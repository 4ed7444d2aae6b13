//! Building blocks without knowledge of hooks: ids, timestamps, limits on JSON, networks, files.

pub mod date_text;
pub mod file_watch;
pub mod id;
pub mod json;
pub mod json_text;
pub mod networks;
pub mod pem;
pub mod time;
