//! The policy of a service: who may create nodes, the limits, and what may be published.

use couplet::BareJid;
use couplet_core::element::Element;

use crate::node::{Affiliation, NodeConfig};

/// The policy of a service.
///
/// All methods have defaults; implement those that differ.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::policy::Policy;
///
/// struct OnlyStaff;
///
/// impl Policy for OnlyStaff {
///     fn may_create(&self, who: &couplet::BareJid, _node: Option<&str>) -> bool {
///         who.domain() == "staff.example.org"
///     }
/// }
/// ```
pub trait Policy: Send + Sync + 'static {
    /// Returns whether this entity may create this node; `None` is an instant node. (XEP-0060, 8.1)
    fn may_create(&self, who: &BareJid, node: Option<&str>) -> bool {
        let _anybody_anything = (who, node);
        true
    }

    /// Returns whether publishing to an unknown node creates it. (XEP-0060, 7.1.4) The feature is
    /// announced if this returns `true` for the address of the service and the name `""`.
    fn auto_create(&self, who: &BareJid, node: &str) -> bool {
        let _everywhere = (who, node);
        true
    }

    /// Returns whether this entity administers the service: administrators are owners of every
    /// node.
    fn is_admin(&self, who: &BareJid) -> bool {
        let _nobody = who;
        false
    }

    /// Returns whether lists show this entity nodes of access model `whitelist` that do not list
    /// it. It may neither read nor subscribe, but it sees their names and titles.
    fn lists_closed_nodes(&self, who: &BareJid) -> bool {
        let _nobody = who;
        false
    }

    /// Returns the affiliation of this entity to this node, given the stored one.
    fn affiliation(&self, who: &BareJid, node: &str, stored: Affiliation) -> Affiliation {
        let _as_told = (who, node);
        stored
    }

    /// Checks that this payload may be published; `Err` is the text of the error
    /// (`invalid-payload`).
    ///
    /// # Errors
    ///
    /// What is wrong with the payload, for the publisher.
    fn check_payload(
        &self,
        node: &str,
        config: &NodeConfig,
        payload: Element<'_>,
    ) -> Result<(), String> {
        let _anything_goes = (node, config, payload);
        Ok(())
    }

    /// Returns the limits of this entity.
    fn limits(&self, who: &BareJid) -> Limits {
        let _everybody = who;
        Limits::default()
    }

    /// Returns the default configuration of a new node.
    fn new_node(&self) -> NodeConfig {
        NodeConfig::default()
    }
}

/// A policy of lists and numbers, as in the settings.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::policy::{Creators, Rules, Policy};
/// use couplet::BareJid;
///
/// let mut rules = Rules::default();
/// // All users of example.org, and one of another server.
/// rules.creators = Creators::Listed(vec![
///     BareJid::new("example.org")?,
///     BareJid::new("guest@example.net")?,
/// ]);
/// rules.admins = vec![BareJid::new("admin@example.org")?];
///
/// assert!(rules.may_create(&BareJid::new("romeo@example.org")?, Some("news")));
/// assert!(!rules.may_create(&BareJid::new("romeo@example.net")?, Some("news")));
/// assert!(rules.is_admin(&BareJid::new("admin@example.org")?));
/// # Ok::<(), couplet::InvalidJid>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rules {
    /// Who may create nodes.
    pub creators: Creators,
    /// Owners of every node, who may also create nodes.
    pub admins: Vec<BareJid>,
    /// Whether publishing creates nodes, for entities that may create them.
    pub auto_create: bool,
    /// Whether lists show nodes of access model `whitelist` to entities that are not on their list.
    pub list_closed: bool,
    /// The limits of every entity.
    pub limits: Limits,
    /// The default configuration of a new node.
    pub new_node: NodeConfig,
}

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            creators: Creators::Anyone,
            admins: Vec::new(),
            auto_create: true,
            list_closed: false,
            limits: Limits::default(),
            new_node: NodeConfig::default(),
        }
    }
}

impl Policy for Rules {
    fn may_create(&self, who: &BareJid, _node: Option<&str>) -> bool {
        self.is_admin(who) || self.creators.include(who)
    }

    fn auto_create(&self, _who: &BareJid, _node: &str) -> bool {
        self.auto_create
    }

    fn is_admin(&self, who: &BareJid) -> bool {
        self.admins.contains(who)
    }

    fn lists_closed_nodes(&self, _who: &BareJid) -> bool {
        self.list_closed
    }

    fn limits(&self, _who: &BareJid) -> Limits {
        self.limits
    }

    fn new_node(&self) -> NodeConfig {
        self.new_node.clone()
    }
}

/// Who may create nodes.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::policy::Creators;
/// use couplet::BareJid;
///
/// let staff = Creators::Listed(vec![BareJid::new("staff.example.org")?]);
/// assert!(staff.include(&BareJid::new("juliet@staff.example.org")?));
/// assert!(Creators::Anyone.include(&BareJid::new("romeo@example.net")?));
/// # Ok::<(), couplet::InvalidJid>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Creators {
    /// All entities.
    Anyone,
    /// These entities; a domain includes all its users.
    Listed(Vec<BareJid>),
}

impl Creators {
    /// Returns whether this entity may create nodes.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_pubsub::policy::Creators;
    /// use couplet::BareJid;
    ///
    /// let none = Creators::Listed(Vec::new());
    /// assert!(!none.include(&BareJid::new("romeo@example.org")?));
    /// # Ok::<(), couplet::InvalidJid>(())
    /// ```
    #[must_use]
    pub fn include(&self, who: &BareJid) -> bool {
        match self {
            Creators::Anyone => true,
            Creators::Listed(listed) => listed.iter().any(|one| {
                one == who || (one.node().is_none() && one.to_domain() == who.to_domain())
            }),
        }
    }
}

/// Limits of one entity, of nodes and of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Limits {
    /// Nodes that it created.
    pub nodes: u64,
    /// Its subscriptions to all nodes.
    pub subscriptions: u64,
    /// Its subscriptions to one node, of all its resources together; at most 64.
    pub subscriptions_per_node: u32,
    /// All subscriptions to one node.
    pub subscribers: u64,
    /// Affiliations to a node: owners, publishers, members, outcasts.
    pub affiliations: u64,
    /// Nodes to which it has an affiliation; owners of other nodes cannot give it more. Nodes that
    /// it creates are not limited by this.
    pub affiliated_nodes: u64,
    /// The highest `pubsub#max_items`, and the meaning of `max`.
    pub items: u32,
    /// The highest `pubsub#max_payload_size`, in bytes.
    pub payload_bytes: u32,
    /// The longest lease of a subscription, in seconds. (XEP-0060, 12.19)
    pub lease: u64,
    /// Items of one publish request.
    pub batch: u32,
    /// Entries of one answer; further pages have the rest.
    pub page: u32,
    /// Approximate bytes of one answer; further pages have the rest. Servers limit stanzas too,
    /// Prosody to 512 KiB, and close the stream of a component that sends a longer one.
    pub answer_bytes: u32,
    /// Bytes in the name of a node.
    pub node_name_bytes: u32,
    /// Bytes in the id of an item.
    pub item_id_bytes: u32,
    /// Undelivered announcements of the whole service; beyond it, publishing is rejected with
    /// `resource-constraint`.
    pub backlog: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            nodes: 1_000,
            subscriptions: 10_000,
            subscriptions_per_node: 20,
            subscribers: 1_000_000,
            affiliations: 10_000,
            affiliated_nodes: 10_000,
            items: 10_000,
            payload_bytes: 250_000,
            lease: 31_536_000,
            batch: 100,
            page: 200,
            answer_bytes: 384_000,
            node_name_bytes: 1_024,
            item_id_bytes: 1_024,
            backlog: 100_000,
        }
    }
}

/// The default policy: all entities may create nodes, within the default [`Limits`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultPolicy;

impl Policy for DefaultPolicy {}
