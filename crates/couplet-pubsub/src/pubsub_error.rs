//! Why a request was refused: an error of RFC 6120 with, mostly, a condition of XEP-0060.

use couplet::Condition;

/// A refusal as XEP-0060 wants it told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PubsubError {
    pub(crate) condition: Condition,
    pub(crate) detail: Option<PubsubCondition>,
    pub(crate) text: Option<String>,
    /// Where the node has gone, for `gone` and `redirect`. (RFC 6120, 8.3.3.5)
    pub(crate) uri: Option<String>,
    /// How the store failed, where that is the cause; it is counted and not told.
    pub(crate) store_failure: Option<&'static str>,
}

impl PubsubError {
    /// A plain condition of RFC 6120.
    pub(crate) fn new(condition: Condition) -> PubsubError {
        PubsubError {
            condition,
            detail: None,
            text: None,
            uri: None,
            store_failure: None,
        }
    }

    /// With the condition of XEP-0060 that goes with it.
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
