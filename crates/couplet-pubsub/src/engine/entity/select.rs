//! Selects the subscription that a request refers to.

use couplet::{Condition, Jid};

use crate::{
    pubsub_error::{PubsubCondition, PubsubError},
    subscription::Subscription,
};

/// Returns the subscription that a request refers to.
///
/// # Errors
///
/// `not-subscribed`, `invalid-subid`, or `subid-required` if the JID has several. (XEP-0060, 6.2.3,
/// 6.3.4)
pub(super) fn select<'a>(
    subscriptions: &'a [Subscription],
    jid: &Jid,
    subid: Option<&str>,
) -> Result<&'a Subscription, PubsubError> {
    let mut held = subscriptions.iter().filter(|held| held.jid == *jid);
    let Some(first) = held.next() else {
        return Err(PubsubError::with(
            Condition::UnexpectedRequest,
            PubsubCondition::NotSubscribed,
        ));
    };
    match (subid, held.next()) {
        (None, None) => Ok(first),
        (None, Some(_)) => Err(PubsubError::with(
            Condition::BadRequest,
            PubsubCondition::SubidRequired,
        )),
        (Some(subid), _) => subscriptions
            .iter()
            .find(|held| held.jid == *jid && held.subid == subid)
            .ok_or_else(invalid_subid),
    }
}

pub(super) fn invalid_subid() -> PubsubError {
    PubsubError::with(Condition::NotAcceptable, PubsubCondition::InvalidSubid)
}
