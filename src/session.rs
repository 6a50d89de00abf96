//! tmp
/// A session.
#[derive(Debug)]
pub struct Session;
