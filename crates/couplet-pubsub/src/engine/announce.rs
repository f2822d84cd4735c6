//! Builds the announcements of changes: the content and the recipients. The fan-out sends them.

use couplet::{BareJid, Jid};

use super::context::RequestContext;
use crate::{
    change::{Announcement, Audience, Change},
    codec::{
        body,
        event::{self, EventItem, PENDING_TITLE},
        truncate::count_fitting,
    },
    item::Item,
    node::{ItemReply, Node, NodeConfig, NotificationType, SendLast},
    reply::Publishers,
    request::Payload,
    subscription::{Subscription, SubscriptionState},
};

/// Maximum number of ids in one notification, and maximum bytes of them, so that servers accept it.
const IDS: usize = 100;
const IDS_BYTES: usize = 65_536;

/// Announces an item to subscribers.
pub(super) fn published(
    name: &str,
    config: &NodeConfig,
    id: &str,
    payload: Option<&Payload>,
    publisher: Option<&BareJid>,
) -> Change {
    let item = EventItem {
        id,
        payload: payload
            .filter(|_| config.payloads)
            .map(|payload| payload.xml.as_str()),
        publisher,
    };
    Change::Announce(Announcement {
        to: Audience::Subscribers,
        type_: config.message_type,
        content: event::items(name, &[item]),
        body: payload
            .and_then(|payload| payload.text.as_deref())
            .map(|text| body::of_item(name, config, text)),
    })
}

/// Announces an event without item. (XEP-0060, 4.3)
pub(super) fn happened(name: &str, config: &NodeConfig) -> Change {
    to_subscribers(config, event::items(name, &[]))
}

/// Announces retracted items, if the node notifies.
pub(super) fn retracted(name: &str, config: &NodeConfig, ids: &[String]) -> Vec<Change> {
    if !config.notify {
        return Vec::new();
    }
    let mut rest = ids;
    let mut changes = Vec::new();
    while !rest.is_empty() {
        let some = count_fitting(rest.iter().take(IDS), IDS_BYTES, |id, xml| {
            event::write_retracted(id, xml);
        });
        let (ids, others) = rest.split_at_checked(some).unwrap_or((rest, &[]));
        changes.push(to_subscribers(config, event::retracted(name, ids)));
        rest = others;
    }
    changes
}

pub(super) fn to_subscribers(config: &NodeConfig, content: String) -> Change {
    Change::Announce(Announcement {
        to: Audience::Subscribers,
        type_: config.message_type,
        content,
        body: None,
    })
}

/// Sends content to these JIDs, as a message that servers store for users who are offline.
pub(super) fn to_jids(jids: Vec<Jid>, content: String) -> Change {
    Change::Announce(Announcement {
        to: Audience::Named(jids),
        type_: NotificationType::Normal,
        content,
        body: None,
    })
}

/// Announces the new state of a subscription to its subscriber. (XEP-0060, 8.8.4)
pub(super) fn state(name: &str, held: &Subscription, now: Option<SubscriptionState>) -> Change {
    to_jids(vec![held.jid.clone()], about(name, held, now))
}

/// Announces the new state of a subscription to all owners but one, with `notify_sub`.
pub(super) fn to_owners(
    node: &Node,
    owners: &[BareJid],
    except: &BareJid,
    held: &Subscription,
    now: Option<SubscriptionState>,
) -> Option<Change> {
    let others = jids(owners.iter().filter(|owner| *owner != except));
    let wanted = node.config.notify_sub && !others.is_empty();
    wanted.then(|| to_jids(others, about(&node.name, held, now)))
}

/// Asks these owners to approve a subscription: a form, and a text for clients without forms.
/// (XEP-0060, 8.6)
pub(super) fn approval(
    context: &RequestContext,
    node: &Node,
    owners: Vec<Jid>,
    held: &Subscription,
) -> Change {
    let title = body::label(&node.name, &node.config);
    Change::Announce(Announcement {
        to: Audience::Named(owners),
        type_: NotificationType::Normal,
        content: event::approval_wanted(&node.name, held),
        body: Some(format!(
            "{} wants to subscribe to {title}. Answer with the command \"{PENDING_TITLE}\" of {}.",
            held.jid, context.domain
        )),
    })
}

/// Sends the last item to a new subscriber. (XEP-0060, 6.1.7)
pub(super) fn last(
    node: &Node,
    owners: &[BareJid],
    newest: Option<&Item>,
    held: &Subscription,
) -> Option<Change> {
    let config = &node.config;
    let wanted = config.send_last == SendLast::OnSub
        && config.notify
        && config.persist
        && held.state == SubscriptionState::Subscribed
        && held.options.deliver;
    let item = newest.filter(|_| wanted)?;
    let publishers = publishers(config, owners);
    let event_item = EventItem {
        id: &item.head.id,
        payload: item.payload.as_deref().filter(|_| config.payloads),
        publisher: publisher(&publishers, &item.head.publisher),
    };
    Some(Change::Announce(Announcement {
        to: Audience::Named(vec![held.jid.clone()]),
        type_: config.message_type,
        content: event::last_item(&node.name, &event_item, item.head.published),
        body: item
            .payload
            .as_deref()
            .filter(|_| held.options.include_body)
            .and_then(body::text_of)
            .map(|text| body::of_item(&node.name, config, &text)),
    }))
}

/// Returns which publisher the items of a node show.
pub(super) fn publishers(config: &NodeConfig, owners: &[BareJid]) -> Publishers {
    match (config.item_reply, owners.first()) {
        (ItemReply::Publisher, _) => Publishers::Shown,
        (ItemReply::Owner, Some(owner)) => Publishers::Owner(owner.clone()),
        (ItemReply::Owner, None) | (ItemReply::None, _) => Publishers::Hidden,
    }
}

/// Returns the publisher that an item of `of` shows.
pub(super) fn publisher<'a>(shown: &'a Publishers, of: &'a BareJid) -> Option<&'a BareJid> {
    match shown {
        Publishers::Hidden => None,
        Publishers::Shown => Some(of),
        Publishers::Owner(owner) => Some(owner),
    }
}

fn about(name: &str, held: &Subscription, now: Option<SubscriptionState>) -> String {
    let expires = held.expires.filter(|_| now.is_some());
    event::subscription(name, &held.jid, &held.subid, now, expires)
}

pub(super) fn jids<'a>(bare: impl Iterator<Item = &'a BareJid>) -> Vec<Jid> {
    bare.cloned().map(Jid::from).collect()
}
