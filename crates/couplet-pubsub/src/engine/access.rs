//! Who may do what with a node: the only place where affiliation and models are weighed.
//!
//! Deliberately absent: what follows from it. (XEP-0060, 4.1, 4.5)

use couplet::Condition;

use crate::{
    facts::{Facts, Party},
    item::ItemHead,
    node::{AccessModel, Affiliation, Node, PublishModel},
    refused::{Detail, Refused},
    subscription::{Subscription, SubscriptionState},
};

use super::ask::Ask;

/// How somebody stands to a node.
pub(super) struct Standing<'a> {
    pub(super) node: &'a Node,
    pub(super) affiliation: Affiliation,
    pub(super) subscriptions: &'a [Subscription],
}

impl<'a> Standing<'a> {
    /// How the asking entity stands to the node it asked for.
    ///
    /// # Errors
    ///
    /// `item-not-found`, or `gone` where it went elsewhere.
    pub(super) fn of(ask: &Ask, facts: &'a Facts) -> Result<Standing<'a>, Refused> {
        let node = known(facts)?;
        Ok(match &facts.actor {
            Some(party) => Standing::of_party(ask, node, party),
            None => Standing {
                node,
                affiliation: in_effect(ask, node, &ask.who, Affiliation::None),
                subscriptions: &[],
            },
        })
    }

    pub(super) fn of_party(ask: &Ask, node: &'a Node, party: &'a Party) -> Standing<'a> {
        Standing {
            node,
            affiliation: in_effect(ask, node, &party.jid, party.affiliation),
            subscriptions: &party.subscriptions,
        }
    }

    /// Whether an owner has ever let it in, or none had to.
    pub(super) fn is_subscribed(&self) -> bool {
        self.is_in(SubscriptionState::Subscribed)
    }

    pub(super) fn is_pending(&self) -> bool {
        self.is_in(SubscriptionState::Pending)
    }

    /// In which state a new subscription begins. (XEP-0060, 6.1.3, in its order)
    pub(super) fn may_subscribe(&self) -> Result<SubscriptionState, Refused> {
        if is_barred(self.affiliation) {
            return Err(Refused::plain(Condition::Forbidden));
        }
        if self.is_pending() {
            return Err(Refused::with(
                Condition::NotAuthorized,
                Detail::PendingSubscription,
            ));
        }
        if !self.node.config.subscribe {
            return Err(unsupported("subscribe"));
        }
        match self.node.config.access {
            _ if is_listed(self.affiliation) => Ok(SubscriptionState::Subscribed),
            AccessModel::Open => Ok(SubscriptionState::Subscribed),
            // Approval is about a person: further subscriptions of somebody approved need none.
            AccessModel::Authorize if self.is_subscribed() => Ok(SubscriptionState::Subscribed),
            AccessModel::Authorize => Ok(SubscriptionState::Pending),
            AccessModel::Whitelist => Err(closed()),
        }
    }

    /// XEP-0060, 6.5.9; those on the list need not be subscribed. (pubsub.md, 5c)
    pub(super) fn may_read(&self) -> Result<(), Refused> {
        if is_barred(self.affiliation) {
            return Err(Refused::plain(Condition::Forbidden));
        }
        match self.node.config.access {
            _ if is_listed(self.affiliation) => Ok(()),
            AccessModel::Open => Ok(()),
            AccessModel::Authorize if self.is_subscribed() => Ok(()),
            AccessModel::Authorize => Err(Refused::with(
                Condition::NotAuthorized,
                Detail::NotSubscribed,
            )),
            AccessModel::Whitelist => Err(closed()),
        }
    }

    /// XEP-0060, 7.1.3.1.
    pub(super) fn may_publish(&self) -> Result<(), Refused> {
        let allowed = match self.affiliation {
            Affiliation::Owner | Affiliation::Publisher | Affiliation::PublishOnly => true,
            Affiliation::Outcast => false,
            Affiliation::Member | Affiliation::None => match self.node.config.publish {
                PublishModel::Publishers => false,
                PublishModel::Subscribers => self.is_subscribed(),
                PublishModel::Open => true,
            },
        };
        if allowed {
            Ok(())
        } else {
            Err(Refused::plain(Condition::Forbidden))
        }
    }

    /// Whether it may overwrite an item of that name. (pubsub.md, 5f)
    pub(super) fn may_overwrite(&self, ask: &Ask, item: &ItemHead) -> bool {
        !self.node.config.original_publisher || self.rules_over(ask, item)
    }

    /// Whether it may retract this item, given that it may publish. (XEP-0060, 4.1)
    pub(super) fn may_retract(&self, ask: &Ask, item: &ItemHead) -> bool {
        let everybodys =
            self.affiliation == Affiliation::Publisher && !self.node.config.original_publisher;
        everybodys || self.rules_over(ask, item)
    }

    fn rules_over(&self, ask: &Ask, item: &ItemHead) -> bool {
        self.affiliation == Affiliation::Owner || item.publisher == ask.who
    }

    fn is_in(&self, state: SubscriptionState) -> bool {
        self.subscriptions.iter().any(|held| held.state == state)
    }
}

/// The node that was asked for.
///
/// # Errors
///
/// `item-not-found`, or `gone` with its new place. (XEP-0060, 6.1.3.11, 6.1.3.12)
pub(super) fn known(facts: &Facts) -> Result<&Node, Refused> {
    facts.node.as_ref().ok_or_else(|| match &facts.redirect {
        Some(uri) => Refused {
            uri: Some(uri.clone()),
            ..Refused::plain(Condition::Gone)
        },
        None => Refused::plain(Condition::ItemNotFound),
    })
}

/// The node that was asked for, by one of its owners.
///
/// # Errors
///
/// As [`known`], and `forbidden` for everybody else.
pub(super) fn owned<'a>(ask: &Ask, facts: &'a Facts) -> Result<&'a Node, Refused> {
    let standing = Standing::of(ask, facts)?;
    if standing.affiliation == Affiliation::Owner {
        Ok(standing.node)
    } else {
        Err(Refused::plain(Condition::Forbidden))
    }
}

/// May neither subscribe nor read. (XEP-0060, 4.1)
pub(super) fn is_barred(affiliation: Affiliation) -> bool {
    matches!(affiliation, Affiliation::Outcast | Affiliation::PublishOnly)
}

/// May subscribe and read whatever the access model is: members are what a whitelist is made of,
/// owners and publishers always may. (XEP-0060, 4.1, 4.5)
pub(super) fn is_listed(affiliation: Affiliation) -> bool {
    matches!(
        affiliation,
        Affiliation::Owner | Affiliation::Publisher | Affiliation::Member
    )
}

/// What an entity is to a node once the house has had its say.
pub(super) fn in_effect(
    ask: &Ask,
    node: &Node,
    who: &couplet::BareJid,
    told: Affiliation,
) -> Affiliation {
    if ask.policy.is_admin(who) {
        return Affiliation::Owner;
    }
    ask.policy.affiliation(who, &node.name, told)
}

pub(super) fn unsupported(feature: &'static str) -> Refused {
    Refused::with(
        Condition::FeatureNotImplemented,
        Detail::Unsupported(feature),
    )
}

fn closed() -> Refused {
    Refused::with(Condition::NotAllowed, Detail::ClosedNode)
}
