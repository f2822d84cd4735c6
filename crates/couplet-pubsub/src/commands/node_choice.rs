//! The field to choose a node: a list if it is short, else a text.

use xmpp_parsers::data_forms::{Field, FieldType};

use crate::{
    node::{Affiliation, Node},
    node_list,
    page::{Page, Start},
    pubsub_error::PubsubError,
    snapshot::Query,
};

use super::{Execution, form, text};

/// Maximum number of choices of a list.
pub(super) const MAX_CHOICES: usize = 50;

/// Maximum number of affiliations of an entity that are searched for nodes it owns.
const LOOKED_THROUGH: u32 = 200;

/// Nodes to choose from.
pub(super) enum NodeChoice {
    /// These nodes, by name and label.
    These(Vec<(String, String)>),
    /// Too many for a list: the user enters the name.
    Many,
}

impl NodeChoice {
    /// Returns the nodes that the entity owns; all for an administrator.
    pub(super) async fn owned(execution: &Execution<'_>) -> Result<NodeChoice, PubsubError> {
        if execution.service.policy.is_admin(&execution.bare()) {
            return Ok(match all(execution).await? {
                Some(nodes) => NodeChoice::of(nodes),
                None => NodeChoice::Many,
            });
        }
        let page = Page {
            max: Some(LOOKED_THROUGH),
            from: Start::First,
        };
        let store = &execution.service.store;
        let held = store.affiliations_of(execution.bare(), None, page).await?;
        let whole = (held.entries.len() as u64) < u64::from(LOOKED_THROUGH);
        let owned = held.entries.into_iter();
        let owned = owned.filter(|(_, affiliation)| *affiliation == Affiliation::Owner);
        let names: Vec<String> = owned.map(|(name, _)| name).take(MAX_CHOICES + 1).collect();
        if !whole || names.len() > MAX_CHOICES {
            return Ok(NodeChoice::Many);
        }
        NodeChoice::named(execution, names).await
    }

    /// Returns the nodes that the service lists to the entity.
    pub(super) async fn listed(execution: &Execution<'_>) -> Result<NodeChoice, PubsubError> {
        let Some(nodes) = all(execution).await? else {
            return Ok(NodeChoice::Many);
        };
        let shown = node_list::shown(execution.service, &execution.bare(), nodes).await?;
        Ok(NodeChoice::of(shown))
    }

    /// Returns those of these nodes that still exist.
    pub(super) async fn named(
        execution: &Execution<'_>,
        names: Vec<String>,
    ) -> Result<NodeChoice, PubsubError> {
        let mut choice = Vec::new();
        for name in names.into_iter().take(MAX_CHOICES) {
            let label = label(execution, &name).await?;
            choice.push((name, label));
        }
        Ok(NodeChoice::These(choice))
    }

    fn of(nodes: Vec<Node>) -> NodeChoice {
        let nodes = nodes.into_iter().map(|node| {
            let label = text::label(&node.name, &node.config);
            (node.name, label)
        });
        NodeChoice::These(nodes.collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        matches!(self, NodeChoice::These(nodes) if nodes.is_empty())
    }

    /// Returns the field. A single node is preselected.
    pub(super) fn field(self, var: &str) -> Field {
        match self {
            NodeChoice::Many => form::required(var, FieldType::TextSingle, "Name of the node"),
            NodeChoice::These(nodes) => {
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

/// Returns the label of a node.
pub(super) async fn label(execution: &Execution<'_>, name: &str) -> Result<String, PubsubError> {
    let query = Query {
        node: Some(name.to_owned()),
        ..Query::default()
    };
    let found = execution.service.store.snapshot(query).await?;
    let config = found.node.map(|node| node.config).unwrap_or_default();
    Ok(text::label(name, &config))
}

/// Returns all nodes, or `None` if they are too many for a list.
async fn all(execution: &Execution<'_>) -> Result<Option<Vec<Node>>, PubsubError> {
    let page = Page {
        max: u32::try_from(MAX_CHOICES + 1).ok(),
        from: Start::First,
    };
    let nodes = execution.service.store.nodes(page).await?.entries;
    Ok((nodes.len() <= MAX_CHOICES).then_some(nodes))
}
