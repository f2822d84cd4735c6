//! Service discovery. (XEP-0060, 5.1 to 5.5)

use std::collections::BTreeSet;

use super::{Case, case};
use crate::error::{About, CaseError, CaseResult, check};
use crate::expect::Form;
use crate::request::{NS_DATA, NS_INFO, NS_ITEMS, NS_RSM, element};
use crate::test_context::{O, S, TestContext, X};

pub(super) const CASES: &[Case] = &[
    case!(
        1,
        "5.1",
        "a service has an identity and announces its features",
        tells_what_it_can
    ),
    case!(
        2,
        "5.2",
        "a stranger sees the nodes, but not the items of a closed one",
        lists_nodes
    ),
    case!(
        3,
        "5.3",
        "a node has an identity and metadata",
        a_node_has_an_identity_and_metadata
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

/// The features of XEP-0060, 10, and those that 1.30 mentions elsewhere.
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

async fn tells_what_it_can(cx: &mut TestContext) -> CaseResult {
    let answer = cx.get(X, &format!("<query xmlns='{NS_INFO}'/>")).await?;
    let info = answer.payload("query", NS_INFO)?;
    let is_service = info.children().any(|child| {
        child.is("identity", NS_INFO)
            && child.attr("category").as_deref() == Some("pubsub")
            && child.attr("type").as_deref() == Some("service")
    });
    cx.line(check(
        is_service,
        "identity pubsub/service",
        answer.received(),
    ));
    let vars: Vec<String> = info
        .children()
        .filter(|child| child.is("feature", NS_INFO))
        .map(|feature| feature.attr("var").unwrap_or_default().into_owned())
        .collect();
    let bare = "http://jabber.org/protocol/pubsub";
    let has = |var: &str| vars.iter().any(|other| other == var);
    cx.line(check(
        has(bare),
        format!("feature {bare}"),
        answer.received(),
    ));
    let distinct: BTreeSet<&String> = vars.iter().collect();
    cx.line(check(
        distinct.len() == vars.len(),
        "no feature twice",
        format!("{vars:?}"),
    ));
    let known = |var: &String| {
        let feature = var.strip_prefix("http://jabber.org/protocol/pubsub#");
        feature.is_none_or(|feature| {
            // The namespaces of errors, events and owners are not features, but harmless.
            FEATURES.contains(&feature) || ["errors", "event", "owner"].contains(&feature)
        })
    };
    let foreign: Vec<&String> = vars.iter().filter(|var| !known(var)).collect();
    cx.line(check(
        foreign.is_empty(),
        "only features of XEP-0060",
        format!("{foreign:?}"),
    ));
    untrue_features(cx).await
}

/// Checks that features which are easy to disprove are announced only if they are implemented.
async fn untrue_features(cx: &mut TestContext) -> CaseResult {
    for (feature, model) in [
        ("access-authorize", "authorize"),
        ("access-whitelist", "whitelist"),
        ("access-presence", "presence"),
        ("access-roster", "roster"),
    ] {
        let name = cx.name();
        let made = cx.create(&name, &[("access_model", model)]).await.is_ok();
        let expected = format!("{feature} announced if and only if it works");
        let received = format!("announced: {}, works: {made}", cx.announces(feature));
        cx.line(check(made == cx.announces(feature), expected, received));
    }
    if cx.announces("collections") {
        let name = cx.name();
        let made = cx.create(&name, &[("node_type", "collection")]).await;
        cx.line(made.about("collections is announced"));
    }
    let default = crate::request::pubsub("<default/>");
    let answer = cx.get(X, &default).await?;
    let works = answer.is_result();
    let received = format!(
        "announced: {}, {}",
        cx.announces("retrieve-default-sub"),
        answer.received()
    );
    cx.line(check(
        works == cx.announces("retrieve-default-sub"),
        "retrieve-default-sub announced if and only if it works",
        received,
    ));
    Ok(())
}

async fn lists_nodes(cx: &mut TestContext) -> CaseResult {
    let open = cx.node(&[]).await?;
    let closed = cx.node(&[("access_model", "whitelist")]).await?;
    cx.published(&closed, &["secret-item"]).await?;
    let mut seen = BTreeSet::new();
    let mut after: Option<String> = None;
    // Bounded, so that a service whose pages never end fails.
    for _ in 0..1_000 {
        let set = match &after {
            None => String::new(),
            Some(last) => {
                crate::request::page(&element("after", &[], &crate::request::escaped(last)))
            }
        };
        let answer = cx
            .get(X, &element("query", &[("xmlns", NS_ITEMS)], &set))
            .await?;
        let query = answer.payload("query", NS_ITEMS)?;
        for item in query.children().filter(|child| child.is("item", NS_ITEMS)) {
            let jid = item.attr("jid").unwrap_or_default();
            cx.line(check(
                jid == cx.service,
                "items with the service's address",
                answer.received(),
            ));
            seen.extend(item.attr("node").map(|node| node.into_owned()));
        }
        cx.line(check(
            !answer.received().contains("secret-item"),
            "nothing of a closed node's items",
            answer.received(),
        ));
        let last = query
            .child("set", NS_RSM)
            .and_then(|set| crate::expect::Page::of(set).last);
        if last.is_none() || last == after || seen.contains(&open) {
            break;
        }
        after = last;
    }
    check(
        seen.contains(&open),
        format!("{open} among the nodes"),
        format!("{seen:?}"),
    )
}

async fn a_node_has_an_identity_and_metadata(cx: &mut TestContext) -> CaseResult {
    let fields = [
        ("title", "A title"),
        ("description", "What it is about"),
        ("type", "urn:example:type"),
    ];
    let node = cx.node(&fields).await?;
    cx.subscribed(S, &node).await?;
    let answer = cx.info(X, &node).await?;
    let info = answer.payload("query", NS_INFO)?;
    let is_leaf = info.children().any(|child| {
        child.is("identity", NS_INFO)
            && child.attr("category").as_deref() == Some("pubsub")
            && child.attr("type").as_deref() == Some("leaf")
    });
    cx.line(check(is_leaf, "identity pubsub/leaf", answer.received()));
    let has_features = info.children().any(|child| child.is("feature", NS_INFO));
    cx.line(check(has_features, "features", answer.received()));
    let form = info
        .children()
        .find(|child| child.is("x", NS_DATA))
        .map(Form::new);
    let form = form.ok_or_else(|| CaseError::unmet("a form with metadata", answer.received()))?;
    cx.line(form.is_for("meta-data"));
    cx.line(form.is_of(&["result"]));
    for (field, value) in fields {
        cx.line(form.has_value(field, value));
    }
    cx.line(form.has_value("access_model", "open"));
    cx.line(form.has_value("num_subscribers", "1"));
    Ok(())
}

async fn an_unknown_node(cx: &mut TestContext) -> CaseResult {
    let name = cx.name();
    cx.info(X, &name).await?.error("item-not-found", "")
}

async fn items_of_a_node(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[]).await?;
    let ids = ["one", "two", "three"];
    cx.published(&node, &ids).await?;
    let answer = cx.disco_items(X, &node).await?;
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
    check(
        items.len() == 3 && names == expected,
        "three items with name=ItemID",
        answer.received(),
    )?;
    let none_has_node = items.iter().all(|item| item.attr("node").is_none());
    check(none_has_node, "no item with a node", answer.received())
}

async fn items_of_a_closed_node(cx: &mut TestContext) -> CaseResult {
    let node = cx.node(&[("access_model", "whitelist")]).await?;
    cx.published(&node, &["one"]).await?;
    let answer = cx.disco_items(X, &node).await?;
    cx.line(answer.error("not-allowed", "closed-node"));
    cx.disco_items(O, &node)
        .await?
        .is_ok()
        .about("by the owner")
}
