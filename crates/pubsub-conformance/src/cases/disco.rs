//! What a service tells about itself and its nodes. (XEP-0060, 5.1 to 5.5)

use std::collections::BTreeSet;

use super::{Case, case};
use crate::ask::{NS_DATA, NS_INFO, NS_ITEMS, NS_RSM, element};
use crate::expect::Form;
use crate::fault::{About, Checked, Fault, holds};
use crate::world::{O, S, World, X};

pub(super) const CASES: &[Case] = &[
    case!(
        1,
        "5.1",
        "a service tells what it is and what it can do",
        tells_what_it_can
    ),
    case!(
        2,
        "5.2",
        "a stranger sees the nodes, and nothing of what is in a closed one",
        lists_nodes
    ),
    case!(
        3,
        "5.3",
        "a node tells what it is, with metadata",
        a_node_tells_what_it_is
    ),
    case!(4, "5.3", "an unknown node is not found", an_unknown_node),
    case!(
        5,
        "5.5",
        "the items of a node are its disco items",
        items_of_a_node
    ),
    case!(
        6,
        "5.5",
        "the items of a closed node are not shown to a stranger",
        items_of_a_closed_node
    ),
];

/// XEP-0060, 10, and the features that 1.30 mentions elsewhere.
const FEATURES: &[&str] = &[
    "access-authorize",
    "access-open",
    "access-presence",
    "access-roster",
    "access-whitelist",
    "auto-create",
    "auto-subscribe",
    "collections",
    "config-node",
    "config-node-max",
    "create-and-configure",
    "create-nodes",
    "delete-items",
    "delete-nodes",
    "filtered-notifications",
    "get-pending",
    "instant-nodes",
    "item-ids",
    "last-published",
    "leased-subscription",
    "manage-subscriptions",
    "member-affiliation",
    "meta-data",
    "modify-affiliations",
    "multi-collection",
    "multi-items",
    "multi-subscribe",
    "outcast-affiliation",
    "persistent-items",
    "presence-notifications",
    "presence-subscribe",
    "publish",
    "publish-options",
    "publish-only-affiliation",
    "publish-node-full",
    "publisher-affiliation",
    "purge-nodes",
    "retract-items",
    "retrieve-affiliations",
    "retrieve-default",
    "retrieve-default-sub",
    "retrieve-items",
    "retrieve-subscriptions",
    "rsm",
    "subscribe",
    "subscription-options",
    "subscription-notifications",
];

async fn tells_what_it_can(w: &mut World) -> Checked {
    let answer = w.get(X, &format!("<query xmlns='{NS_INFO}'/>")).await?;
    let info = answer.payload("query", NS_INFO)?;
    let is_service = info.children().any(|child| {
        child.is("identity", NS_INFO)
            && child.attr("category").as_deref() == Some("pubsub")
            && child.attr("type").as_deref() == Some("service")
    });
    w.line(holds(is_service, "identity pubsub/service", answer.came()));
    let vars: Vec<String> = info
        .children()
        .filter(|child| child.is("feature", NS_INFO))
        .map(|feature| feature.attr("var").unwrap_or_default().into_owned())
        .collect();
    let bare = "http://jabber.org/protocol/pubsub";
    let has = |var: &str| vars.iter().any(|other| other == var);
    w.line(holds(has(bare), format!("feature {bare}"), answer.came()));
    let distinct: BTreeSet<&String> = vars.iter().collect();
    w.line(holds(
        distinct.len() == vars.len(),
        "no feature twice",
        format!("{vars:?}"),
    ));
    let known = |var: &String| {
        let feature = var.strip_prefix("http://jabber.org/protocol/pubsub#");
        feature.is_none_or(|feature| {
            // The namespaces of the errors, events and owners are not features, yet harmless.
            FEATURES.contains(&feature) || ["errors", "event", "owner"].contains(&feature)
        })
    };
    let foreign: Vec<&String> = vars.iter().filter(|var| !known(var)).collect();
    w.line(holds(
        foreign.is_empty(),
        "only features of XEP-0060",
        format!("{foreign:?}"),
    ));
    untrue_features(w).await
}

/// Features that are cheap to disprove are not announced where they are not true.
async fn untrue_features(w: &mut World) -> Checked {
    for (feature, model) in [
        ("access-authorize", "authorize"),
        ("access-whitelist", "whitelist"),
        ("access-presence", "presence"),
        ("access-roster", "roster"),
    ] {
        let name = w.name();
        let made = w.create(&name, &[("access_model", model)]).await.is_ok();
        let expected = format!("{feature} announced if and only if it works");
        let came = format!("announced: {}, works: {made}", w.announces(feature));
        w.line(holds(made == w.announces(feature), expected, came));
    }
    if w.announces("collections") {
        let name = w.name();
        let made = w.create(&name, &[("node_type", "collection")]).await;
        w.line(made.about("collections is announced"));
    }
    let default = crate::ask::pubsub("<default/>");
    let answer = w.get(X, &default).await?;
    let works = answer.is_result();
    let came = format!(
        "announced: {}, {}",
        w.announces("retrieve-default-sub"),
        answer.came()
    );
    w.line(holds(
        works == w.announces("retrieve-default-sub"),
        "retrieve-default-sub announced if and only if it works",
        came,
    ));
    Ok(())
}

async fn lists_nodes(w: &mut World) -> Checked {
    let open = w.node(&[]).await?;
    let closed = w.node(&[("access_model", "whitelist")]).await?;
    w.published(&closed, &["secret-item"]).await?;
    let mut seen = BTreeSet::new();
    let mut after: Option<String> = None;
    // Bounded: a service that never ends its pages is at fault too.
    for _ in 0..1_000 {
        let set = match &after {
            None => String::new(),
            Some(last) => crate::ask::page(&element("after", &[], &crate::ask::escaped(last))),
        };
        let answer = w
            .get(X, &element("query", &[("xmlns", NS_ITEMS)], &set))
            .await?;
        let query = answer.payload("query", NS_ITEMS)?;
        for item in query.children().filter(|child| child.is("item", NS_ITEMS)) {
            let jid = item.attr("jid").unwrap_or_default();
            w.line(holds(
                jid == w.service,
                "items with the service's address",
                answer.came(),
            ));
            seen.extend(item.attr("node").map(|node| node.into_owned()));
        }
        w.line(holds(
            !answer.came().contains("secret-item"),
            "nothing of a closed node's items",
            answer.came(),
        ));
        let last = query
            .child("set", NS_RSM)
            .and_then(|set| crate::expect::Page::of(set).last);
        if last.is_none() || last == after || seen.contains(&open) {
            break;
        }
        after = last;
    }
    holds(
        seen.contains(&open),
        format!("{open} among the nodes"),
        format!("{seen:?}"),
    )
}

async fn a_node_tells_what_it_is(w: &mut World) -> Checked {
    let fields = [
        ("title", "A title"),
        ("description", "What it is about"),
        ("type", "urn:example:type"),
    ];
    let node = w.node(&fields).await?;
    w.subscribed(S, &node).await?;
    let answer = w.info(X, &node).await?;
    let info = answer.payload("query", NS_INFO)?;
    let is_leaf = info.children().any(|child| {
        child.is("identity", NS_INFO)
            && child.attr("category").as_deref() == Some("pubsub")
            && child.attr("type").as_deref() == Some("leaf")
    });
    w.line(holds(is_leaf, "identity pubsub/leaf", answer.came()));
    let has_features = info.children().any(|child| child.is("feature", NS_INFO));
    w.line(holds(has_features, "features", answer.came()));
    let form = info
        .children()
        .find(|child| child.is("x", NS_DATA))
        .map(Form::new);
    let form = form.ok_or_else(|| Fault::unmet("a form with metadata", answer.came()))?;
    w.line(form.is_for("meta-data"));
    w.line(form.is_of(&["result"]));
    for (field, value) in fields {
        w.line(form.says(field, value));
    }
    w.line(form.says("access_model", "open"));
    w.line(form.says("num_subscribers", "1"));
    Ok(())
}

async fn an_unknown_node(w: &mut World) -> Checked {
    let name = w.name();
    w.info(X, &name).await?.error("item-not-found", "")
}

async fn items_of_a_node(w: &mut World) -> Checked {
    let node = w.node(&[]).await?;
    let ids = ["one", "two", "three"];
    w.published(&node, &ids).await?;
    let answer = w.disco_items(X, &node).await?;
    let query = answer.payload("query", NS_ITEMS)?;
    let items: Vec<_> = query
        .children()
        .filter(|child| child.is("item", NS_ITEMS))
        .collect();
    let names: BTreeSet<String> = items
        .iter()
        .filter_map(|item| item.attr("name").map(|name| name.into_owned()))
        .collect();
    let expected: BTreeSet<String> = ids.iter().map(|id| (*id).to_owned()).collect();
    holds(
        items.len() == 3 && names == expected,
        "three items with name=ItemID",
        answer.came(),
    )?;
    let none_has_node = items.iter().all(|item| item.attr("node").is_none());
    holds(none_has_node, "no item with a node", answer.came())
}

async fn items_of_a_closed_node(w: &mut World) -> Checked {
    let node = w.node(&[("access_model", "whitelist")]).await?;
    w.published(&node, &["one"]).await?;
    let answer = w.disco_items(X, &node).await?;
    w.line(answer.error("not-allowed", "closed-node"));
    w.disco_items(O, &node).await?.good().about("by the owner")
}
