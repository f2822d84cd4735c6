//! Which nodes lists show: a whitelist node only to those who are on its list.

use couplet::BareJid;

use crate::{
    desk::Desk,
    facts::Needs,
    node::{AccessModel, Affiliation, Node},
    refused::Refused,
};

/// The nodes that the service lists to this entity. The others it may neither read nor join, and
/// their titles would tell it what they are about.
pub(crate) async fn to(desk: &Desk, who: &BareJid, nodes: Vec<Node>) -> Result<Vec<Node>, Refused> {
    if desk.policy.lists_closed_nodes(who) || desk.policy.is_admin(who) {
        return Ok(nodes);
    }
    let mut listed = Vec::new();
    for node in nodes {
        if node.config.access != AccessModel::Whitelist || is_on_list(desk, who, &node).await? {
            listed.push(node);
        }
    }
    Ok(listed)
}

async fn is_on_list(desk: &Desk, who: &BareJid, node: &Node) -> Result<bool, Refused> {
    let needs = Needs {
        node: Some(node.name.clone()),
        actor: Some(who.clone()),
        ..Needs::default()
    };
    let found = desk.store.look(needs).await?;
    let stored = found
        .actor
        .map_or(Affiliation::None, |actor| actor.affiliation);
    let affiliation = desk.policy.affiliation(who, &node.name, stored);
    Ok(!matches!(
        affiliation,
        Affiliation::None | Affiliation::Outcast
    ))
}
