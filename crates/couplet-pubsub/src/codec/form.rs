//! Data forms: configuration, subscription options, meta-data. (XEP-0060, 16.4; XEP-0004)

use jid::BareJid;
use xmpp_parsers::data_forms::DataForm;

use crate::{
    moment::Moment,
    node::{Node, NodeConfig},
    policy::Limits,
    refused::Refused,
    request::{Field, OptionsChange},
    subscription::SubscribeOptions,
};

/// Applies what was submitted; fields that were not sent stay, unknown ones are ignored
/// (pubsub.md, 5e). `max_items=max` becomes none, higher values than the limits allow are refused.
///
/// # Errors
///
/// `not-acceptable`, with `unsupported-access-model` where it is that; nothing is applied.
pub(crate) fn apply_config(
    config: &NodeConfig,
    fields: &[Field],
    limits: &Limits,
) -> Result<NodeConfig, Refused> {
    unimplemented!("{config:?} {fields:?} {limits:?}")
}

/// Whether a node is as a publisher wants it. (XEP-0060, 7.1.5)
///
/// # Errors
///
/// `conflict` and `precondition-not-met`; for fields nobody knows `bad-request`.
pub(crate) fn check_preconditions(config: &NodeConfig, fields: &[Field]) -> Result<(), Refused> {
    unimplemented!("{config:?} {fields:?}")
}

/// What a subscriber's form asks for.
///
/// # Errors
///
/// `bad-request` and `invalid-options`.
pub(crate) fn read_options(
    now: SubscribeOptions,
    fields: &[Field],
) -> Result<OptionsChange, Refused> {
    unimplemented!("{now:?} {fields:?}")
}

/// The configuration form with its current values, as XML.
pub(crate) fn configuration(config: &NodeConfig) -> String {
    unimplemented!("{config:?}")
}

/// The options form with its current values, as XML.
pub(crate) fn options(options: SubscribeOptions, expires: Option<Moment>) -> String {
    unimplemented!("{options:?} {expires:?}")
}

/// What disco#info tells of a node. (XEP-0060, 5.4)
pub(crate) fn meta_data(node: &Node, owners: &[BareJid]) -> DataForm {
    unimplemented!("{node:?} {owners:?}")
}
