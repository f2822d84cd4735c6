//! The errors of ad-hoc commands. (XEP-0050, 4.4)

use couplet::{Condition, StanzaError};

use super::NS;

/// The session does not exist, or belongs to another requester: which of both is not said.
pub(crate) fn bad_session() -> StanzaError {
    error(Condition::BadRequest, "bad-sessionid")
}

/// There are too many sessions.
pub(crate) fn too_many_sessions() -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint)
}

/// The requester begins too many commands; `wait` is the type of this condition. (RFC 6120, 8.3.3.18)
pub(crate) fn too_many_requests() -> StanzaError {
    StanzaError::new(Condition::ResourceConstraint).text("Too many requests: try again in a moment")
}

/// The action exists, but not on this page.
pub(super) fn bad_action() -> StanzaError {
    error(Condition::BadRequest, "bad-action")
}

/// There is no such action.
pub(super) fn malformed_action() -> StanzaError {
    error(Condition::BadRequest, "malformed-action")
}

/// There is no form where one is needed.
pub(super) fn bad_payload() -> StanzaError {
    error(Condition::BadRequest, "bad-payload")
}

pub(super) fn session_expired() -> StanzaError {
    error(Condition::NotAllowed, "session-expired")
}

fn error(condition: Condition, detail: &str) -> StanzaError {
    StanzaError::new(condition).detail_by(|xml| {
        xml.raw("<");
        xml.raw(detail);
        xml.attribute("xmlns", NS);
        xml.raw("/>");
    })
}
