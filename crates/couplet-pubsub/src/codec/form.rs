//! Data forms: configuration, subscription options, meta-data. (XEP-0060, 16.4; XEP-0004)

use std::borrow::Cow;

use couplet::Condition;
use couplet_core::wire::Wire;
use jid::BareJid;
use xmpp_parsers::data_forms::{self, DataForm, DataFormType, FieldType};

use crate::{
    moment::Moment,
    node::{Node, NodeConfig},
    policy::Limits,
    refused::{Detail, Refused},
    request::{Field, OptionsChange},
    subscription::SubscribeOptions,
};

mod config;
pub(super) mod data;

use self::config::{Entry, TABLE};
pub(super) use self::data::{Style, Submitted, flag, submitted};

const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";
const SUBSCRIBE_OPTIONS: &str = "http://jabber.org/protocol/pubsub#subscribe_options";

/// Applies what was submitted; fields that were not sent stay, unknown ones are ignored
/// (pubsub.md, 5e). `max_items=max` becomes none, higher values than the limits allow are refused.
///
/// # Errors
///
/// `not-acceptable`, with `unsupported-access-model` where it is that, and
/// `feature-not-implemented` for a collection; nothing is applied.
pub(crate) fn apply_config(
    config: &NodeConfig,
    fields: &[Field],
    limits: &Limits,
) -> Result<NodeConfig, Refused> {
    let mut new = config.clone();
    for field in fields {
        if let Some(entry) = Entry::named(&field.var) {
            (entry.apply)(&mut new, &field.values, limits)
                .map_err(|refused| refused.text(format!("{} cannot be that", field.var)))?;
        }
    }
    Ok(new)
}

/// Whether a node is as a publisher wants it. (XEP-0060, 7.1.5)
///
/// # Errors
///
/// `conflict` and `precondition-not-met`; for fields nobody knows `bad-request`.
pub(crate) fn check_preconditions(config: &NodeConfig, fields: &[Field]) -> Result<(), Refused> {
    let everything = Limits {
        items: u32::MAX,
        payload_bytes: u32::MAX,
        ..Limits::default()
    };
    let mut wanted = config.clone();
    for field in fields {
        let Some(entry) = Entry::named(&field.var) else {
            let text = format!("Nothing here is called {}", field.var);
            return Err(Refused::plain(Condition::BadRequest).text(text));
        };
        let applied = (entry.apply)(&mut wanted, &field.values, &everything);
        // A value that no node can have is one that this node does not have.
        if applied.is_err() || wanted != *config {
            return Err(
                Refused::with(Condition::Conflict, Detail::PreconditionNotMet)
                    .text(format!("{} is something else", field.var)),
            );
        }
    }
    Ok(())
}

/// What a subscriber's form asks for.
///
/// # Errors
///
/// `bad-request` and `invalid-options`, for digests and leases that end with presence too: they
/// are not offered.
pub(crate) fn read_options(
    now: SubscribeOptions,
    fields: &[Field],
) -> Result<OptionsChange, Refused> {
    let mut change = OptionsChange {
        options: now,
        expires: None,
    };
    for field in fields {
        let value = field.values.first().map(|value| value.trim());
        let known = match (field.var.as_str(), value) {
            ("pubsub#expire", None | Some("")) => {
                change.expires = Some(None);
                Some(true)
            }
            ("pubsub#expire", Some(text)) => Moment::parse(text).map(|moment| {
                change.expires = Some(Some(moment));
                true
            }),
            (_, None | Some("")) => Some(true),
            ("pubsub#deliver", Some(word)) => flag(word).inspect(|on| change.options.deliver = *on),
            ("pubsub#include_body", Some(word)) => {
                flag(word).inspect(|on| change.options.include_body = *on)
            }
            ("pubsub#digest", Some(word)) => flag(word).filter(|on| !on),
            ("pubsub#subscription_type", Some(word)) => (word == "items").then_some(true),
            _ => Some(true),
        };
        if known.is_none() {
            return Err(Refused::with(Condition::BadRequest, Detail::InvalidOptions)
                .text(format!("{} cannot be that", field.var)));
        }
    }
    Ok(change)
}

/// The configuration form with its current values, as XML.
pub(crate) fn configuration(config: &NodeConfig) -> String {
    super::write::to_string(|wire| write_configuration(config, Style::Form, wire))
}

/// The options form with its current values, as XML.
pub(crate) fn options(options: SubscribeOptions, expires: Option<Moment>) -> String {
    super::write::to_string(|wire| write_options(options, expires, Style::Form, wire))
}

pub(super) fn write_configuration(config: &NodeConfig, style: Style, wire: &mut Wire<'_>) {
    data::write(style, NODE_CONFIG, wire, |wire| {
        for entry in TABLE.iter() {
            let field = data::Told {
                var: entry.var,
                kind: entry.kind,
                label: entry.label,
                choices: &entry.choices,
                values: &(entry.tell)(config),
            };
            field.write(style, wire);
        }
    });
}

/// XEP-0060, 16.4.2 and 12.19
pub(super) fn write_options(
    options: SubscribeOptions,
    expires: Option<Moment>,
    style: Style,
    wire: &mut Wire<'_>,
) {
    let field = |var, kind, label, values: &[Cow<'_, str>], wire: &mut Wire<'_>| {
        let told = data::Told {
            var,
            kind,
            label,
            choices: &[],
            values,
        };
        told.write(style, wire);
    };
    data::write(style, SUBSCRIBE_OPTIONS, wire, |wire| {
        let flag = |on| [Cow::from(data::flag_word(on))];
        let deliver = flag(options.deliver);
        field(
            "pubsub#deliver",
            "boolean",
            "Whether to get notifications",
            &deliver,
            wire,
        );
        let body = flag(options.include_body);
        field(
            "pubsub#include_body",
            "boolean",
            "Whether to get a text for people too",
            &body,
            wire,
        );
        let expires: Vec<_> = expires
            .iter()
            .map(|moment| moment.to_string().into())
            .collect();
        field(
            "pubsub#expire",
            "text-single",
            "When the subscription ends",
            &expires,
            wire,
        );
    });
}

/// What disco#info tells of a node. (XEP-0060, 5.4)
pub(crate) fn meta_data(node: &Node, owners: &[BareJid]) -> DataForm {
    let mut fields = vec![
        field(
            "pubsub#creator",
            "jid-single",
            "Who made the node",
            [node.creator.to_string()],
        ),
        field(
            "pubsub#creation_date",
            "text-single",
            "When it was made",
            [node.created.to_string()],
        ),
    ];
    for entry in TABLE.iter().filter(|entry| entry.is_public) {
        let values: Vec<_> = (entry.tell)(&node.config)
            .into_iter()
            .map(Cow::into_owned)
            .collect();
        if !values.is_empty() {
            fields.push(field(entry.var, entry.kind, entry.label, values));
        }
    }
    let owners = owners.iter().map(ToString::to_string);
    fields.push(field("pubsub#owner", "jid-multi", "Its owners", owners));
    let subscribers = [node.subscribers.to_string()];
    fields.push(field(
        "pubsub#num_subscribers",
        "text-single",
        "How many subscribe to it",
        subscribers,
    ));
    DataForm::new(DataFormType::Result_, META_DATA, fields)
}

fn field(
    var: &str,
    kind: &str,
    label: &str,
    values: impl IntoIterator<Item = String>,
) -> data_forms::Field {
    data_forms::Field {
        label: Some(label.to_owned()),
        values: values.into_iter().collect(),
        ..data_forms::Field::new(var, kind.parse().unwrap_or(FieldType::TextSingle))
    }
}
