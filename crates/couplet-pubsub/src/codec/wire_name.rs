//! The names of enumeration variants in XML, and their labels in forms.

use crate::{
    node::{
        AccessModel, Affiliation, ItemReply, NotificationType, PublishModel, SendLast, WhenFull,
    },
    subscription::SubscriptionState,
};

/// An enumeration with a name in XML for each variant.
pub(super) trait WireName: Copy + PartialEq + 'static {
    /// Each variant with its name in XML and its label.
    const ALL: &'static [(Self, &'static str, &'static str)];

    fn wire_name(self) -> &'static str {
        let own = Self::ALL.iter().find(|(member, ..)| *member == self);
        own.map_or("", |(_, word, _)| word)
    }

    fn from_wire_name(word: &str) -> Option<Self> {
        let own = Self::ALL.iter().find(|(_, own, _)| *own == word)?;
        Some(own.0)
    }

    /// Returns names and labels, as choices of a form.
    fn choices() -> Vec<(&'static str, &'static str)> {
        Self::ALL
            .iter()
            .map(|(_, word, label)| (*word, *label))
            .collect()
    }
}

/// XEP-0060, 4.5. There is no `presence` and no `roster`, because a component knows neither.
impl WireName for AccessModel {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (
            AccessModel::Open,
            "open",
            "Anyone may subscribe and retrieve items",
        ),
        (
            AccessModel::Authorize,
            "authorize",
            "An owner approves each subscription, and only subscribers may retrieve items",
        ),
        (
            AccessModel::Whitelist,
            "whitelist",
            "Only listed members may subscribe and retrieve items",
        ),
    ];
}

impl WireName for PublishModel {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (
            PublishModel::Publishers,
            "publishers",
            "Only publishers may publish",
        ),
        (
            PublishModel::Subscribers,
            "subscribers",
            "Subscribers may publish",
        ),
        (PublishModel::Open, "open", "Anyone may publish"),
    ];
}

/// There is no `on_sub_and_presence`, because a component does not know who is online.
impl WireName for SendLast {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (SendLast::Never, "never", "Never"),
        (
            SendLast::OnSub,
            "on_sub",
            "When a new subscription is processed",
        ),
    ];
}

impl WireName for ItemReply {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (ItemReply::None, "none", "None"),
        (ItemReply::Owner, "owner", "An owner of the node"),
        (
            ItemReply::Publisher,
            "publisher",
            "The publisher of the item",
        ),
    ];
}

impl WireName for NotificationType {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (
            NotificationType::Normal,
            "normal",
            "Messages of type normal",
        ),
        (
            NotificationType::Headline,
            "headline",
            "Messages of type headline",
        ),
    ];
}

impl WireName for WhenFull {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (WhenFull::Clear, "retract-oldest", "Retract the oldest item"),
        (
            WhenFull::Discard,
            "discard-oldest",
            "Discard the oldest item silently",
        ),
        (WhenFull::Reject, "reject", "Reject the new item"),
    ];
}

impl WireName for Affiliation {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (Affiliation::Owner, "owner", ""),
        (Affiliation::Publisher, "publisher", ""),
        (Affiliation::PublishOnly, "publish-only", ""),
        (Affiliation::Member, "member", ""),
        (Affiliation::None, "none", ""),
        (Affiliation::Outcast, "outcast", ""),
    ];
}

/// `none` is the absence of a subscription. (XEP-0060, 4.2)
impl WireName for Option<SubscriptionState> {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (None, "none", ""),
        (Some(SubscriptionState::Pending), "pending", ""),
        (Some(SubscriptionState::Subscribed), "subscribed", ""),
    ];
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use super::*;

    fn each_wire_name_means_one_variant<T: WireName + Debug>() {
        for (member, word, _) in T::ALL {
            assert_eq!(member.wire_name(), *word);
            assert_eq!(T::from_wire_name(word), Some(*member));
        }
        assert_eq!(T::from_wire_name("bogus"), None);
    }

    #[test]
    fn wire_names_and_variants_match() {
        each_wire_name_means_one_variant::<AccessModel>();
        each_wire_name_means_one_variant::<PublishModel>();
        each_wire_name_means_one_variant::<SendLast>();
        each_wire_name_means_one_variant::<ItemReply>();
        each_wire_name_means_one_variant::<NotificationType>();
        each_wire_name_means_one_variant::<WhenFull>();
        each_wire_name_means_one_variant::<Affiliation>();
        each_wire_name_means_one_variant::<Option<SubscriptionState>>();
    }
}
