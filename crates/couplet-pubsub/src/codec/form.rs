//! Data forms: configuration, subscription options, meta-data. (XEP-0060, 16.4; XEP-0004)

use std::borrow::Cow;

use couplet::{BareJid, Condition};
use couplet_core::{element::Element, xml_writer::XmlWriter};
use xmpp_parsers::data_forms::{self, DataForm, DataFormType, FieldType};

use crate::{
    node::{Node, NodeConfig},
    policy::Limits,
    pubsub_error::{PubsubCondition, PubsubError},
    request::{Field, OptionsChange},
    subscription::SubscribeOptions,
    timestamp::Timestamp,
};

mod config;
pub(super) mod data;

use self::config::{Entry, TABLE};
pub(crate) use self::data::FORM_TYPE;
pub(super) use self::data::{Style, flag, submitted};

pub(crate) const NODE_CONFIG: &str = "http://jabber.org/protocol/pubsub#node_config";
const META_DATA: &str = "http://jabber.org/protocol/pubsub#meta-data";
pub(crate) const SUBSCRIBE_OPTIONS: &str = "http://jabber.org/protocol/pubsub#subscribe_options";

/// Applies a submitted configuration. Fields that were not sent stay, unknown ones are ignored.
/// `max_items=max` becomes `None`; values above the limits are rejected.
///
/// # Errors
///
/// `not-acceptable`, for an access model with `unsupported-access-model`; `feature-not-implemented`
/// for a collection. Nothing is applied.
pub(crate) fn apply_config(
    config: &NodeConfig,
    fields: &[Field],
    limits: &Limits,
) -> Result<NodeConfig, PubsubError> {
    let mut new = config.clone();
    for field in fields {
        if let Some(entry) = Entry::named(&field.var) {
            (entry.apply)(&mut new, &field.values, limits)
                .map_err(|error| error.text(format!("{} cannot have this value", field.var)))?;
        }
    }
    Ok(new)
}

/// Compares a node with `publish-options`. (XEP-0060, 7.1.5) A `max_items` of `max` equals the
/// number that it means under these limits.
///
/// # Errors
///
/// `conflict` and `precondition-not-met`; `bad-request` for unknown fields.
pub(crate) fn check_preconditions(
    config: &NodeConfig,
    fields: &[Field],
    limits: &Limits,
) -> Result<(), PubsubError> {
    let everything = Limits {
        items: u32::MAX,
        payload_bytes: u32::MAX,
        ..Limits::default()
    };
    let numbered = |mut config: NodeConfig| {
        config.max_items.get_or_insert(limits.items);
        config
    };
    let config = numbered(config.clone());
    let mut wanted = config.clone();
    for field in fields {
        let Some(entry) = Entry::named(&field.var) else {
            let text = format!("{} is not an option of a node", field.var);
            return Err(PubsubError::new(Condition::BadRequest).text(text));
        };
        let applied = (entry.apply)(&mut wanted, &field.values, &everything);
        wanted = numbered(wanted);
        // An invalid value does not match any node.
        if applied.is_err() || wanted != config {
            return Err(PubsubError::with(
                Condition::Conflict,
                PubsubCondition::PreconditionNotMet,
            )
            .text(format!("{} has another value", field.var)));
        }
    }
    Ok(())
}

/// Parses a form of subscription options.
///
/// # Errors
///
/// `bad-request` and `invalid-options`, also for digests and for leases that end with presence,
/// which are not supported.
pub(crate) fn read_options(
    now: SubscribeOptions,
    fields: &[Field],
) -> Result<OptionsChange, PubsubError> {
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
            ("pubsub#expire", Some(text)) => Timestamp::parse(text).map(|moment| {
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
            return Err(
                PubsubError::with(Condition::BadRequest, PubsubCondition::InvalidOptions)
                    .text(format!("{} cannot have this value", field.var)),
            );
        }
    }
    Ok(change)
}

/// Returns the configuration form with its current values, as XML.
#[cfg(test)]
pub(crate) fn configuration(config: &NodeConfig) -> String {
    super::elements::to_string(|xml| write_configuration(config, Style::Form, xml))
}

/// Returns the options form with its current values, as XML.
#[cfg(test)]
pub(crate) fn options(options: SubscribeOptions, expires: Option<Timestamp>) -> String {
    super::elements::to_string(|xml| write_options(options, expires, Style::Form, xml))
}

pub(super) fn write_configuration(config: &NodeConfig, style: Style, xml: &mut XmlWriter<'_>) {
    data::write(style, NODE_CONFIG, xml, |xml| {
        for entry in TABLE.iter() {
            let field = data::FormField {
                var: entry.var,
                kind: entry.kind,
                label: entry.label,
                choices: &entry.choices,
                values: &(entry.read)(config),
            };
            field.write(style, xml);
        }
    });
}

/// One option of a subscription: its field, kind, and label.
type Optional = (&'static str, &'static str, &'static str);

/// XEP-0060, 16.4.2 and 12.19
const OPTIONS: [Optional; 3] = [
    ("pubsub#deliver", "boolean", "Receive notifications"),
    (
        "pubsub#include_body",
        "boolean",
        "Receive a text with each item",
    ),
    (
        "pubsub#expire",
        "text-single",
        "End of the subscription (date and time)",
    ),
];

/// Returns the values of the options, in the order of [`OPTIONS`].
fn option_values(options: SubscribeOptions, expires: Option<Timestamp>) -> [Vec<String>; 3] {
    let flag = |on| vec![data::flag_word(on).to_owned()];
    let expires = expires.iter().map(ToString::to_string).collect();
    [flag(options.deliver), flag(options.include_body), expires]
}

pub(super) fn write_options(
    options: SubscribeOptions,
    expires: Option<Timestamp>,
    style: Style,
    xml: &mut XmlWriter<'_>,
) {
    data::write(style, SUBSCRIBE_OPTIONS, xml, |xml| {
        for ((var, kind, label), values) in OPTIONS.iter().zip(option_values(options, expires)) {
            let values: Vec<_> = values.into_iter().map(Cow::from).collect();
            let field = data::FormField {
                var,
                kind,
                label,
                choices: &[],
                values: &values,
            };
            field.write(style, xml);
        }
    });
}

/// Returns the options of a subscription as fields of another form.
pub(crate) fn options_fields(options: SubscribeOptions) -> impl Iterator<Item = data_forms::Field> {
    let values = option_values(options, None);
    let all = OPTIONS.into_iter().zip(values);
    all.map(|((var, kind, label), values)| field(var, kind, label, values))
}

/// Returns these options of a node as fields of another form.
pub(crate) fn configuration_fields(
    config: &NodeConfig,
    is_wanted: impl Fn(&str) -> bool,
) -> impl Iterator<Item = data_forms::Field> {
    let wanted = TABLE.iter().filter(move |entry| is_wanted(entry.var));
    wanted.map(|entry| {
        let values: Vec<String> = (entry.read)(config)
            .into_iter()
            .map(Cow::into_owned)
            .collect();
        let is_list = entry.kind == "list-single";
        let mut options: Vec<_> = entry
            .choices
            .iter()
            .map(|(word, label)| option(Some(label), word))
            .collect();
        for value in values.iter().filter(|_| is_list) {
            // The current value is always a choice.
            if entry.choices.iter().all(|(word, _)| word != value) {
                options.push(option(None, value));
            }
        }
        data_forms::Field {
            options,
            ..field(entry.var, entry.kind, entry.label, values)
        }
    })
}

fn option(label: Option<&str>, value: &str) -> data_forms::Option_ {
    data_forms::Option_ {
        label: label.map(str::to_owned),
        value: value.to_owned(),
    }
}

/// Returns the fields of a submitted form, with its FORM_TYPE.
pub(crate) fn submitted_fields(parent: Element<'_>) -> Option<Vec<Field>> {
    let form = parent.child("x", data::NS_DATA)?;
    let is_submitted = matches!(form.attr("type").as_deref(), None | Some("" | "submit"));
    is_submitted.then(|| data::fields(form))
}

/// Returns the meta-data of a node for disco#info. (XEP-0060, 5.4)
pub(crate) fn meta_data(node: &Node, owners: &[BareJid]) -> DataForm {
    let mut fields = vec![
        field(
            "pubsub#creator",
            "jid-single",
            "Creator",
            [node.creator.to_string()],
        ),
        field(
            "pubsub#creation_date",
            "text-single",
            "Created",
            [node.created.to_string()],
        ),
    ];
    for entry in TABLE.iter().filter(|entry| entry.is_public) {
        let values: Vec<_> = (entry.read)(&node.config)
            .into_iter()
            .map(Cow::into_owned)
            .collect();
        if !values.is_empty() {
            fields.push(field(entry.var, entry.kind, entry.label, values));
        }
    }
    let owners = owners.iter().map(ToString::to_string);
    fields.push(field("pubsub#owner", "jid-multi", "Owners", owners));
    let subscribers = [node.subscribers.to_string()];
    fields.push(field(
        "pubsub#num_subscribers",
        "text-single",
        "Number of subscribers",
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

#[cfg(test)]
mod tests {
    use couplet_core::element::{Scope, Tree};

    use super::*;
    use crate::{
        node::{
            AccessModel, ItemReply, NodeId, NotificationType, PublishModel, SendLast, WhenFull,
        },
        timestamp::Timestamp,
    };

    fn given(var: &str, values: &[&str]) -> Vec<Field> {
        vec![Field {
            var: var.into(),
            values: values.iter().map(ToString::to_string).collect(),
        }]
    }

    fn applied(var: &str, values: &[&str]) -> Result<NodeConfig, PubsubError> {
        let fields = given(&format!("pubsub#{var}"), values);
        apply_config(&NodeConfig::default(), &fields, &Limits::default())
    }

    /// Returns a configuration that differs from the default in every field.
    fn other() -> NodeConfig {
        NodeConfig {
            title: Some("T <&>".into()),
            description: Some("D".into()),
            payload_type: Some("urn:t".into()),
            language: Some("de".into()),
            contact: vec!["a@b".into(), "c@d".into()],
            access: AccessModel::Authorize,
            publish: PublishModel::Open,
            persist: false,
            notify: false,
            payloads: false,
            max_items: None,
            item_expire: Some(60),
            notify_config: true,
            notify_delete: false,
            notify_retract: false,
            notify_sub: true,
            send_last: SendLast::Never,
            item_reply: ItemReply::Publisher,
            message_type: NotificationType::Normal,
            max_payload: 17,
            subscribe: false,
            when_full: WhenFull::Reject,
            original_publisher: true,
            include_body: true,
        }
    }

    /// Returns the fields of the form as an unchanged submission.
    fn resubmitted(form: &str) -> Vec<Field> {
        let tree = Tree::parse(form, &Scope::bind([])).unwrap();
        let mut fields = data::fields(tree.root());
        assert_eq!(fields.remove(0).var, data::FORM_TYPE);
        fields
    }

    #[test]
    fn every_option_survives_a_form() {
        for config in [NodeConfig::default(), other()] {
            let fields = resubmitted(&configuration(&config));
            for other in [NodeConfig::default(), other()] {
                assert_eq!(
                    apply_config(&other, &fields, &Limits::default()),
                    Ok(config.clone())
                );
            }
            let limits = Limits::default();
            assert_eq!(check_preconditions(&config, &fields, &limits), Ok(()));
        }
    }

    #[test]
    fn only_what_was_sent_changes() {
        assert_eq!(
            applied("title", &["T"]),
            Ok(NodeConfig {
                title: Some("T".into()),
                ..NodeConfig::default()
            })
        );
        assert_eq!(applied("bogus", &["1"]), Ok(NodeConfig::default()));
        assert_eq!(applied("persist_items", &[]), Ok(NodeConfig::default()));
        assert_eq!(applied("access_model", &[""]), Ok(NodeConfig::default()));
        assert_eq!(
            apply_config(&other(), &given("pubsub#title", &[]), &Limits::default())
                .unwrap()
                .title,
            None
        );
    }

    #[test]
    fn booleans_have_two_spellings() {
        for word in ["0", "false"] {
            assert!(!applied("persist_items", &[word]).unwrap().persist);
        }
        for word in ["1", "true"] {
            assert!(applied("notify_sub", &[word]).unwrap().notify_sub);
        }
    }

    #[test]
    fn what_cannot_be_is_not_acceptable() {
        let long = "x".repeat(5_000);
        for (var, value) in [
            ("persist_items", "maybe"),
            ("publish_model", "bogus"),
            ("max_items", "-1"),
            ("max_items", "0"),
            ("max_items", "10001"),
            ("max_items", "many"),
            ("item_expire", "soon"),
            ("item_expire", "0"),
            ("item_expire", "18446744073709551615"),
            ("max_payload_size", "250001"),
            ("max_payload_size", "max"),
            ("send_last_published_item", "on_sub_and_presence"),
            ("notification_type", "chat"),
            ("publish_node_full", "discard-newest"),
            ("contact", "@"),
            ("node_type", "bogus"),
            ("title", &long),
        ] {
            let error = applied(var, &[value]).unwrap_err();
            assert_eq!(error.condition, Condition::NotAcceptable, "{var}={value}");
            assert_eq!(error.detail, None, "{var}={value}");
            assert!(error.text.unwrap().contains(var));
        }
    }

    #[test]
    fn an_unsupported_access_model_has_its_own_condition() {
        for model in ["presence", "roster", "bogus"] {
            let error = applied("access_model", &[model]).unwrap_err();
            assert_eq!(error.condition, Condition::NotAcceptable);
            assert_eq!(error.detail, Some(PubsubCondition::UnsupportedAccessModel));
        }
    }

    #[test]
    fn collections_are_not_implemented() {
        let error = applied("node_type", &["collection"]).unwrap_err();
        assert_eq!(error.condition, Condition::FeatureNotImplemented);
        assert_eq!(
            error.detail,
            Some(PubsubCondition::Unsupported("collections"))
        );
        assert_eq!(applied("node_type", &["leaf"]), Ok(NodeConfig::default()));
    }

    #[test]
    fn max_is_no_number_of_items_and_no_end_of_them() {
        assert_eq!(applied("max_items", &["max"]).unwrap().max_items, None);
        assert_eq!(
            applied("max_items", &["10000"]).unwrap().max_items,
            Some(10_000)
        );
        assert_eq!(applied("item_expire", &["max"]).unwrap().item_expire, None);
        assert_eq!(
            applied("item_expire", &["60"]).unwrap().item_expire,
            Some(60)
        );
    }

    #[test]
    fn what_was_allowed_once_may_stay() {
        let old = NodeConfig {
            max_items: Some(99_999),
            max_payload: 999_999,
            ..NodeConfig::default()
        };
        let fields = resubmitted(&configuration(&old));
        assert_eq!(apply_config(&old, &fields, &Limits::default()), Ok(old));
    }

    fn checked(var: &str, value: &str) -> Result<(), PubsubError> {
        let config = NodeConfig::default();
        check_preconditions(&config, &given(var, &[value]), &Limits::default())
    }

    #[test]
    fn preconditions_compare_values_not_spellings() {
        assert_eq!(checked("pubsub#persist_items", "true"), Ok(()));
        assert_eq!(checked("pubsub#persist_items", "1"), Ok(()));
        assert_eq!(checked("pubsub#access_model", "open"), Ok(()));
        assert_eq!(checked("pubsub#item_expire", "max"), Ok(()));
    }

    #[test]
    fn max_equals_the_number_that_it_means() {
        let limits = Limits::default();
        for (is, wanted) in [(None, "10000"), (Some(10_000), "max")] {
            let config = NodeConfig {
                max_items: is,
                ..NodeConfig::default()
            };
            let wanted = given("pubsub#max_items", &[wanted]);
            assert_eq!(check_preconditions(&config, &wanted, &limits), Ok(()));
        }
        let config = NodeConfig {
            max_items: None,
            ..NodeConfig::default()
        };
        let fewer = given("pubsub#max_items", &["9999"]);
        assert!(check_preconditions(&config, &fewer, &limits).is_err());
    }

    #[test]
    fn a_precondition_that_is_not_met_or_cannot_be_is_a_conflict() {
        for (var, value) in [
            ("pubsub#persist_items", "0"),
            ("pubsub#access_model", "whitelist"),
            ("pubsub#access_model", "presence"),
            ("pubsub#max_items", "max"),
            ("pubsub#max_items", "999999"),
        ] {
            let error = checked(var, value).unwrap_err();
            assert_eq!(error.condition, Condition::Conflict, "{var}={value}");
            assert_eq!(error.detail, Some(PubsubCondition::PreconditionNotMet));
        }
    }

    #[test]
    fn an_unknown_precondition_is_a_bad_request() {
        let error = checked("pubsub#bogus", "1").unwrap_err();
        assert_eq!(error.condition, Condition::BadRequest);
    }

    fn options_of(var: &str, value: &str) -> Result<OptionsChange, PubsubError> {
        read_options(
            SubscribeOptions::default(),
            &given(&format!("pubsub#{var}"), &[value]),
        )
    }

    #[test]
    fn subscribers_change_what_they_mention() {
        let now = SubscribeOptions::default();
        let same = OptionsChange {
            options: now,
            expires: None,
        };
        assert_eq!(read_options(now, &[]), Ok(same));
        let changed = options_of("deliver", "false").unwrap();
        assert_eq!(
            changed.options,
            SubscribeOptions {
                deliver: false,
                ..now
            }
        );
        assert!(
            options_of("include_body", "1")
                .unwrap()
                .options
                .include_body
        );
        for (var, value) in [
            ("digest", "0"),
            ("show-values", "away"),
            ("subscription_type", "items"),
            ("bogus", "1"),
            ("deliver", ""),
        ] {
            assert_eq!(options_of(var, value), Ok(same), "{var}={value}");
        }
    }

    #[test]
    fn a_lease_ends_at_a_time_or_never() {
        assert_eq!(options_of("expire", "").unwrap().expires, Some(None));
        assert_eq!(
            options_of("expire", "1970-01-01T00:00:01Z")
                .unwrap()
                .expires,
            Some(Some(Timestamp(1_000)))
        );
    }

    #[test]
    fn options_that_make_no_sense_are_invalid() {
        for (var, value) in [
            ("deliver", "maybe"),
            ("include_body", "2"),
            ("digest", "1"),
            ("expire", "presence"),
            ("expire", "tomorrow"),
            ("subscription_type", "nodes"),
        ] {
            let error = options_of(var, value).unwrap_err();
            assert_eq!(error.condition, Condition::BadRequest, "{var}={value}");
            assert_eq!(
                error.detail,
                Some(PubsubCondition::InvalidOptions),
                "{var}={value}"
            );
        }
    }

    #[test]
    fn a_form_has_its_type_first_and_labels_types_and_choices() {
        let form = configuration(&NodeConfig::default());
        assert!(form.starts_with("<x xmlns='jabber:x:data' type='form'><field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/pubsub#node_config</value></field>"), "{form}");
        assert!(form.contains("<field var='pubsub#access_model' type='list-single' label='Who may subscribe and retrieve items'><option label='Anyone may subscribe and retrieve items'><value>open</value></option>"), "{form}");
        assert!(
            form.contains("<field var='pubsub#node_type' type='list-single'"),
            "{form}"
        );
        for labelled in [
            // The label as a person reads it beside a checkbox.
            "<field var='pubsub#persist_items' type='boolean' label='Keep items'>",
            "<field var='pubsub#type' type='text-single' label='Type of the items, as a namespace'>",
        ] {
            assert!(form.contains(labelled), "{form}");
        }
        let options = options(SubscribeOptions::default(), None);
        assert!(options.contains("<field var='pubsub#deliver' type='boolean' label='Receive notifications'><value>1</value></field>"), "{options}");
    }

    #[test]
    fn a_language_can_be_chosen_and_one_that_was_not_proposed_stays() {
        let language = |language: &str| {
            let config = NodeConfig {
                language: Some(language.into()),
                ..NodeConfig::default()
            };
            let form = configuration(&config);
            let (_, field) = form.split_once("'pubsub#language'").unwrap();
            field.split_once("</field>").unwrap().0.to_owned()
        };
        let english = language("en");
        assert!(english.starts_with(" type='list-single'"), "{english}");
        assert_eq!(english.matches("<value>en</value>").count(), 2, "{english}");
        let gaelic = language("gd");
        assert!(
            gaelic.ends_with("<option><value>gd</value></option><value>gd</value>"),
            "{gaelic}"
        );
    }

    #[test]
    fn meta_data_has_the_public_options() {
        let jid = |text: &str| BareJid::new(text).unwrap();
        let config = NodeConfig {
            title: Some("T".into()),
            ..NodeConfig::default()
        };
        let node = Node {
            subscribers: 7,
            ..Node::new(NodeId(1), "n".into(), config, jid("a@b"), Timestamp(0))
        };
        let form = meta_data(&node, &[jid("a@b"), jid("c@d")]);
        assert_eq!(form.type_, DataFormType::Result_);
        assert_eq!(form.form_type(), Some(META_DATA));
        let field = |var: &str| {
            let field = form
                .fields
                .iter()
                .find(|field| field.var.as_deref() == Some(var))?;
            Some(field.values.join(" "))
        };
        for (var, value) in [
            ("pubsub#title", "T"),
            ("pubsub#access_model", "open"),
            ("pubsub#publish_model", "publishers"),
            ("pubsub#max_items", "1000"),
            ("pubsub#creator", "a@b"),
            ("pubsub#creation_date", "1970-01-01T00:00:00Z"),
            ("pubsub#owner", "a@b c@d"),
            ("pubsub#num_subscribers", "7"),
        ] {
            assert_eq!(field(var).as_deref(), Some(value), "{var}");
        }
        assert_eq!(field("pubsub#description"), None);
        assert_eq!(field("pubsub#notify_sub"), None);
    }
}
