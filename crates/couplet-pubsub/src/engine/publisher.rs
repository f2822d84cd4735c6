//! Requests of publishers. (XEP-0060, 7)

pub(super) mod retract;
pub(super) mod publish;
mod payload;
