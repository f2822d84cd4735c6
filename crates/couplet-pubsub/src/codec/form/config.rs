//! The node configuration: one table to read, write and compare it. (XEP-0060, 16.4.4)
//!
//! A new option is one entry here.

use std::{borrow::Cow, sync::LazyLock};

use couplet::{Condition, Jid};

use super::data::{flag, flag_word};
use crate::{
    codec::wire_name::WireName,
    node::{
        AccessModel, ItemReply, NodeConfig, NotificationType, PublishModel, SendLast, WhenFull,
    },
    policy::Limits,
    pubsub_error::{PubsubCondition, PubsubError},
};

/// Maximum length of a title, description, contact and so on, in bytes.
const TEXT_BYTES: usize = 4_096;
/// Maximum number of contacts of a node.
const CONTACTS: usize = 100;

/// One option of a node.
pub(super) struct Entry {
    pub(super) var: &'static str,
    pub(super) kind: &'static str,
    pub(super) label: &'static str,
    pub(super) choices: Vec<(&'static str, &'static str)>,
    /// Whether the meta-data of the node shows it. (XEP-0060, 16.4.3)
    pub(super) is_public: bool,
    /// Returns the current values of the field.
    pub(super) read: for<'a> fn(&'a NodeConfig) -> Vec<Cow<'a, str>>,
    /// Sets the option from the values of a field.
    pub(super) apply: fn(&mut NodeConfig, &[String], &Limits) -> Result<(), PubsubError>,
}

impl Entry {
    /// Returns the entry of a field, if it is known.
    pub(super) fn named(var: &str) -> Option<&'static Entry> {
        TABLE.iter().find(|entry| entry.var == var)
    }

    fn public(mut self) -> Entry {
        self.is_public = true;
        self
    }
}

/// An option that is a field of [`NodeConfig`].
macro_rules! option {
    (flag $var:literal, $field:ident, $label:literal) => {
        entry(
            $var,
            "boolean",
            $label,
            Vec::new(),
            |config| vec![flag_word(config.$field).into()],
            |config, values, _| set_flag(&mut config.$field, values),
        )
    };
    (word $var:literal, $field:ident: $type:ty, $label:literal) => {
        entry(
            $var,
            "list-single",
            $label,
            <$type>::choices(),
            |config| vec![config.$field.wire_name().into()],
            |config, values, _| set_word(&mut config.$field, values),
        )
    };
    (text $var:literal, $field:ident, $label:literal) => {
        entry(
            $var,
            "text-single",
            $label,
            Vec::new(),
            |config| {
                config
                    .$field
                    .as_deref()
                    .map(Cow::from)
                    .into_iter()
                    .collect()
            },
            |config, values, _| set_text(&mut config.$field, values),
        )
    };
}

/// The options in the order of the form.
pub(super) static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    vec![
        option!(text "pubsub#title", title, "Title").public(),
        option!(text "pubsub#description", description, "Description").public(),
        option!(text "pubsub#type", payload_type, "Type of the items, as a namespace").public(),
        language().public(),
        entry(
            "pubsub#contact",
            "jid-multi",
            "Contact addresses for questions",
            Vec::new(),
            |config| {
                config
                    .contact
                    .iter()
                    .map(|jid| jid.as_str().into())
                    .collect()
            },
            set_contact,
        )
        .public(),
        entry(
            "pubsub#node_type",
            "list-single",
            "Kind of node",
            vec![("leaf", "A node with items")],
            |_| vec!["leaf".into()],
            only_leaf,
        ),
        access().public(),
        option!(word "pubsub#publish_model", publish: PublishModel, "Who may publish").public(),
        option!(flag "pubsub#subscribe", subscribe, "Allow subscriptions"),
        option!(flag "pubsub#persist_items", persist, "Keep items"),
        entry(
            "pubsub#max_items",
            "text-single",
            "Number of items to keep, or max",
            Vec::new(),
            |config| {
                vec![
                    config
                        .max_items
                        .map_or("max".into(), |max| max.to_string().into()),
                ]
            },
            set_max_items,
        )
        .public(),
        option!(word "pubsub#publish_node_full", when_full: WhenFull, "When the node is full"),
        entry(
            "pubsub#item_expire",
            "text-single",
            "Seconds until an item expires, or max for never",
            Vec::new(),
            |config| {
                vec![
                    config
                        .item_expire
                        .map_or("max".into(), |time| time.to_string().into()),
                ]
            },
            set_item_expire,
        ),
        entry(
            "pubsub#max_payload_size",
            "text-single",
            "Largest payload, in bytes",
            Vec::new(),
            |config| vec![config.max_payload.to_string().into()],
            set_max_payload,
        ),
        option!(flag "pubsub#deliver_notifications", notify, "Send notifications"),
        option!(flag "pubsub#deliver_payloads", payloads, "Send payloads with notifications"),
        option!(word "pubsub#notification_type", message_type: NotificationType, "Type of notification messages"),
        option!(word "pubsub#send_last_published_item", send_last: SendLast, "When to send the last published item"),
        option!(word "pubsub#itemreply", item_reply: ItemReply, "Publisher shown with items"),
        option!(flag "pubsub#notify_config", notify_config, "Notify subscribers when the configuration changes"),
        option!(flag "pubsub#notify_delete", notify_delete, "Notify subscribers when the node is deleted"),
        option!(flag "pubsub#notify_retract", notify_retract, "Notify subscribers when items are removed"),
        option!(flag "pubsub#notify_sub", notify_sub, "Notify owners when subscribers come or go"),
        option!(flag "couplet#original_publisher", original_publisher, "Only the publisher of an item may overwrite or remove it"),
        option!(flag "couplet#include_body", include_body, "Send new subscribers a text with each item"),
    ]
});

fn entry(
    var: &'static str,
    kind: &'static str,
    label: &'static str,
    choices: Vec<(&'static str, &'static str)>,
    read: for<'a> fn(&'a NodeConfig) -> Vec<Cow<'a, str>>,
    apply: fn(&mut NodeConfig, &[String], &Limits) -> Result<(), PubsubError>,
) -> Entry {
    Entry {
        var,
        kind,
        label,
        choices,
        is_public: false,
        read,
        apply,
    }
}

/// Returns the option as a list, as in the registry: aioxmpp rejects the form otherwise. The most
/// common languages are choices, and any other is accepted.
fn language() -> Entry {
    let mut entry = option!(text "pubsub#language", language, "Language of the node");
    entry.kind = "list-single";
    entry.choices = vec![
        ("en", "English"),
        ("zh", "Chinese"),
        ("hi", "Hindi"),
        ("es", "Spanish"),
        ("ar", "Arabic"),
        ("fr", "French"),
        ("bn", "Bengali"),
        ("pt", "Portuguese"),
        ("ru", "Russian"),
        ("de", "German"),
        ("ja", "Japanese"),
    ];
    entry
}

/// Returns the option with its own condition for an unsupported value. (XEP-0060, 8.1.2)
fn access() -> Entry {
    let mut entry = option!(word "pubsub#access_model", access: AccessModel, "Who may subscribe and retrieve items");
    entry.apply = |config, values, _| {
        let unsupported = PubsubCondition::UnsupportedAccessModel;
        set_word(&mut config.access, values)
            .map_err(|_| PubsubError::with(Condition::NotAcceptable, unsupported))
    };
    entry
}

fn impossible() -> PubsubError {
    PubsubError::new(Condition::NotAcceptable)
}

/// Returns the only value. A field without one was left blank, which leaves most options unchanged.
fn one(values: &[String]) -> Option<&str> {
    values
        .first()
        .map(|value| value.trim())
        .filter(|value| !value.is_empty())
}

fn set_flag(slot: &mut bool, values: &[String]) -> Result<(), PubsubError> {
    if let Some(word) = one(values) {
        *slot = flag(word).ok_or_else(impossible)?;
    }
    Ok(())
}

fn set_word<T: WireName>(slot: &mut T, values: &[String]) -> Result<(), PubsubError> {
    if let Some(word) = one(values) {
        *slot = T::from_wire_name(word).ok_or_else(impossible)?;
    }
    Ok(())
}

/// Sets a text; a blank value removes it.
fn set_text(slot: &mut Option<String>, values: &[String]) -> Result<(), PubsubError> {
    let text = values.first().filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.len() > TEXT_BYTES) {
        return Err(impossible());
    }
    *slot = text.cloned();
    Ok(())
}

fn set_contact(config: &mut NodeConfig, values: &[String], _: &Limits) -> Result<(), PubsubError> {
    let contacts: Vec<_> = values
        .iter()
        .filter(|jid| !jid.is_empty())
        .cloned()
        .collect();
    if contacts.len() > CONTACTS || contacts.iter().any(|jid| Jid::new(jid).is_err()) {
        return Err(impossible());
    }
    config.contact = contacts;
    Ok(())
}

/// Accepts leaf nodes only: collections are not implemented. (XEP-0248, 4)
fn only_leaf(_: &mut NodeConfig, values: &[String], _: &Limits) -> Result<(), PubsubError> {
    match one(values) {
        None | Some("leaf") => Ok(()),
        Some("collection") => Err(PubsubError::with(
            Condition::FeatureNotImplemented,
            PubsubCondition::Unsupported("collections"),
        )),
        Some(_) => Err(impossible()),
    }
}

/// Checks only a new value against the limits: an old one may stay.
fn set_max_items(
    config: &mut NodeConfig,
    values: &[String],
    limits: &Limits,
) -> Result<(), PubsubError> {
    let max = match one(values) {
        None => return Ok(()),
        Some("max") => None,
        Some(number) => Some(number.parse::<u32>().map_err(|_| impossible())?),
    };
    if max != config.max_items && max.is_some_and(|max| max == 0 || max > limits.items) {
        return Err(impossible());
    }
    config.max_items = max;
    Ok(())
}

fn set_item_expire(
    config: &mut NodeConfig,
    values: &[String],
    _: &Limits,
) -> Result<(), PubsubError> {
    config.item_expire = match one(values) {
        None | Some("max") => None,
        Some(number) => match number.parse::<u64>() {
            Ok(seconds @ 1..=MOST_SECONDS) => Some(seconds),
            _ => return Err(impossible()),
        },
    };
    Ok(())
}

/// A hundred years, so that the sum with a timestamp does not overflow.
const MOST_SECONDS: u64 = 3_155_760_000;

fn set_max_payload(
    config: &mut NodeConfig,
    values: &[String],
    limits: &Limits,
) -> Result<(), PubsubError> {
    let Some(number) = one(values) else {
        return Ok(());
    };
    let max = number.parse::<u32>().map_err(|_| impossible())?;
    if max != config.max_payload && max > limits.payload_bytes {
        return Err(impossible());
    }
    config.max_payload = max;
    Ok(())
}
