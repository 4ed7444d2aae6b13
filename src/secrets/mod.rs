//! What must stay secret: encryption of what is stored, and which headers and parameters carry credentials.

pub mod sensitive;
pub mod vault;
