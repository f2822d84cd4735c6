//! Requests of publishers. (XEP-0060, 7)

pub(super) mod publish;
pub(super) mod retract;

mod payload;
