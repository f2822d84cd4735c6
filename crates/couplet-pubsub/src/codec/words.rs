//! What the wire calls the members of each enumeration.

use crate::{
    node::{
        AccessModel, Affiliation, ItemReply, NotificationType, PublishModel, SendLast, WhenFull,
    },
    subscription::SubscriptionState,
};

/// An enumeration with a word for each member.
pub(super) trait Word: Copy + PartialEq + 'static {
    /// Each member with its word and what it says to people.
    const ALL: &'static [(Self, &'static str, &'static str)];

    fn word(self) -> &'static str {
        let own = Self::ALL.iter().find(|(member, ..)| *member == self);
        own.map_or("", |(_, word, _)| word)
    }

    fn from_word(word: &str) -> Option<Self> {
        let own = Self::ALL.iter().find(|(_, own, _)| *own == word)?;
        Some(own.0)
    }

    /// Words and labels, for a form.
    fn choices() -> Vec<(&'static str, &'static str)> {
        Self::ALL
            .iter()
            .map(|(_, word, label)| (*word, *label))
            .collect()
    }
}

/// XEP-0060, 4.5. `presence` and `roster` are not among them: they need knowledge a component does
/// not have.
impl Word for AccessModel {
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

impl Word for PublishModel {
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

/// `on_sub_and_presence` is not among them: it needs to know who is online.
impl Word for SendLast {
    const ALL: &'static [(Self, &'static str, &'static str)] = &[
        (SendLast::Never, "never", "Never"),
        (
            SendLast::OnSub,
            "on_sub",
            "When a new subscription is processed",
        ),
    ];
}

impl Word for ItemReply {
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

impl Word for NotificationType {
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

impl Word for WhenFull {
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

impl Word for Affiliation {
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
impl Word for Option<SubscriptionState> {
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

    fn each_word_means_one_member<T: Word + Debug>() {
        for (member, word, _) in T::ALL {
            assert_eq!(member.word(), *word);
            assert_eq!(T::from_word(word), Some(*member));
        }
        assert_eq!(T::from_word("bogus"), None);
    }

    #[test]
    fn words_and_members_go_together() {
        each_word_means_one_member::<AccessModel>();
        each_word_means_one_member::<PublishModel>();
        each_word_means_one_member::<SendLast>();
        each_word_means_one_member::<ItemReply>();
        each_word_means_one_member::<NotificationType>();
        each_word_means_one_member::<WhenFull>();
        each_word_means_one_member::<Affiliation>();
        each_word_means_one_member::<Option<SubscriptionState>>();
    }
}
