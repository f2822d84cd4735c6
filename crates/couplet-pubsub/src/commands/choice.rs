//! The field that says which node: a list as long as a person reads one, else a text.

use xmpp_parsers::data_forms::{Field, FieldType};

use crate::{
    facts::Needs,
    listed,
    node::{Affiliation, Node},
    page::{Page, Start},
    refused::Refused,
};

use super::{Session, form, text};

/// The most entries of a list to choose from.
pub(super) const MOST: usize = 50;

/// As many affiliations of one entity are looked through for the nodes it owns.
const LOOKED_THROUGH: u32 = 200;

/// Nodes to choose from.
pub(super) enum Choice {
    /// These, by name and label.
    These(Vec<(String, String)>),
    /// More than a list shows: the name has to be written.
    Many,
}

impl Choice {
    /// The nodes of which the entity is an owner; for an administrator all.
    pub(super) async fn owned(session: &Session<'_>) -> Result<Choice, Refused> {
        if session.desk.policy.is_admin(&session.bare()) {
            return Ok(match all(session).await? {
                Some(nodes) => Choice::of(nodes),
                None => Choice::Many,
            });
        }
        let page = Page {
            max: Some(LOOKED_THROUGH),
            from: Start::First,
        };
        let store = &session.desk.store;
        let held = store.affiliations_of(session.bare(), None, page).await?;
        let whole = (held.entries.len() as u64) < u64::from(LOOKED_THROUGH);
        let owned = held.entries.into_iter();
        let owned = owned.filter(|(_, affiliation)| *affiliation == Affiliation::Owner);
        let names: Vec<String> = owned.map(|(name, _)| name).take(MOST + 1).collect();
        if !whole || names.len() > MOST {
            return Ok(Choice::Many);
        }
        Choice::named(session, names).await
    }

    /// The nodes that the service lists to the entity.
    pub(super) async fn listed(session: &Session<'_>) -> Result<Choice, Refused> {
        let Some(nodes) = all(session).await? else {
            return Ok(Choice::Many);
        };
        let shown = listed::shown(session.desk, &session.bare(), nodes).await?;
        Ok(Choice::of(shown))
    }

    /// The nodes of these names that are still there.
    pub(super) async fn named(
        session: &Session<'_>,
        names: Vec<String>,
    ) -> Result<Choice, Refused> {
        let mut choice = Vec::new();
        for name in names.into_iter().take(MOST) {
            let label = label(session, &name).await?;
            choice.push((name, label));
        }
        Ok(Choice::These(choice))
    }

    fn of(nodes: Vec<Node>) -> Choice {
        let nodes = nodes.into_iter().map(|node| {
            let label = text::label(&node.name, &node.config);
            (node.name, label)
        });
        Choice::These(nodes.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Choice::These(nodes) if nodes.is_empty())
    }

    /// The field; the only node is chosen already.
    pub(super) fn field(self, var: &str) -> Field {
        match self {
            Choice::Many => form::required(var, FieldType::TextSingle, "Name of the node"),
            Choice::These(nodes) => {
                let mut field = form::required(var, FieldType::ListSingle, "Node");
                if let [(name, _)] = &*nodes {
                    field.values = vec![name.clone()];
                }
                let options = nodes.into_iter();
                field.options = options
                    .map(|(name, label)| form::option(label, name))
                    .collect();
                field
            }
        }
    }
}

/// The label of a node by its name.
pub(super) async fn label(session: &Session<'_>, name: &str) -> Result<String, Refused> {
    let needs = Needs {
        node: Some(name.to_owned()),
        ..Needs::default()
    };
    let found = session.desk.store.look(needs).await?;
    let config = found.node.map(|node| node.config).unwrap_or_default();
    Ok(text::label(name, &config))
}

/// All nodes, unless there are more than a list shows.
async fn all(session: &Session<'_>) -> Result<Option<Vec<Node>>, Refused> {
    let page = Page {
        max: u32::try_from(MOST + 1).ok(),
        from: Start::First,
    };
    let nodes = session.desk.store.nodes(page).await?.entries;
    Ok((nodes.len() <= MOST).then_some(nodes))
}
