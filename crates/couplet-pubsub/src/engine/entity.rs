//! What entities ask for. (XEP-0060, 5.6, 5.7, 6)

pub(super) mod items;
pub(super) mod mine;
pub(super) mod options;
pub(super) mod subscribe;
pub(super) mod unsubscribe;

use couplet::{Condition, Jid};

use crate::{
    refused::{Detail, Refused},
    subscription::Subscription,
};

/// The one subscription that is meant.
///
/// # Errors
///
/// `not-subscribed`, `invalid-subid`, or `subid-required` where the JID has several.
/// (XEP-0060, 6.2.3, 6.3.4)
fn meant<'a>(
    subscriptions: &'a [Subscription],
    jid: &Jid,
    subid: Option<&str>,
) -> Result<&'a Subscription, Refused> {
    let mut held = subscriptions.iter().filter(|held| held.jid == *jid);
    let Some(first) = held.next() else {
        return Err(Refused::with(
            Condition::UnexpectedRequest,
            Detail::NotSubscribed,
        ));
    };
    match (subid, held.next()) {
        (None, None) => Ok(first),
        (None, Some(_)) => Err(Refused::with(Condition::BadRequest, Detail::SubidRequired)),
        (Some(subid), _) => subscriptions
            .iter()
            .find(|held| held.jid == *jid && held.subid == subid)
            .ok_or_else(invalid_subid),
    }
}

fn invalid_subid() -> Refused {
    Refused::with(Condition::NotAcceptable, Detail::InvalidSubid)
}
