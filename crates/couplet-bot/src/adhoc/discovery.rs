//! The commands in service discovery. (XEP-0050, 2.2)

use couplet::{DiscoItem, DiscoItems, Jid, StanzaError};
use xmpp_parsers::disco::{DiscoInfoResult, Identity};

use super::{NS, permitted};
use crate::{
    catalog::Catalog,
    spec::{CommandSpec, Face},
    translations::Texts,
};

/// Returns the commands that the requester may run, at the address that was asked.
pub(crate) fn items(
    catalog: Catalog<'_>,
    may: &dyn Fn(&CommandSpec) -> bool,
    at: &Jid,
    texts: Texts<'_>,
) -> DiscoItems {
    let listed = catalog
        .commands
        .iter()
        .filter(|command| !command.is_hidden() && command.is_on(Face::Form) && may(command));
    let items = listed.map(|command| DiscoItem {
        jid: at.clone(),
        node: Some(command.name().to_owned()),
        name: Some(texts.title(&command.form()).into_owned()),
    });
    DiscoItems {
        node: Some(NS.to_owned()),
        items: items.collect(),
        rsm: None,
    }
}

/// Returns the information about a command.
///
/// # Errors
///
/// There is no such command, or the requester may not run it.
pub(crate) fn info(
    catalog: Catalog<'_>,
    may: &dyn Fn(&CommandSpec) -> bool,
    node: &str,
    texts: Texts<'_>,
) -> Result<DiscoInfoResult, StanzaError> {
    let command = permitted(catalog, may, node)?;
    let name = texts.title(&command.form()).into_owned();
    let identity = Identity {
        category: "automation".to_owned(),
        type_: "command-node".to_owned(),
        lang: Some(texts.lang().to_owned()).filter(|lang| !lang.is_empty()),
        name: Some(name),
    };
    Ok(DiscoInfoResult {
        node: Some(node.to_owned()),
        identities: vec![identity],
        features: [NS, "jabber:x:data"].map(str::to_owned).into(),
        extensions: Vec::new(),
    })
}
