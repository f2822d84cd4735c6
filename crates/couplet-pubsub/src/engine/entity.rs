//! Requests of entities. (XEP-0060, 5.6, 5.7, 6)

pub(super) mod items;
pub(super) mod own;
pub(super) mod options;
pub(super) mod subscribe;
pub(super) mod unsubscribe;

use couplet::{Condition, Jid};

use crate::{
    pubsub_error::{PubsubCondition, PubsubError},
    subscription::Subscription,
};

/// Returns the subscription that a request refers to.
///
/// # Errors
///
/// `not-subscribed`, `invalid-subid`, or `subid-required` where the JID has several.
/// (XEP-0060, 6.2.3, 6.3.4)
fn filter<'a>(
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

fn invalid_subid() -> PubsubError {
    PubsubError::with(Condition::NotAcceptable, PubsubCondition::InvalidSubid)
}
