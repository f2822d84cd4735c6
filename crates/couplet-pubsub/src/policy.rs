//! What the service allows beyond XEP-0060: who may create, how much, and what may be published.

use couplet::BareJid;
use couplet_core::element::Element;

use crate::node::{Affiliation, NodeConfig};

/// The house rules of a service.
///
/// Everything has a default; implement what differs.
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
    /// Whether this entity may create this node; none is an instant node. (XEP-0060, 8.1)
    fn may_create(&self, who: &BareJid, node: Option<&str>) -> bool {
        let _anybody_anything = (who, node);
        true
    }

    /// Whether publishing to a node that is not there creates it. (XEP-0060, 7.1.4) It is announced
    /// if it is so for the service's own address and the name `""`.
    fn auto_create(&self, who: &BareJid, node: &str) -> bool {
        let _everywhere = (who, node);
        true
    }

    /// Whether this entity rules the whole service: it is an owner of every node.
    fn is_admin(&self, who: &BareJid) -> bool {
        let _nobody = who;
        false
    }

    /// Whether lists show this entity the nodes of access model `whitelist` that do not list it.
    /// It may neither read nor join them, but their names and titles say what they are about.
    fn lists_closed_nodes(&self, who: &BareJid) -> bool {
        let _nobody = who;
        false
    }

    /// What this entity is to this node, if the house says more than the node does.
    fn affiliation(&self, who: &BareJid, node: &str, stored: Affiliation) -> Affiliation {
        let _as_told = (who, node);
        stored
    }

    /// Whether this may be published; `Err` is the text of the refusal (`invalid-payload`).
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

    /// How much this entity may have.
    fn limits(&self, who: &BareJid) -> Limits {
        let _everybody = who;
        Limits::default()
    }

    /// What a new node is like when its creator says nothing.
    fn new_node(&self) -> NodeConfig {
        NodeConfig::default()
    }
}

/// The rules of a service by lists and numbers, as a configuration gives them.
///
/// # Examples
///
/// ```
/// use couplet_pubsub::policy::{Creators, Rules, Policy};
/// use couplet::BareJid;
///
/// let mut rules = Rules::default();
/// // Everybody at example.org, and one from elsewhere.
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
    /// Owners of every node; they may create too.
    pub admins: Vec<BareJid>,
    /// Whether publishing creates nodes, for those who may create.
    pub auto_create: bool,
    /// Whether lists show nodes of access model `whitelist` to those who are not on the list.
    pub list_closed: bool,
    /// How much everybody may have.
    pub limits: Limits,
    /// What a new node is like when its creator says nothing.
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
    /// Everybody.
    Anyone,
    /// These; a JID without a local part stands for all at that domain.
    Listed(Vec<BareJid>),
}

impl Creators {
    /// Whether this entity is one of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use couplet_pubsub::policy::Creators;
    /// use couplet::BareJid;
    ///
    /// let nobody = Creators::Listed(Vec::new());
    /// assert!(!nobody.include(&BareJid::new("romeo@example.org")?));
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

/// Bounds of what one entity may have, and of single nodes and requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize, serde::Serialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Limits {
    /// Nodes it created.
    pub nodes: u64,
    /// Its subscriptions, to all nodes.
    pub subscriptions: u64,
    /// Its subscriptions to one node, those of all its resources together; 64 at most.
    pub subscriptions_per_node: u32,
    /// Subscriptions to a node, of everybody.
    pub subscribers: u64,
    /// Affiliations to a node: owners, publishers, members, outcasts.
    pub affiliations: u64,
    /// Nodes to which it has an affiliation; an owner of a further one cannot give it another. Those
    /// it creates are not refused.
    pub affiliated_nodes: u64,
    /// `pubsub#max_items` at most; what `max` means.
    pub items: u32,
    /// `pubsub#max_payload_size` at most, in bytes.
    pub payload_bytes: u32,
    /// The longest lease of a subscription, in seconds. (XEP-0060, 12.19)
    pub lease: u64,
    /// Items in one request to publish.
    pub batch: u32,
    /// Entries of one answer; the rest comes on further pages.
    pub page: u32,
    /// Bytes of one answer, about; the rest comes on further pages. Servers limit stanzas too,
    /// Prosody to 512 KiB, and end the stream of a component that sends a longer one.
    pub answer_bytes: u32,
    /// Bytes in the name of a node.
    pub node_name_bytes: u32,
    /// Bytes in the id of an item.
    pub item_id_bytes: u32,
    /// Announcements waiting to be delivered, of the whole service; beyond it, publishing has to wait.
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

/// The default rules: everybody may create nodes, within the default [`Limits`].
#[derive(Clone, Copy, Debug, Default)]
pub struct DefaultPolicy;

impl Policy for DefaultPolicy {}
