//! The error of a request: a condition of RFC 6120 and usually one of XEP-0060.

use couplet::Condition;

/// Why a request was rejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PubsubError {
    pub(crate) condition: Condition,
    pub(crate) detail: Option<PubsubCondition>,
    pub(crate) text: Option<String>,
    /// The new address of the node, for `gone` and `redirect`. (RFC 6120, 8.3.3.5)
    pub(crate) uri: Option<String>,
    /// The kind of failure of the store, if that is the cause; it is counted and not sent.
    pub(crate) store_failure: Option<&'static str>,
}

impl PubsubError {
    /// Creates an error with a condition of RFC 6120 only.
    pub(crate) fn new(condition: Condition) -> PubsubError {
        PubsubError {
            condition,
            detail: None,
            text: None,
            uri: None,
            store_failure: None,
        }
    }

    /// Creates `bad-request` with a text.
    pub(crate) fn bad_request(text: &str) -> PubsubError {
        PubsubError::new(Condition::BadRequest).text(text)
    }

    /// Creates an error with a condition of XEP-0060.
    pub(crate) fn with(condition: Condition, detail: PubsubCondition) -> PubsubError {
        PubsubError {
            detail: Some(detail),
            ..PubsubError::new(condition)
        }
    }

    pub(crate) fn text(mut self, text: impl Into<String>) -> PubsubError {
        self.text = Some(text.into());
        self
    }
}

/// A condition of `http://jabber.org/protocol/pubsub#errors`. (XEP-0060, 16.2 and the chapters)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PubsubCondition {
    ClosedNode,
    InvalidJid,
    InvalidOptions,
    InvalidPayload,
    InvalidSubid,
    ItemForbidden,
    ItemRequired,
    JidRequired,
    MaxItemsExceeded,
    NodeFull,
    NodeidRequired,
    NotSubscribed,
    PayloadTooBig,
    PayloadRequired,
    PendingSubscription,
    PreconditionNotMet,
    SubidRequired,
    TooManySubscriptions,
    /// `<unsupported feature='...'/>`
    Unsupported(&'static str),
    UnsupportedAccessModel,
}
