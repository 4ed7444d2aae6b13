//! KObjects.
pub struct KObject;
