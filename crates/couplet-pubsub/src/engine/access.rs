//! Access control: the only place that evaluates affiliations and the models of a node. It changes
//! nothing. (XEP-0060, 4.1, 4.5)

use couplet::Condition;

use crate::{
    item::ItemHead,
    node::{AccessModel, Affiliation, Node, PublishModel},
    pubsub_error::{PubsubCondition, PubsubError},
    snapshot::{Entity, Snapshot},
    subscription::{Subscription, SubscriptionState},
};

use super::context::RequestContext;

/// The rights of an entity at a node.
pub(super) struct Access<'a> {
    pub(super) node: &'a Node,
    pub(super) affiliation: Affiliation,
    pub(super) subscriptions: &'a [Subscription],
}

impl<'a> Access<'a> {
    /// Returns the rights of the requesting entity at the requested node.
    ///
    /// # Errors
    ///
    /// `item-not-found`, or `gone` if the node was redirected.
    pub(super) fn of(
        context: &RequestContext,
        snapshot: &'a Snapshot,
    ) -> Result<Access<'a>, PubsubError> {
        let node = existing_node(snapshot)?;
        Ok(match &snapshot.entity {
            Some(entity) => Access::of_entity(context, node, entity),
            None => Access {
                node,
                affiliation: effective_affiliation(context, node, &context.who, Affiliation::None),
                subscriptions: &[],
            },
        })
    }

    pub(super) fn of_entity(
        context: &RequestContext,
        node: &'a Node,
        entity: &'a Entity,
    ) -> Access<'a> {
        Access {
            node,
            affiliation: effective_affiliation(context, node, &entity.jid, entity.affiliation),
            subscriptions: &entity.subscriptions,
        }
    }

    /// Returns whether the entity has an approved subscription.
    pub(super) fn is_subscribed(&self) -> bool {
        self.is_in(SubscriptionState::Subscribed)
    }

    pub(super) fn is_pending(&self) -> bool {
        self.is_in(SubscriptionState::Pending)
    }

    /// Returns the state in which a new subscription begins. (XEP-0060, 6.1.3, in its order)
    pub(super) fn may_subscribe(&self) -> Result<SubscriptionState, PubsubError> {
        if is_barred(self.affiliation) {
            return Err(PubsubError::new(Condition::Forbidden));
        }
        if self.is_pending() {
            return Err(PubsubError::with(
                Condition::NotAuthorized,
                PubsubCondition::PendingSubscription,
            ));
        }
        if !self.node.config.subscribe {
            return Err(unsupported("subscribe"));
        }
        match self.node.config.access {
            _ if is_listed(self.affiliation) => Ok(SubscriptionState::Subscribed),
            AccessModel::Open => Ok(SubscriptionState::Subscribed),
            // Approval is for the bare JID: its further subscriptions need none.
            AccessModel::Authorize if self.is_subscribed() => Ok(SubscriptionState::Subscribed),
            AccessModel::Authorize => Ok(SubscriptionState::Pending),
            AccessModel::Whitelist => Err(closed()),
        }
    }

    /// Checks that the entity may retrieve items. (XEP-0060, 6.5.9; members need no subscription:
    /// README, "Decided points")
    pub(super) fn may_read(&self) -> Result<(), PubsubError> {
        if is_barred(self.affiliation) {
            return Err(PubsubError::new(Condition::Forbidden));
        }
        match self.node.config.access {
            _ if is_listed(self.affiliation) => Ok(()),
            AccessModel::Open => Ok(()),
            AccessModel::Authorize if self.is_subscribed() => Ok(()),
            AccessModel::Authorize => Err(PubsubError::with(
                Condition::NotAuthorized,
                PubsubCondition::NotSubscribed,
            )),
            AccessModel::Whitelist => Err(closed()),
        }
    }

    /// Checks that the entity may publish. (XEP-0060, 7.1.3.1)
    pub(super) fn may_publish(&self) -> Result<(), PubsubError> {
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
            Err(PubsubError::new(Condition::Forbidden))
        }
    }

    /// Returns whether the entity may overwrite this item.
    pub(super) fn may_overwrite(&self, context: &RequestContext, item: &ItemHead) -> bool {
        !self.node.config.original_publisher || self.controls(context, item)
    }

    /// Returns whether the entity may retract this item, provided that it may publish. (XEP-0060,
    /// 4.1)
    pub(super) fn may_retract(&self, context: &RequestContext, item: &ItemHead) -> bool {
        let any_item =
            self.affiliation == Affiliation::Publisher && !self.node.config.original_publisher;
        any_item || self.controls(context, item)
    }

    fn controls(&self, context: &RequestContext, item: &ItemHead) -> bool {
        self.affiliation == Affiliation::Owner || item.publisher == context.who
    }

    fn is_in(&self, state: SubscriptionState) -> bool {
        self.subscriptions.iter().any(|held| held.state == state)
    }
}

/// Returns the requested node.
///
/// # Errors
///
/// `item-not-found`, or `gone` with the redirect. (XEP-0060, 6.1.3.11, 6.1.3.12)
pub(super) fn existing_node(snapshot: &Snapshot) -> Result<&Node, PubsubError> {
    snapshot
        .node
        .as_ref()
        .ok_or_else(|| match &snapshot.redirect {
            Some(uri) => PubsubError {
                uri: Some(uri.clone()),
                ..PubsubError::new(Condition::Gone)
            },
            None => PubsubError::new(Condition::ItemNotFound),
        })
}

/// Returns the requested node if the requester is an owner.
///
/// # Errors
///
/// As [`existing_node`], and `forbidden` for all but owners.
pub(super) fn owned_node<'a>(
    context: &RequestContext,
    snapshot: &'a Snapshot,
) -> Result<&'a Node, PubsubError> {
    let access = Access::of(context, snapshot)?;
    if access.affiliation == Affiliation::Owner {
        Ok(access.node)
    } else {
        Err(PubsubError::new(Condition::Forbidden))
    }
}

/// Returns whether the affiliation forbids subscribing and reading. (XEP-0060, 4.1)
pub(super) fn is_barred(affiliation: Affiliation) -> bool {
    matches!(affiliation, Affiliation::Outcast | Affiliation::PublishOnly)
}

/// Returns whether the affiliation allows subscribing and reading in every access model: a
/// whitelist consists of members, and owners and publishers always may. (XEP-0060, 4.1, 4.5)
pub(super) fn is_listed(affiliation: Affiliation) -> bool {
    matches!(
        affiliation,
        Affiliation::Owner | Affiliation::Publisher | Affiliation::Member
    )
}

/// Returns the affiliation of an entity after the policy was applied.
pub(super) fn effective_affiliation(
    context: &RequestContext,
    node: &Node,
    who: &couplet::BareJid,
    stored: Affiliation,
) -> Affiliation {
    if context.policy.is_admin(who) {
        return Affiliation::Owner;
    }
    context.policy.affiliation(who, &node.name, stored)
}

pub(super) fn unsupported(feature: &'static str) -> PubsubError {
    PubsubError::with(
        Condition::FeatureNotImplemented,
        PubsubCondition::Unsupported(feature),
    )
}

fn closed() -> PubsubError {
    PubsubError::with(Condition::NotAllowed, PubsubCondition::ClosedNode)
}
